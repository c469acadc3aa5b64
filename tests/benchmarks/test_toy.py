"""The benchmarks at toy size: they run, refuse to time nothing, and their table says what their JSON holds."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["noise", "scales", "correlation", "detect", "measure"]
FAKE_SOFIA = """#!{python}
import sys
from importlib.util import find_spec
from pathlib import Path

keys = dict(line.split(" = ") for line in Path(sys.argv[1]).read_text().splitlines())
assert Path(keys["input.data"]).is_file()
assert keys["scfind.kernelsXY"] == "0, 3, 6" and keys["scfind.kernelsZ"] == "0, 3, 7, 15"
assert (keys["scfind.threshold"], keys["linker.minSizeXY"], keys["pipeline.threads"]) == ("5", "5", "1")
catalogue = "# Creator: SoFiA 9.9\\n#\\n# name x\\n" + "a 1\\nb 2\\n" * (keys["reliability.enable"] == "false")
Path(keys["output.directory"], keys["output.filename"] + "_cat.txt").write_text(catalogue)
"""


FAKE_MONAI = """#!{python}
import sys

import numpy as np

program, weights, given, wanted, side, overlap, precision, threads = sys.argv[1:]
assert program.endswith("run_monai.py") and (side, threads) == ("128", "1")
print("ready", flush=True)
for _ in sys.stdin:
    np.save(wanted, np.load(given)[None])
    print("done", flush=True)
