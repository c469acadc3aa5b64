"""A campaign of trouble against one output: after every blow the command is repeated, and watched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from nursery import Driver
from orders import Order, Orders, until

FIND, DENSE = "find", "convert"
TILE = (8, 16, 16)  # 180 tiles, and as many shards
SECONDS = 120  # that a driver may take
DIARIES = ("run.json", "run.log", "run.toml", "report.html", "journal.sqlite", "partials")
"""What in a run folder tells how the result was come by."""

ENDS = {"kill driver": -signal.SIGKILL, "SIGTERM": 75, "SIGINT": 130, "kill scheduler": 75}
"""The exit codes of the kinds that end a driver."""

Unit = tuple[str, int]
"""The name of a stage, and the number of a unit."""


@dataclass(frozen=True)
class Peace:
    """What a command gives, and does, when nobody disturbs it.

    Attributes
    ----------
    files
        The result, file by file.
    units
        Which unit each box that is read belongs to, by stage and box.
    recorded
        What the journal knows in the end; that of a copy goes when it is published.
    """

    files: Mapping[str, bytes]
    units: Mapping[tuple[str, str], Unit]
    recorded: Set[Unit] = frozenset()


@dataclass
class Campaign:
    """One output, and the commands that make it.

    Attributes
    ----------
    folder
        Where all of it happens.
    cube
        The input.
    suffix
        ``.run`` for a catalogue; ``.zarr`` or ``.fits`` for a copy.
    executor
        Who works.
    options
        More for the command.
    patience
        How long a lease may be gone, at least, before a copy is given out, seconds.
    counts
        How often each kind of trouble happened.
    doomed
        Recorded units whose results were damaged on purpose, until they are done again.
    """

    folder: Path
    cube: Path
    suffix: str
    executor: str
    options: dict[str, Any] = field(default_factory=dict)
    patience: float = 60.0
    counts: Counter[str] = field(default_factory=Counter)
    doomed: set[Unit] = field(default_factory=set)
    _started: int = 0

    @property
    def out(self) -> Path:
        return self.folder / f"result{self.suffix}"

    @property
    def workspace(self) -> Path:
        """Where the journal and the partial results are."""
        return self.out if self.suffix == ".run" else self.draft / "run"

    @property
    def draft(self) -> Path:
        return self.folder / f".{self.out.name}.partial"

    @property
    def journal(self) -> Path:
        return self.workspace / "journal.sqlite"

    @property
    def orders(self) -> Orders:
        return Orders(self.folder.with_name(f"{self.folder.name}-orders"))

    def start(self, *orders: Order, **more: Any) -> Driver:
        """Begin the command with orders at their places."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.orders.begin()
        self._started += 1
        for order in orders:
            self.orders.give(order)
        words = {
            "verb": FIND if self.suffix == ".run" else DENSE,
            "cube": str(self.cube),
            "orders": str(self.orders.folder),
            "out": str(self.out),
            "patience": self.patience,
            "executor": self.executor,
            "workers": None if self.executor == "serial" else 2,
            **({} if self.suffix == ".fits" else {"tile": TILE}),
            **self.options,
            **more,
        }
        path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        return Driver(words, self.log, os.environ | {"PYTHONPATH": path})

    @property
    def log(self) -> Path:
        """What the last driver said."""
        return self.orders.folder / f"driver-{self._started}.log"

    def run(self, peace: Peace, *orders: Order, wanted: int | None = None, **more: Any) -> int:
        """Do the command once, and assert that it ended as it must and repeated nothing that was recorded.

        Parameters
        ----------
        peace
            What the command does undisturbed.
        *orders
            What shall happen meanwhile.
        wanted
            The exit code; by default that of what happened.
        **more
            Options of the command, for this once.
        """
        if more.get("fresh"):
            self.doomed.clear()
        recorded = set() if more.get("fresh") else self.recorded() - self.doomed
        driver = self.start(*orders, **more)
        code = self.end_of(driver)
        events = self.orders.events()
        self.orders.withdraw()
        self.counts += events
        said = f"exit code {code} of {self.executor} after {dict(events)}: {self.log.read_text()}"
        assert code == (self._end_of(events) if wanted is None else wanted), said
        assert "Traceback" not in said, said
        read = {unit for c in self.reads() if (unit := peace.units.get((c.stage, c.place)))}
        assert not read & recorded, f"recorded before, and done again: {sorted(read & recorded)}; {said}"
        self.doomed -= read
        nobody_is_left(driver.pid, more.get("executor", self.executor))
        return code

    def end_of(self, driver: Driver) -> int:
        """Return the exit code of a driver; one that does not end is killed with all its workers."""
        try:
            return driver.wait(SECONDS)
        except subprocess.TimeoutExpired:
            for process in _session_of(driver.pid):
                process.kill()
            driver.wait()
            raise

    def reads(self) -> Iterator[Any]:
        """Yield what the last driver and its workers read."""
        return (call for call in self.orders.calls() if call.point == "read")

    def finish(self, peace: Peace, *orders: Order, **more: Any) -> None:
        """Do the command to its end, and assert that the result is that of peace and nothing else is left."""
        assert self.run(peace, *orders, **more) == 0
        assert files_of(self.out) == peace.files
        assert self.recorded() == peace.recorded
        if self.suffix == ".run":
            assert not json.loads((self.out / "run.json").read_text())["partial"]
        leftovers = [*self.folder.rglob("stop-*"), *self.folder.rglob(".*")]
        assert [path.name for path in leftovers] == []
        assert [path.name for path in self.folder.iterdir()] == [self.out.name]

    def recorded(self) -> set[Unit]:
        """Return what the journal knows as done; the file itself is not touched."""
        return {unit for row in self.leases() for unit in row.work}

    def leases(self) -> list[LeaseRow]:
        """Return the leases in the journal whose results count."""
        if not self.journal.exists():
            return []
        with tempfile.TemporaryDirectory() as folder:
            for path in self.journal.parent.glob(f"{self.journal.name}*"):
                shutil.copy(path, folder)
            database = sqlite3.connect(Path(folder) / self.journal.name)
            try:
                query = "SELECT stage, first, stop, missing, file FROM leases WHERE lost = 0"
                rows = database.execute(query).fetchall()
            except sqlite3.DatabaseError:
                return []
            finally:
                database.close()
        return [
            LeaseRow(stage, first, stop, frozenset(json.loads(missing)), file)
            for stage, first, stop, missing, file in rows
        ]

    def _end_of(self, events: Mapping[str, int]) -> int:
        ends = [code for kind, code in ENDS.items() if kind in events]
        assert len(ends) < 2
        return ends[0] if ends else 0


