"""A copy that is killed, starved of disk space, damaged or fought over ends in the same bytes as one left in peace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import copying
import pytest
from copying import N_PIECES, Listener, WatchedSource, copy, small_pieces, tree, usual_pieces
from memory_cube import names_in

import tessellar
from tessellar.engine.journal import Journal
from tessellar.errors import FolderInUseError, OutputError, UsageError
from tessellar.model import Progress

SUFFIXES = (".zarr", ".fits")


@pytest.fixture(scope="module", autouse=True)
def _single_planes() -> Iterator[None]:
    small_pieces()
    yield
    usual_pieces()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The outputs of copies that nobody disturbed, with threads."""
    folder = tmp_path_factory.mktemp("whole")
    source = WatchedSource(folder / "log")
    for suffix in SUFFIXES:
        copy(source, folder / f"out{suffix}", "threads")
    return {suffix: tree(folder / f"out{suffix}") for suffix in SUFFIXES}


def start(out: Path, log: Path, executor: str = "serial", **script: object) -> subprocess.Popen[str]:
    """Start a copy in a process of its own."""
    here, package = Path(copying.__file__).parent, Path(tessellar.__file__).parents[1]
    words = [sys.executable, copying.__file__, str(out), str(log), executor, json.dumps(script)]
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent}:{package}"}
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)


def recorded(out: Path) -> set[int]:
    """Return the pieces that the journal of an interrupted copy knows as done."""
    with Journal(out.parent / f".{out.name}.partial" / "run") as journal:
        query = "SELECT first, stop, missing FROM leases WHERE stage = 'copy' AND lost = 0"
        rows = journal._database.execute(query).fetchall()
    return {
        unit
        for first, stop, missing in rows
        for unit in range(first, stop)
        if unit not in json.loads(missing)
    }


def corners(source: WatchedSource, out: Path, units: set[int]) -> set[str]:
    """Return where pieces begin, as the source writes it down."""
    from tessellar.io.sinks import open_sink

    options = {"shard": (4, 8, 8), "chunk": (2, 4, 4)} if out.suffix == ".zarr" else {}
    pieces = open_sink(out, source.meta, **options).pieces
    return {str(pieces[unit].start) for unit in units}


