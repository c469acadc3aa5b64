"""What each command does when all is well, and what is printed where."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_calls import call, catalogues_in, complaint, program_command, run


def test_find_sums_up_on_standard_output_and_reports_progress_on_standard_error(
    cube: Path, empty_folder: Path
) -> None:
    del empty_folder
    result = call("find", cube, "--out", "run")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "2 sources in 17,280 voxels of cube.fits"
    assert lines[1].split()[:3] == ["name", "ra", "(deg)"]
    assert "f_sum (Jy Hz)" in lines[1]
    assert all(line.startswith("TSL J") for line in lines[2:4])
    assert [line.split()[0] for line in lines[4:]] == ["time", "floor", "memory", "report"]
    assert lines[-1].endswith("run/report.html")
    assert Path("run/report.html").is_file()
    for stage in ("noise", "scales", "detect", "measure"):
        assert any(line.startswith(f"{stage} ") for line in result.stderr.splitlines())
        assert stage in Path("run/run.log").read_text()


def test_the_brightest_source_comes_first(cube: Path, empty_folder: Path) -> None:
    from astropy.table import QTable

    del empty_folder
    result = call("find", cube, "--out", "run")
    table = QTable.read("run/catalogue.ecsv")
    assert str(table["name"][table["f_sum"].argmax()]) in result.stdout.splitlines()[2]


def test_the_wait_for_the_compiler_is_explained_once(
    cube: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tessellar.engine.find.crew.nothing_compiled", lambda: True)
    words = ("find", cube, "--out", "run", "--executor", "serial", "--no-report", "--fresh")
    assert call(*words).stderr.count("kernels are compiled once") == 1
    assert call(*words, "--quiet").stderr == ""


def test_quiet_is_quiet(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    for words in (
        ("plan", cube),
        ("find", cube, "--out", "run"),
        ("convert", cube, "out.zarr"),
        ("simulate", "hi", "sky.fits", "--shape", "4,8,8"),
    ):
        result = call(*words, "--quiet")
        assert (result.exit_code, result.output) == (0, "")


def test_progress_can_be_read_by_machines(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    result = call("find", cube, "--out", "run", "--log-json")
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert {event["event"] for event in events} >= {"begin", "progress", "end"}


def test_info_describes_a_cube(cube: Path) -> None:
    result = call("info", cube)
    assert result.exit_code == 0
    assert "16 channels x 30 x 36 pixels" in result.stdout


def test_plan_follows_the_options_and_writes_nothing(cube: Path, empty_folder: Path) -> None:
    result = call("plan", cube, "--tile", "8,30,36", "--workers", "3", "--kernels-z", "0,3", "--out", "run")
    assert result.exit_code == 0
    assert "2 of 8 x 30 x 36" in result.stdout
    assert "3 (threads)" in result.stdout
    assert "1 x 8 x 8 on each side" in result.stdout
    assert list(empty_folder.iterdir()) == []


def test_a_cube_survives_the_way_to_zarr_and_back(cube: Path, empty_folder: Path) -> None:
    from astropy.io import fits

    del empty_folder
    assert call("convert", cube, "out.zarr", "--tile", "16,32,32").exit_code == 0
    result = call("convert", "out.zarr", "back.fits", "--workers", "1")
    assert result.exit_code == 0
    assert "tessellar info back.fits" in result.stdout
    assert "copy 1/1" in result.stderr
    with fits.open(cube) as before, fits.open("back.fits") as after:
        assert (before[0].data == after[0].data).all()
    for name in ("fits", "zarr"):
        source = cube if name == "fits" else "out.zarr"
        assert call("find", "--no-report", source, "--out", name, "-q").exit_code == 0


def test_a_made_up_sky_is_the_same_for_the_same_seed_and_is_found(empty_folder: Path) -> None:
    words = ("--shape", "48,64,64", "--n-sources", "5", "--flux-range", "800,1500", "-q")
    for name in ("one.fits", "two.fits"):
        assert call("simulate", "hi", name, "--seed", "3", *words).exit_code == 0
    assert (empty_folder / "one.truth.ecsv").read_bytes() == (empty_folder / "two.truth.ecsv").read_bytes()
    assert (empty_folder / "one.fits").read_bytes() == (empty_folder / "two.fits").read_bytes()
    assert call("find", "--no-report", "one.fits", "--out", "run", "-q").exit_code == 0
    result = call("match", "run", "one.truth.ecsv", "--json", "match.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("completeness")
    figures = json.loads(Path("match.json").read_text())
    assert figures["n_reference"] == 5
    assert figures["n_matched"] == figures["n_catalogue"] > 0
    assert figures["reliability"] == 1.0
    assert {"low", "high", "n_reference", "n_matched", "completeness"} == figures["by_snr"][0].keys()


def test_report_is_written_anew(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    assert call("find", cube, "--out", "run", "-q").exit_code == 0
    Path("run/report.html").unlink()
    result = call("report", "run")
    assert (result.exit_code, result.stdout) == (0, "run/report.html\n")
    first = Path("run/report.html").read_bytes()
    assert b"catalogue.vot" in first
    assert call("report", "run/").exit_code == 0
    assert Path("run/report.html").read_bytes() == first


def test_kernels_lists_what_a_finder_can_be_told() -> None:
    for words in (("kernels",), ("kernels", "smooth-and-clip")):
        result = call(*words)
        assert result.exit_code == 0
        assert "--kernels-z    0,3,7,15 " in result.stdout
        assert "7,8,8 " in result.stdout


def test_doctor_looks_at_everything() -> None:
    result = call("doctor")
    assert result.exit_code == 0
    found = {line[2:].split()[0] for line in result.stdout.splitlines()}
    assert found == {
        *("tessellar", "libraries", "optional", "cores", "memory", "gpus", "codecs", "kernels"),
        *("files", "scratch"),
    }


def test_a_reader_who_leaves_is_no_error(cube: Path) -> None:
    command = " ".join(program_command("info", cube))
    for shell in (f"{command} | true; exit ${{PIPESTATUS[0]}}", f"{command} >&-"):
        done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_progress_that_nobody_can_receive_stops_nothing(cube: Path, tmp_path: Path) -> None:
    words = program_command("find", cube, "--out", tmp_path / "run")
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(words)} 2>/dev/full"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert len(catalogues_in(tmp_path / "run")) == 3


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(cube: Path, tmp_path: Path, closed: str) -> None:
    command = " ".join(program_command("find", cube, "--out", tmp_path / "run", "--no-report"))
    done = subprocess.run(["bash", "-c", f"{command} {closed}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(catalogues_in(tmp_path / "run")) == 3


def test_a_full_disk_is_a_sentence_and_no_catalogue(cube: Path, tmp_path: Path) -> None:
    words = " ".join(program_command("find", cube, "--out", tmp_path / "run", "-q"))
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 8; {words}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert catalogues_in(tmp_path / "run") == {}
    assert run("find", "--no-report", cube, "--out", tmp_path / "run", "-q").returncode == 0


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("x"), 70, "Unexpected KeyError: 'x'"),
        (MemoryError("Unable to allocate 3 GiB"), 2, "--tile"),
        (OSError(28, "No space left on device"), 2, "No space is left"),
        (OSError(24, "Too many open files"), 2, "ulimit -n"),
        (OSError(5, "Input/output error"), 70, "Input/output error"),
        (KeyboardInterrupt(), 130, "Repeat the command to resume"),
    ],
)
def test_every_end_has_its_code_and_one_line(
    error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: str) -> None:
        raise error

    monkeypatch.setattr("tessellar.api.open_cube", fail)
    monkeypatch.delenv("TESSELLAR_DEBUG", raising=False)
    result = call("info", "cube.fits")
    assert result.exit_code == code
    line = result.stderr.strip()
    assert line.startswith("tessellar: error: ")
    assert words in line
    assert "\n" not in line


def test_help_comes_before_numbers_are_loaded() -> None:
    program = (
        "import sys\nfrom tessellar.cli.program import program\n"
        "try:\n    program.main(['--help'])\nexcept SystemExit:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"numpy", "astropy", "zarr", "numba", "scipy", "rich"} & set(done.stderr.split())


def test_an_odd_error_sentence_stays_on_one_line(cube: Path) -> None:
    assert "\\x1b" in complaint(call("find", cube, "--out", "run", "--linker-shape", "\x1b[31m\nred"), 2)


def test_what_tune_proposes_is_what_find_takes(
    cube: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import functools

    from tessellar import api

    monkeypatch.setattr(api, "tune", functools.partial(api.tune, seconds=0.01))
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_folder / "cache"))
    result = call(
        "tune", cube, "--out", "tune.toml", "--json", "tune.json", "--workers", "1", "--memory", "2GiB"
    )
    assert result.exit_code == 0, result.output
    assert "memory = " in Path("tune.toml").read_text()
    for words in ("measured", "disk", "search, 1 worker", "predicted", "limited by", "--config tune.toml"):
        assert words in result.stdout
    assert json.loads(Path("tune.json").read_text())["proposal"]["workers"] == 1
    found = call("find", "--no-report", cube, "--out", "run", "--config", "tune.toml")
    assert found.exit_code == 0, found.output
    assert "by tessellar tune of" in found.stdout
    assert "Tune with a FITS or Zarr cube." in complaint(call("tune", "procedural://hi?shape=16,32,32"), 2)


def test_a_run_without_its_report_loads_nothing_that_draws(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    words = ["find", str(cube), "--out", "quick", "--executor", "serial", "--no-report"]
    program = f"""
import sys
from tessellar.cli import main
sys.argv = ["tessellar", *{words!r}]
try:
    main()
finally:
    print(sorted({{"matplotlib", "PIL", "torch", "ray", "distributed"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["report   none; tessellar report quick writes it", "[]"]
    assert not Path("quick/report.html").exists()
    assert "report = false" in Path("quick/run.toml").read_text()
    assert call("report", "quick").exit_code == 0
    assert Path("quick/report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_run_is_resumed_with_its_report_or_without(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    words = ["find", cube, "--out", "run", "--executor", "serial", "-q"]
    for more in ([], ["--no-report"], []):
        assert call(*words, *more).exit_code == 0
        assert Path("run/report.html").exists() is not bool(more)
        assert Path("run/catalogue.vot").exists()