@dataclass(frozen=True)
class LeaseRow:
    """A lease in the journal."""

    stage: str
    first: int
    stop: int
    missing: frozenset[int]
    file: str

    @property
    def work(self) -> list[Unit]:
        """What was done."""
        return [(self.stage, unit) for unit in range(self.first, self.stop) if unit not in self.missing]


def files_of(out: Path) -> dict[str, bytes]:
    """Return what must be the same, file by file: all of a copy, all results of a run."""
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    names = [file.relative_to(out.parent) for file in files]
    return {
        str(name): (out.parent / name).read_bytes()
        for name in names
        if out.suffix != ".run" or name.parts[1] not in DIARIES
    }


def peace_of(folder: Path, cube: Path, suffix: str) -> Peace:
    """Let one worker do the command undisturbed, and learn which boxes each unit reads.

    One after another and in their order, so that the n-th part of what a stage reads is its n-th unit.
    """
    campaign = Campaign(folder, cube, suffix, "serial")
    driver = campaign.start()
    assert campaign.end_of(driver) == 0, campaign.log.read_text()
    places: dict[str, list[str]] = defaultdict(list)
    for call in campaign.reads():
        places[call.stage].append(call.place)
    recorded = campaign.recorded()
    counts = Counter(stage for stage, _ in recorded)
    units: dict[tuple[str, str], Unit] = {}
    for stage, boxes in places.items():
        each, rest = divmod(len(boxes), counts[stage] or len(boxes))
        assert rest == 0
        for number, box in enumerate(boxes):
            assert units.setdefault((stage, box), (stage, number // each)) == (stage, number // each)
    return Peace(files_of(campaign.out), units, recorded)


def nobody_is_left(leader: int, executor: str) -> None:
    """Assert that no process outlives its driver for long.

    Ray's agents and its readers of logs take up to a minute to notice that their cluster is gone.
    """
    patient = ("Agent", "python") if executor == "ray" else ()

    def left() -> list[psutil.Process]:
        return [p for p in _session_of(leader) if not any(word in p.info["name"] for word in patient)]

    try:
        until(lambda: not left())
    except TimeoutError:
        assert left() == []


def _session_of(leader: int) -> list[psutil.Process]:
    """Return the processes that a driver has left behind."""
    return [process for process in psutil.process_iter(["name"]) if _is_of(process, leader)]


def _is_of(process: psutil.Process, leader: int) -> bool:
    try:
        return os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