KILLS = (
    ("tessellar.io.draft:Draft.seal", 1, "before"),
    ("tessellar.io.draft:Draft.seal", 1, "after"),
    ("tessellar.engine.partials:PartialStore.write", 2, "before"),  # data, no partial
    ("tessellar.engine.journal:Journal.record", 2, "before"),  # partial, no record
    ("__main__:WatchedSource.read", 4, "after"),
    ("tessellar.engine.verify:CheckStage._check", 3, "after"),
    ("tessellar.engine.journal:Journal.record", 1, "after"),
    ("tessellar.io.pieces:Pieces.check_whole", 1, "before"),
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_copy_that_is_killed_again_and_again_ends_the_same_and_reads_nothing_twice_that_was_recorded(
    tmp_path: Path, suffix: str, whole: dict[str, dict[str, bytes]]
) -> None:
    out, known = tmp_path / f"out{suffix}", set[int]()
    counts = []
    for number, kill in enumerate(KILLS):
        source = WatchedSource(tmp_path / f"log{number}")
        with start(out, source.log, kill=kill) as process:
            assert process.wait() == -signal.SIGKILL, kill
        assert not out.exists()
        assert not set(source.readings()) & corners(source, out, known), kill
        now = recorded(out)
        assert known <= now
        known = now
        counts.append(len(known))
    assert counts[2] == 1
    assert counts[3] > 1
    assert len(known) == N_PIECES[suffix]
    source = WatchedSource(tmp_path / "log")
    assert copy(source, out).resumed == N_PIECES[suffix]
    assert not source.readings()
    assert tree(out) == whole[suffix]
    assert [name for name in names_in(tmp_path) if not name.startswith("log")] == [out.name]


def test_a_copy_that_is_killed_while_it_is_published_is_complete(
    tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / "out.fits", WatchedSource(tmp_path / "log")
    with start(
        out, source.log, "threads", kill=("tessellar.io.draft:move_into_place", 1, "after")
    ) as process:
        assert process.wait() == -signal.SIGKILL
    assert tree(out) == whole[".fits"]
    with pytest.raises(OutputError, match="exists already"):
        copy(source, out)
    assert names_in(tmp_path) == ["log", "out.fits"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_worker_that_is_killed_changes_nothing(
    tmp_path: Path, suffix: str, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / f"out{suffix}", WatchedSource(tmp_path / "log", deadly=5)
    copy(source, out, "processes")
    assert (tmp_path / "log.died").exists()
    assert tree(out) == whole[suffix]
    assert names_in(tmp_path) == ["log", "log.died", out.name]


def interrupted(out: Path, source: WatchedSource) -> set[int]:
    """Stop a copy after some pieces; return which are recorded."""
    with pytest.raises(KeyboardInterrupt):
        copy(source, out, observer=Listener(stop_after=6))
    source.log.unlink()
    return recorded(out)


def shard_of(out: Path, z: int, x: int, y: int) -> Path:
    return out.parent / f".{out.name}.partial" / out.name / f"SKY/c/0/{z}/0/{x}/{y}"


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_shards_that_were_harmed_while_the_copy_was_stopped_are_found_and_alone_copied_again(
    tmp_path: Path, executor: str, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / "out.zarr", WatchedSource(tmp_path / "log")
    known = interrupted(out, source)
    assert {0, 1, 2, 3, 6} <= known < set(range(12))
    shards = [shard_of(out, 0, 0, 0), shard_of(out, 0, 0, 1), shard_of(out, 0, 1, 0), shard_of(out, 1, 1, 0)]
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-9])
    flipped = bytearray(shards[2].read_bytes())
    flipped[len(flipped) // 3] ^= 16
    shards[2].write_bytes(flipped)
    shards[3].parent.mkdir(exist_ok=True)
    shards[3].write_bytes(b"there was none: this shard is blank")
    listener = Listener()
    report = copy(source, out, executor, listener)
    assert listener.stages == ["check", "copy"]
    assert f"Found damaged or without proof: 4 of {len(known)} pieces of copy" in " ".join(listener.said)
    assert (report.done, report.resumed) == (12, len(known) - 4)
    again = {0, 1, 2, 6} | (set(range(12)) - known)
    assert dict(source.readings()) == dict.fromkeys(corners(source, out, again), 1)
    assert tree(out) == whole[".zarr"]
    assert names_in(tmp_path) == ["log", "out.zarr"]


@pytest.mark.parametrize(
    ("at", "lost"), [(0, ()), (2880, (0,)), (2880 + 4 * 143 * 2 - 1, (1,)), (None, (1, 2, 3))]
)
def test_a_file_that_was_harmed_while_the_copy_was_stopped_is_mended(
    tmp_path: Path, at: int | None, lost: tuple[int, ...], whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / "out.fits", WatchedSource(tmp_path / "log")
    known = interrupted(out, source)
    assert {0, 1, 2, 3} <= known < set(range(10))
    draft = tmp_path / ".out.fits.partial" / "out.fits"
    content = bytearray(draft.read_bytes())
    if at is None:
        del content[2880 + 4 * 143 + 5 :]
        lost = tuple(sorted(known - {0}))
    else:
        content[at] ^= 1
    draft.write_bytes(content)
    report = copy(source, out)
    assert report.resumed == len(known) - len(lost)
    again = {*lost} | (set(range(10)) - known)
    assert dict(source.readings()) == dict.fromkeys(corners(source, out, again), 1)
    assert tree(out) == whole[".fits"]


def test_pieces_whose_digest_is_lost_are_copied_again(
    tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / "out.zarr", WatchedSource(tmp_path / "log")
    known = interrupted(out, source)
    partials = sorted((tmp_path / ".out.zarr.partial/run/partials/copy").glob("*.part"))
    partials[1].write_bytes(partials[1].read_bytes()[:-1])
    listener = Listener()
    report = copy(source, out, observer=listener)
    assert report.resumed == len(known) - 1
    assert f"Found damaged or without proof: 1 of {len(known)} pieces" in " ".join(listener.said)
    assert tree(out) == whole[".zarr"]


def test_a_check_that_is_stopped_is_made_again(tmp_path: Path, whole: dict[str, dict[str, bytes]]) -> None:
    out, source = tmp_path / "out.zarr", WatchedSource(tmp_path / "log")
    known = interrupted(out, source)
    shard_of(out, 0, 0, 0).write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        copy(source, out, observer=Listener(stop_after=1, stage="check"))
    assert not source.readings()
    assert recorded(out) == known
    assert copy(source, out).resumed == len(known) - 1
    assert tree(out) == whole[".zarr"]


def test_a_copy_that_begins_anew_checks_nothing(tmp_path: Path) -> None:
    out, source = tmp_path / "out.zarr", WatchedSource(tmp_path / "log")
    interrupted(out, source)
    listener = Listener()
    assert copy(source, out, observer=listener, fresh=True).resumed == 0
    assert listener.stages == ["copy"]
    assert set(source.readings().values()) == {1}
    assert len(source.readings()) == 12


def test_a_torn_journal_is_said_and_fresh_begins_anew(
    tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / "out.zarr", WatchedSource(tmp_path / "log")
    interrupted(out, source)
    journal = tmp_path / ".out.zarr.partial/run/journal.sqlite"
    journal.write_bytes(b"x" * 4096)
    with pytest.raises(UsageError, match=r"journal .* is damaged.*--fresh"):
        copy(source, out)
    assert not source.readings()
    copy(source, out, fresh=True)
    assert tree(out) == whole[".zarr"]
    assert names_in(tmp_path) == ["log", "out.zarr"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_second_run_of_the_same_output_is_refused_and_harms_nothing(
    tmp_path: Path, suffix: str, whole: dict[str, dict[str, bytes]]
) -> None:
    out, source = tmp_path / f"out{suffix}", WatchedSource(tmp_path / "log")
    for name in ("ready", "go"):
        os.mkfifo(f"{source.log}.{name}")
    with start(out, source.log, held=5) as first:
        assert Path(f"{source.log}.ready").read_bytes() == b"x"
        for other in (source, WatchedSource(source.log, identity="another cube")):
            for fresh in (False, True):
                with pytest.raises(
                    FolderInUseError, match=rf"Another run writes .*out\{suffix} at this moment"
                ):
                    copy(other, out, fresh=fresh)
        Path(f"{source.log}.go").write_bytes(b"x")
        assert first.wait() == 0
    assert set(source.readings().values()) == {1}
    assert len(source.readings()) == N_PIECES[suffix]
    assert tree(out) == whole[suffix]
    assert names_in(tmp_path) == ["log", "log.go", "log.ready", out.name]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk in memory."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tessellar-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Filler(Listener):
    """An observer that fills the disk after some pieces."""

    def __init__(self, ballast: Path) -> None:
        super().__init__()
        self.ballast = ballast

    def progress(self, event: Progress) -> None:
        if event.done < 4 or self.ballast.exists():
            return
        with self.ballast.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                continue


@pytest.mark.parametrize(
    ("suffix", "executor"),
    [
        (".zarr", "serial"),
        (".zarr", "threads"),
        (".zarr", "processes"),
        (".fits", "serial"),
        (".fits", "threads"),
    ],
)
def test_a_full_disk_is_one_sentence_and_once_there_is_room_the_copy_goes_on(
    tmp_path: Path, suffix: str, executor: str, whole: dict[str, dict[str, bytes]]
) -> None:
    sentence = r"^[^\n]*cannot be written: [^\n]*([Nn]o space|disk is full)[^\n]*$"
    with small_disk(tmp_path / "disk", "1m") as disk:
        out, source, ballast = disk / f"out{suffix}", WatchedSource(tmp_path / "log"), disk / "ballast"
        for observer in (Filler(ballast), None):
            with pytest.raises(OutputError, match=sentence):
                copy(source, out, executor, observer)
        assert not out.exists()
        ballast.unlink()
        known = recorded(out)
        source.log.unlink()
        report = copy(source, out, executor)
        assert 4 <= report.resumed == len(known) < report.n_units
        assert dict(source.readings()) == dict.fromkeys(
            corners(source, out, {*range(report.n_units)} - known), 1
        )
        assert tree(out) == whole[suffix]
        assert names_in(disk) == [out.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_disk_that_is_too_small_from_the_start_is_left_as_it_was(tmp_path: Path, suffix: str) -> None:
    with small_disk(tmp_path / "disk", "12k") as disk:
        with pytest.raises(OutputError, match=r"cannot be written: .*([Nn]o space|disk is full)"):
            copy(WatchedSource(tmp_path / "log"), disk / f"out{suffix}")
        assert names_in(disk) == []
