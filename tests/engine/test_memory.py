from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.engine.cgroup import memory_headroom, usable_cores
from tessellar.engine.executors import make_executor
from tessellar.engine.memory import (
    available_bytes,
    forget_peak,
    memory_budget,
    parse_bytes,
    peak_rss_bytes,
    resident_bytes,
)
from tessellar.errors import UsageError

GIB = 2**30
MARGIN = 4 * 2**20  # the kernel's own counters lag behind by pages for each core


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * GIB),
        ("4 gib", 4 * GIB),
        ("500 MB", 500_000_000),
        ("500MB", 500_000_000),
        ("1.5G", 1_500_000_000),
        (".5KiB", 512),
        ("2 TB", 2 * 10**12),
        ("1024", 1024),
        ("10B", 10),
        (123456, 123456),
    ],
)
def test_amounts_of_memory(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "many", "4 GiB of RAM", "-1GB", "4XB", "4iB", "GiB", "1e9", "4,5GB"])
def test_other_words_are_refused(text):
    with pytest.raises(UsageError, match="4GiB"):
        parse_bytes(text)


@pytest.mark.parametrize("text", ["0", "0GB", "0.1"])
def test_nothing_is_not_an_amount(text):
    with pytest.raises(UsageError, match="not above zero"):
        parse_bytes(text)


@given(st.integers(1, 10**15))
def test_plain_numbers_are_themselves(size):
    assert parse_bytes(size) == parse_bytes(str(size)) == size


def test_the_budget_is_what_was_asked_or_half_of_what_is_free():
    assert memory_budget("3GiB") == 3 * GIB
    assert 0 < memory_budget() <= psutil.virtual_memory().total // 2
    assert 0 < available_bytes() <= psutil.virtual_memory().total


def touch_memory(size: int) -> tuple[int, int]:
    block = np.ones(size, np.uint8)
    during = resident_bytes()
    del block
    return during, peak_rss_bytes()


def test_the_peak_remembers_what_was_freed():
    with make_executor("processes", 1) as executor:
        executor.submit(peak_rss_bytes)
        (before,) = executor.wait(60)
        executor.submit(TouchMemory(64 * 2**20))
        (after,) = executor.wait(60)
    during, peak = after.result
    assert during > 64 * 2**20
    assert peak > during - MARGIN
    assert peak - before.result > 48 * 2**20


class TouchMemory:
    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self) -> tuple[int, int]:
        return touch_memory(self.size)


def test_the_peak_of_a_worker_is_its_own():
    ballast = np.ones(512 * 2**20, np.uint8)  # more than all that the program can have loaded
    with make_executor("processes", 1) as executor:
        executor.submit(peak_rss_bytes)
        (outcome,) = executor.wait(60)
    assert ballast.nbytes < peak_rss_bytes()
    assert outcome.result < ballast.nbytes


def test_the_peak_can_be_counted_anew():
    before = resident_bytes()
    ballast = np.ones(2**26, np.uint8)
    del ballast
    forget_peak()
    assert peak_rss_bytes() < before + 2**26


def group(root: Path, membership: str, files: dict[str, str]) -> dict[str, Path]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    (root / "membership").write_text(membership)
    return {"root": root, "membership": root / "membership"}


def test_version_2_limits_hold_for_the_group_and_those_above(tmp_path):
    where = group(
        tmp_path,
        "0::/slice/job\n",
        {
            "slice/job/memory.max": "max",
            "slice/job/memory.current": "10",
            "slice/memory.max": "1000",
            "slice/memory.current": "400",
            "slice/memory.stat": "anon 5\ninactive_file 50",
            "slice/job/cpu.max": "max 100000",
            "slice/cpu.max": "50000 100000",
        },
    )
    assert memory_headroom(**where) == 650
    assert usable_cores(**where) == 1


def test_version_1_limits(tmp_path):
    where = group(
        tmp_path,
        "4:memory:/job\n2:cpu,cpuacct:/job\n",
        {
            "memory/job/memory.limit_in_bytes": "1000",
            "memory/job/memory.usage_in_bytes": "900",
            "memory/job/memory.stat": "inactive_file 7\ntotal_inactive_file 30",
            "memory/memory.limit_in_bytes": "9223372036854771712",
            "memory/memory.usage_in_bytes": "5",
            "cpu/job/cpu.cfs_quota_us": "100000",
            "cpu/job/cpu.cfs_period_us": "100000",
        },
    )
    assert memory_headroom(**where) == 130
    assert usable_cores(**where) == 1


def test_without_limits_the_affinity_counts(tmp_path):
    where = group(tmp_path, "0::/\n", {"cpu.max": "max 100000"})
    assert memory_headroom(**where) is None
    assert usable_cores(**where) == len(os.sched_getaffinity(0))
    assert usable_cores(tmp_path / "no", tmp_path / "no") == len(os.sched_getaffinity(0))


def test_a_limit_that_is_passed_leaves_nothing(tmp_path):
    where = group(tmp_path, "0::/\n", {"memory.max": "100", "memory.current": "200"})
    assert memory_headroom(**where) == 0
