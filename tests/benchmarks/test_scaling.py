"""Rehearsals count right, memory stays flat at toy size, and the scaling model obeys its own arithmetic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from math import inf, prod
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
NO_MORE = 0.5  # a measured share beyond which the two cubes at toy size would not be alike


@pytest.fixture(autouse=True, scope="module")
def _root_is_on_the_path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield


def run(folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", f"benchmarks.{module}", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_rehearsal_with_failures_adds_up(tmp_path: Path, executor: str) -> None:
    words = ["--units", "3000", "--failure-rate", "0.01", "--fatal-rate", "0.002", "--executor", executor]
    done = run(tmp_path, "rehearsal", *words, "--workers", "2", "--json", "r.json")
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["problems"] == []
    assert record["slots"] == 2
    assert 0 < record["given_up"] < record["retries"]
    assert record["leases"] > 2
    assert min(record["journal_bytes"], record["partial_bytes"]) > 0
    assert record["rss_start"] <= record["rss_peak"]
    assert "sum, retries and failures are as they must be" in done.stdout
    assert not list((tmp_path / "bench").iterdir())


def test_fates_are_those_of_seed_and_unit_and_as_frequent_as_asked(tmp_path: Path) -> None:
    from benchmarks.rehearsal_stage import RehearsalStage, expected

    stage = RehearsalStage(20_000, 0.0, 0.05, 0.02, seed=3, tried=tmp_path)
    once = {unit for unit in range(stage.n_units) if stage.fails_once(unit)}
    always = {unit for unit in range(stage.n_units) if stage.fails_always(unit)}
    assert not once & always
    assert len(once) == pytest.approx(1000, abs=5 * 1000**0.5)
    assert len(always) == pytest.approx(400, abs=5 * 400**0.5)
    wanted = expected(stage, max_tries=3)
    assert (wanted.retries, wanted.given_up) == (len(once) + 2 * len(always), len(always))
    assert wanted.total == sum(set(range(stage.n_units)) - always)
    again = replace(stage, seed=4)
    assert {unit for unit in range(stage.n_units) if again.fails_once(unit)} != once


def test_a_unit_fails_at_its_first_try_only(tmp_path: Path) -> None:
    from benchmarks.rehearsal_stage import RehearsalStage

    work = RehearsalStage(1, failure_rate=1.0, tried=tmp_path).worker()
    assert callable(work)
    with pytest.raises(RuntimeError, match="chosen to fail"):
        work(0)
    assert work(0).payload["number"].tolist() == [0]


def test_units_that_compute_have_rounds_to_do_and_units_that_wait_have_none() -> None:
    from benchmarks.rehearsal_stage import RehearsalStage, rounds_per_second

    computing = RehearsalStage(1, seconds=0.02)
    assert computing.rounds == round(0.02 * rounds_per_second()) > 1000
    assert RehearsalStage(1, seconds=0.02, waits=True).rounds == 0


def test_a_wrong_sum_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import rehearsed
    from benchmarks.rehearsal_stage import Expected, RehearsalStage
    from tessellar.engine.executors import make_executor

    monkeypatch.setattr(rehearsed, "expected", lambda stage, tries: Expected(46, 0, 1))
    with make_executor("serial") as executor:
        done = rehearsed.rehearse(RehearsalStage(10), executor, tmp_path)
    assert done.problems == ("total is 45, must be 46", "given_up is 0, must be 1")


@pytest.mark.parametrize("words", [["--failure-rate", "0.7", "--fatal-rate", "0.7"], ["--fatal-rate", "-1"]])
def test_rates_that_are_no_shares_are_refused(tmp_path: Path, words: list[str]) -> None:
    done = run(tmp_path, "rehearsal", "--units", "10", *words, "--executor", "serial")
    assert done.returncode == 2
    assert "no shares of the units" in done.stderr
    assert "Traceback" not in done.stderr


def test_memory_is_compared_between_two_cubes(tmp_path: Path) -> None:
    shapes = ["--shapes", "32,64,64", "64,64,64", "--tile", "16,64,64", "--workers", "1"]
    done = run(tmp_path, "flat", *shapes, "--allowed", str(NO_MORE), "--json", "f.json")
    assert done.returncode == 0, done.stdout + done.stderr
    small, large = json.loads((tmp_path / "f.json").read_text())["peaks"]
    assert (small["n_tiles"], large["n_tiles"]) == (2, 4)
    assert 0 < small["peak_bytes"] < small["planned_bytes"]
    assert f"| {large['peak_bytes'] / small['peak_bytes']:.3f} |" in done.stdout


def _job(shape: tuple[int, int, int] = (512, 512, 512), density: float = 1e-6):
    from benchmarks.jobs import ZARR, Job

    return Job("cube", shape, ZARR, density)


def _nodes(nodes: int, shared: float = inf):
    from benchmarks.jobs import Cluster

    return Cluster(nodes, 8, 32 * 2**30, inf, shared)


@settings(max_examples=40)
@given(
    shape=st.tuples(*[st.integers(1, 60)] * 3),
    core=st.tuples(*[st.integers(1, 30)] * 3),
    halo=st.tuples(*[st.integers(0, 9)] * 3),
    blocks=st.tuples(*[st.integers(1, 16)] * 3),
)
def test_touched_voxels_are_those_of_every_tile_and_block(shape, core, halo, blocks) -> None:
    from benchmarks.prediction import touched
    from tessellar.tiling.box import Halo
    from tessellar.tiling.grid import Grid
    from tessellar.tiling.plan import sum_read

    grid = Grid(shape, core, Halo.symmetric(halo))
    total = 0
    for tile in grid:
        spans = zip(tile.read.start, tile.read.stop, blocks, strict=True)
        total += prod(len({at // b for at in range(start, stop)}) * b for start, stop, b in spans)
    assert touched(grid, blocks) == total
    assert touched(grid, (1, 1, 1)) == sum_read(grid)


def test_a_stage_takes_what_its_slowest_part_takes() -> None:
    from benchmarks.prediction import predict
    from benchmarks.rates import DEFAULTS

    rates = replace(DEFAULTS, setup_seconds=0.0, hire_seconds=0.0, lease_seconds=0.0)
    detect = predict(_job(), _nodes(1), rates).stages[2]
    assert detect.limit == "cores"
    assert detect.seconds == detect.compute >= detect.core_seconds / 8
    slow = predict(_job(), _nodes(1, shared=1e6), rates).stages
    assert [stage.limit for stage in slow] == ["storage"] * 4
    assert slow[2].seconds == slow[2].bytes_read / 1e6
    assert slow[0].seconds == slow[0].bytes_read / 1e6 + slow[0].compute  # noise does not read ahead
    busy = predict(_job(), _nodes(1), replace(rates, lease_seconds=1.0)).stages[2]
    assert (busy.limit, busy.seconds) == ("driver", busy.driver)


def test_every_voxel_is_computed_once_and_read_at_least_once() -> None:
    from benchmarks.prediction import predict
    from benchmarks.rates import DEFAULTS

    made = predict(_job(), _nodes(1), DEFAULTS)
    detect = made.stages[2]
    n = 512**3
    assert detect.bytes_read > 4 * n * made.plan.halo_overhead
    assert detect.core_seconds > n / DEFAULTS.mask + n / DEFAULTS.components + 4 * n / DEFAULTS.zarr_read
    assert detect.units == len(made.plan.grid)


def test_more_nodes_never_take_longer_while_the_driver_is_free() -> None:
    from benchmarks.prediction import predict
    from benchmarks.rates import DEFAULTS

    rates = replace(DEFAULTS, lease_seconds=0.0)
    made = [predict(_job((2048, 2048, 2048)), _nodes(nodes), rates) for nodes in (1, 4, 16)]
    times = [sum(stage.seconds for stage in each.stages) for each in made]
    assert times == sorted(times, reverse=True)
    assert times[2] > times[0] / 16
    assert [each.alone["tables"] for each in made] == [made[0].alone["tables"]] * 3
    assert made[1].core_hours == pytest.approx(made[1].seconds * 32 / 3600)


def test_sources_cost_the_driver_and_not_the_noise() -> None:
    from benchmarks.prediction import predict
    from benchmarks.rates import DEFAULTS

    few, many = (predict(_job(density=density), _nodes(1), DEFAULTS) for density in (1e-6, 1e-5))
    assert few.stages[:2] == many.stages[:2]
    assert many.alone["tables"] > 10 * few.alone["tables"]
    assert many.driver_bytes == pytest.approx(10 * few.driver_bytes)
    assert many.stages[3].core_seconds == pytest.approx(10 * few.stages[3].core_seconds)


def test_leases_are_those_that_the_engine_cuts() -> None:
    from benchmarks.prediction import n_leases

    assert n_leases(10, 30.0, slots=2) == 10  # a unit lasts longer than a lease should
    assert n_leases(1, 1.0, slots=64) == 1
    assert 0 < n_leases(1_000_000, 1e-6, slots=2) < 1_000_000 / 1000


def test_the_command_prints_both_tables_and_a_cost(tmp_path: Path) -> None:
    words = ["--shape", "512,512,512", "--nodes", "1", "2", "--cores", "8", "--memory", "32GiB"]
    done = run(tmp_path, "scaling", *words, "--price", "0.5")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| 512 x 512 x 512 |")]
    assert len(lines) == 4
    assert "| cost |" in done.stdout
    assert "### Where the time goes" in done.stdout


def test_measured_runs_are_compared_with_predicted_ones(tmp_path: Path) -> None:
    from benchmarks.rates import DEFAULTS, rates_from
    from benchmarks.results import Report, Result, read_report, write_report

    stage = {"seconds": [2.0], "voxels": 1000, "shares": {"read": 0.5, "kernel": 0.5}}
    facts = {
        "workers": 1,
        "run_seconds": [8.0],
        "n_sources": 10,
        "stages": dict.fromkeys(("noise", "scales", "detect", "measure"), stage),
    }
    machine = {"processor": "P", "cores": 2, "memory_bytes": 16 * 2**30, "date": "today"}
    results = {
        "find": [
            Result(f"FITS, {how} 1", (9.0,), 128**3, "voxel", facts) for how in ("threads", "processes")
        ],
        "kernels": [
            Result("mask", (2.0,), 2e6, "voxel", {}),
            Result("measure", (1.0,), 700, "voxel", {"n_sources": 10, "window_voxels": 1000}),
        ],
        "driver": [Result("journal", (1.0,), 50, "lease", {})],
    }
    path = tmp_path / "results.json"
    write_report(Report(machine, {"command": "c", "cube": [128] * 3, "workers": 1}, results), path)
    rates = rates_from(read_report(path))
    assert (rates.mask, rates.lease_seconds, rates.start_seconds) == (1e6, 0.02, 1.0)
    assert (rates.source_seconds, rates.source_voxels) == (0.1, 100)
    assert rates.scales == DEFAULTS.scales
    done = run(tmp_path, "scaling", "--check", "--rates", "results.json")
    assert done.returncode == 0, done.stderr
    assert "| FITS, threads 1 |" in done.stdout
    assert "/ 2.00 = " in done.stdout
    assert "/ 8.00 = " in done.stdout
    refused = run(tmp_path, "scaling", "--check")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "no measured run" in refused.stderr