"""


@pytest.fixture(autouse=True)
def _root_is_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    command = [sys.executable, "-W", "error", "-m", "benchmarks", *words]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def toy(folder: Path, *words: str) -> tuple[str, dict[str, Any]]:
    """Run at toy size; return the table and what the JSON file holds."""
    done = run(folder, "--size", "toy", "--repeats", "1", *words, "--json", "results.json")
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "results.json").read_text())
    assert record["failed"] == {}
    for result in itertools.chain(*record["results"].values()):
        assert len(result["seconds"]) == 1
        assert result["median"] == result["seconds"][0] > 0
        assert result["rate"] == pytest.approx(result["amount"] / result["median"])
    assert run(folder, "--table", "results.json").stdout == done.stdout
    return done.stdout, record["results"]


@pytest.mark.slow
def test_machine_kernels_reading_engine_and_scipy(tmp_path: Path) -> None:
    words = ["machine", "kernels", "read", "storage", "engine", "tiles", "driver", "scipy"]
    table, results = toy(tmp_path, "--workers", "2", "--only", *words)
    assert list(results) == ["machine", "kernels", "read", "storage", "engine", "tiles", "driver", "peers"]
    stored = results.pop("storage")
    stores = {result["facts"]["store"]: result["facts"]["ratio"] for result in stored}
    assert len(stored) == 4 * len(stores)
    assert len(stores) >= 6
    assert all((ratio > 1.0) != name.startswith("none") for name, ratio in stores.items())
    assert all(f"| {name} | {ratio:.2f} |" in table for name, ratio in stores.items())
    names = {group: [result["name"] for result in rows] for group, rows in results.items()}
    assert {"triad, 1 thread", "triad, 2 threads", "multiply and add, 1 thread"} <= set(names["machine"])
    assert names["kernels"] == ["noise", "scales", "mask", "components", "measure"]
    assert len(names["read"]) == 5
    crews = ["serial 1", "threads 2", "processes 2", "dask 2"]
    assert names["engine"] == names["tiles"] == crews + ["ray 2"] * (find_spec("ray") is not None)
    assert all(0 < share <= 1 for result in results["tiles"] for share in result["facts"]["kernel_share"])
    assert "### Executors with tiles of 0.02 s" in table
    assert names["driver"] == ["journal", "stitch", "tables"]
    kernels = {result["name"]: result for result in results["kernels"]}
    assert kernels["mask"]["amount"] == 32 * 64 * 64
    assert 0 < kernels["measure"]["amount"] < 32 * 64 * 64
    peers = names.pop("peers")
    assert all(f"| {name} |" in table for rows in names.values() for name in rows)
    assert len(peers) == 2
    assert "| scipy.ndimage |" in table


@pytest.mark.slow
def test_whole_find_and_sofia(tmp_path: Path) -> None:
    program = tmp_path / "sofia"
    program.write_text(FAKE_SOFIA.format(python=sys.executable))
    program.chmod(0o755)
    words = ["--workers", "1", "--only", "find-fits", "sofia", "--sofia", str(program)]
    table, results = toy(tmp_path, *words)
    assert [result["name"] for result in results["find"]] == ["FITS, threads 1", "FITS, processes 1"]
    for result in results["find"]:
        facts = result["facts"]
        assert list(facts["stages"]) == STAGES
        assert facts["n_sources"] >= 3
        assert sum(stage["seconds"][0] for stage in facts["stages"].values()) < facts["run_seconds"][0]
        assert facts["run_seconds"][0] < result["median"]
        assert facts["peak_rss_bytes"] > 0
    ours, theirs = results["peers"]
    assert (theirs["facts"]["peer"], theirs["facts"]["n_sources"]) == ("SoFiA 9.9", 2)
    assert ours["facts"]["n_sources"] == results["find"][0]["facts"]["n_sources"]
    assert "| SoFiA 9.9 |" in table
    assert not list((tmp_path / "bench").glob("tmp*"))


def test_the_network_and_monai(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text(FAKE_MONAI.format(python=sys.executable))
    program.chmod(0o755)
    table, results = toy(tmp_path, "--workers", "1", "--only", "networks", "monai", "--monai", str(program))
    product, network = results["networks"][:2]
    assert (product["name"], product["unit"]) == ("matrix product, float32, 1 thread", "operation")
    assert network["name"] == "hi-unet-s, float32, 1 thread"
    assert network["facts"]["operations_per_voxel"] > 2 * 27 * 8  # more than its first layer alone
    assert [row["facts"].get("peer", "ours") for row in results["peers"][:4]] == [
        "ours",
        "MONAI, windows of 128, overlap 0.25",
        "ours",
        "MONAI, windows of 128, overlap 0.5",
    ]
    assert "| MONAI, windows of 128, overlap 0.5 |" in table


def test_separation_kernels(tmp_path: Path) -> None:
    table, results = toy(tmp_path, "--workers", "1", "--only", "covariance", "spectra", "skies")
    names = [result["name"] for result in results["covariance"]]
    assert names == [
        f"{name}, 1 thread" for name in ("dgemm", "dsyrk", "sums of a block", "blanks filled, and sums")
    ]
    gemm, *others = (result["amount"] for result in results["covariance"])
    assert all(
        amount / gemm == pytest.approx(49 / 96) for amount in others
    )  # F (F + 1) of 2 F F for 48 channels
    spectra = {result["name"]: result["amount"] for result in results["spectra"]}
    assert set(spectra.values()) == {8 * 48 * 40 * 40, 8 * 16 * 40 * 40}
    assert "| 4 modes, 20% blank, 1 thread |" in table
    operations = {
        result["name"]: result["facts"].get("operations_per_voxel") for result in results["spectra"]
    }
    assert operations["4 modes, no blanks, 1 thread"] == 1 + 2 * 4 + 2 * 4 + 2
    assert operations["matrix, no blanks, 1 thread"] == 2 * 48
    assert operations["4 modes, 20% blank, 1 thread"] is None
    assert [result["amount"] for result in results["skies"]][-2:] == [48 * 8 * 8, 48]
    assert "| moments | 48 x 128 x 32 |" in table
    assert "### Products of all channels with all others" in table


@pytest.mark.slow
def test_gpu(tmp_path: Path) -> None:
    table, results = toy(tmp_path, "--workers", "1", "--only", "gpu")
    names = [result["name"] for result in results["gpu"]]
    assert names == [
        *("copy on the device", "up, pinned", "up, pageable", "mask, voxels on the device"),
        *("mask, from host memory (up, pinned)", "mask, from host memory (up, pageable)"),
        *("tiles of Zarr, read alone", "mask and components, from Zarr"),
    ]
    assert results["gpu"][-1]["amount"] == 32 * 64 * 64
    assert "### Smooth-and-clip on " in table
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| mask")]
    assert [row[3] for row in rows] == [names[0], names[0], names[1], names[2], names[6]]
    assert all(float(row[5].rstrip("| ").replace(",", "")) > 0 for row in rows)


@pytest.mark.slow
def test_whole_separation(tmp_path: Path) -> None:
    table, results = toy(tmp_path, "--workers", "1", "--only", "separate-power")
    (result,) = results["separation"]
    assert result["name"] == "Zarr, threads 1, with power"
    assert result["amount"] == 48 * 40 * 40
    facts = result["facts"]
    assert list(facts["stages"]) == ["centre", "moments", "separate", "modes"]
    assert facts["run_seconds"][0] < result["median"]
    assert facts["peak_rss_bytes"] > 0
    assert "### The stages of a separation" in table
    assert not list((tmp_path / "bench").glob("tmp*"))


def test_a_program_that_fails_is_a_case_without_result(tmp_path: Path) -> None:
    from benchmarks.bench import BenchmarkError
    from benchmarks.finds import run_program

    with pytest.raises(BenchmarkError, match="ended with 3: no such cube"):
        run_program([sys.executable, "-c", "import sys; print('no such cube', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(BenchmarkError, match="does not start"):
        run_program([str(tmp_path / "nothing")])


def test_work_that_makes_nothing_or_something_else_is_not_timed(tmp_path: Path) -> None:
    from benchmarks.bench import SIZES, Bench, BenchmarkError, Task

    bench = Bench(SIZES["toy"], 3, 1, tmp_path)
    with pytest.raises(BenchmarkError, match="nothing to time"):
        bench.time(Task(list, len))
    with pytest.raises(BenchmarkError, match="nothing to time"):
        bench.time(Task(lambda: float("nan"), float))
    counter = itertools.count(1)
    with pytest.raises(BenchmarkError, match="made 2, the first one made 1"):
        bench.time(Task(lambda: next(counter), float))


@pytest.mark.parametrize(("size", "first"), [("default", 1), ("toy", 0)])
def test_tasks_take_turns_and_the_first_turn_counts_at_toy_size_only(
    tmp_path: Path, size: str, first: int
) -> None:
    from benchmarks.bench import SIZES, Bench, Task

    turns: list[str] = []
    tasks = {name: Task(lambda name=name: turns.append(name), lambda _: 1.0) for name in "ab"}
    seconds = Bench(SIZES[size], 3, 1, tmp_path).race(tasks)
    assert turns == ["a", "b"] * (first + 3)
    assert [len(times) for times in seconds.values()] == [3, 3]


def test_operations_are_those_of_the_kernel_sizes() -> None:
    from benchmarks.operations import mask_operations, scale_operations
    from tessellar.kernels.smooth_clip import SmoothAndClip

    # radii 0, 4, 8 on two axes: 2 (1 + 3 r); 2 x 7 additions for each of 3 Gaussians; 12 scales of 3; 6 before, 9 after
    smoothing = 2 * (1 + 13 + 25) + 3 * 14
    assert mask_operations(SmoothAndClip()) == 6 + smoothing + 12 * 3 + 9 == 171
    assert scale_operations(SmoothAndClip()) == 6 + smoothing + 12 * 6 == 198


def test_the_table_holds_medians_ranges_and_ratios(tmp_path: Path) -> None:
    from benchmarks.results import Report, Result, read_report, write_report
    from benchmarks.table import render

    machine = {
        "processor": "P", "cores": 2, "memory_bytes": 2**30, "system": "S", "python": "3", "versions": {"numpy": "2"},
        "date": "today", "load_before": 0.1,
    }  # fmt: skip
    settings = {"command": "c", "cube": [2, 3, 4], "repeats": 3}
    kernel = {"bytes_per_voxel": 5, "bytes_in_words": "read 4, write 1", "operations_per_voxel": 100}
    results = {
        "machine": [Result("triad, 1 thread", (1.0, 2.0, 1.0), 12e9, "byte", {})],
        "kernels": [Result("mask", (4.0, 1.0, 2.0), 480e6, "voxel", kernel)],
    }
    report = Report(machine, settings, results, {"scales": "it broke"})
    write_report(report, tmp_path / "results.json")
    assert read_report(tmp_path / "results.json") == report
    lines = render(report).splitlines()
    assert "| triad, 1 thread | 12 GB/s (6 to 12) |" in lines
    row = "| mask | 240 Mvoxel/s (120 to 480) | read 4, write 1 | 2,400 Mvoxel/s | 10 | 100 | 24 |"
    assert row in lines
    assert "Failed: scales: it broke" in lines


def test_wrong_words_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no results")
    for words, sentence in (
        (["--only", "nois"], "There is no benchmark nois."),
        (["--sofia", "text"], "text is no program"),
        (["--json", "nowhere/results.json"], "is no file in a folder that exists"),
        (["--repeats", "0"], "0 is less than 1"),
        (["--table", "text"], "text holds no benchmark results"),
    ):
        done = run(tmp_path, *words)
        assert done.returncode in (2, 3)
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "bench").exists()
