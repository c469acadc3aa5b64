"""``--device``: the same catalogue to the bit wherever it is computed, and a sentence where there is no such device."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

import pytest

import tessellar as ts
from tessellar.api import devices as asked
from tessellar.engine import devices
from tessellar.engine.devices import Device, device_of_worker
from tessellar.engine.executors import make_executor
from tessellar.engine.slot_number import slot_number
from tessellar.errors import DeviceMemoryError, UsageError
from tessellar.kernels.devices import TORCH_CPU, count_gpus, device_type, torch_name
from tessellar.simulate.hi import HiSky

SKY = HiSky((32, 64, 56), seed=4, n_sources=8, touch_edges=True)
QUICK = ts.Products(report=False)
FILES = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv")
needs_gpu = pytest.mark.skipif(count_gpus() == 0, reason="needs a GPU that torch sees")


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    out = tmp_path_factory.mktemp("cpu") / "run"
    return ts.find_sources(SKY, products=QUICK, device="cpu", executor="serial", tile=SKY.shape, out=out)


@pytest.mark.parametrize(
    ("device", "executor", "tile"),
    [
        (TORCH_CPU, "threads", (16, 32, 28)),
        pytest.param("cuda", "threads", (16, 32, 28), marks=needs_gpu),
        pytest.param("cuda", "processes", SKY.shape, marks=needs_gpu),
    ],
)
def test_the_catalogue_is_that_of_the_cpu(
    on_cpu: ts.Run, tmp_path: Path, device: str, executor: str, tile: tuple[int, int, int]
) -> None:
    run = ts.find_sources(
        SKY, products=QUICK, device=device, executor=executor, workers=2, tile=tile, out=tmp_path / "run"
    )
    assert len(run.catalogue) >= 3
    for name in FILES:
        assert (run.folder / name).read_bytes() == (on_cpu.folder / name).read_bytes()
    assert run.info["plan"]["device"] == device
    assert run.info["plan"]["projected_device_bytes"] > 0 == on_cpu.info["plan"]["projected_device_bytes"]
    again = ts.find_sources(SKY, products=QUICK, device="cpu", executor="serial", tile=tile, out=run.folder)
    assert again.info["stages"]["detect"]["resumed"] == run.info["n_tiles"]  # a run goes on elsewhere


def gpus(monkeypatch: pytest.MonkeyPatch, count: int, free: int = 2**30) -> None:
    for module in (devices, asked):
        monkeypatch.setattr(f"{module.__name__}.count_gpus", lambda: count, raising=False)
    monkeypatch.setattr("tessellar.kernels.devices.count_gpus", lambda: count)
    monkeypatch.setattr(devices, "free_bytes", lambda numbers: free * len(list(numbers)))


def test_gpus_are_taken_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2, 1000)
    assert asked.device_of("cuda", ts.SmoothAndClip()) == Device("cuda", 2, 1800)
    assert asked.device_of("auto", ts.SmoothAndClip()) == Device("cpu")
    assert asked.device_of("cuda:1", ts.UNet()) == Device("cuda:1", 1, 900)
    assert asked.device_of("cpu", ts.UNet()) == Device("cpu")
    assert asked.device_of("cuda", ts.UNet(), "tcp://here:1") == Device("cuda")


def test_a_device_that_is_not_there_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus(monkeypatch, 0)
    find = partial(ts.find_sources, SKY, out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"torch sees no GPU on this machine.*Use --device cpu"):
        find(device="cuda")
    with pytest.raises(UsageError, match="Choose auto, cpu, cuda, or cuda:1"):
        find(device="gpu")
    with pytest.raises(UsageError, match="torch sees no GPU"):
        ts.plan(SKY, device="cuda:0")
    with pytest.raises(UsageError, match="gaussian computes on the CPU alone"):
        ts.denoise(SKY, ts.Gaussian(), out=tmp_path / "out.zarr", device="cuda")
    with pytest.raises(UsageError, match="done on the CPU alone"):
        ts.convert(SKY, tmp_path / "out.zarr", device="cuda")
    gpus(monkeypatch, 1)
    with pytest.raises(UsageError, match=r"has 1 GPU, counted from 0. Use --device cuda:0"):
        find(device="cuda:1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs torch, which is not installed"):
        find(device="cuda")
    assert not (tmp_path / "run").exists()


def test_a_run_that_no_gpu_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 1, 2**20)
    with pytest.raises(DeviceMemoryError, match="does not fit the memory of the device"):
        ts.plan(SKY, device="cuda")
    with pytest.raises(DeviceMemoryError, match="does not fit the memory of the device"):
        ts.plan_denoising(SKY, ts.UNet(), device="cuda", memory="8GiB")


def test_words_for_devices() -> None:
    assert [device_type(name) for name in ("cpu", TORCH_CPU, "cuda", "cuda:1")] == [
        "cpu",
        "cpu",
        "cuda",
        "cuda",
    ]
    assert [torch_name(name) for name in ("cpu", TORCH_CPU, "cuda:1")] == ["cpu", "cpu", "cuda:1"]


class _Gather:
    """A task that ends when as many have begun as there are slots, so that each has one."""

    def __init__(self, n: int) -> None:
        self.barrier = threading.Barrier(n)

    def __call__(self) -> tuple[int, str]:
        self.barrier.wait(60)
        return slot_number(), device_of_worker("cuda")


def test_every_slot_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    task, seen = _Gather(3), []
    with make_executor("threads", 3) as executor:
        for _ in range(3):
            executor.submit(task)
        while len(seen) < 3:
            seen += [outcome.result for outcome in executor.wait(1.0)]
    assert sorted(seen) == [(0, "cuda:0"), (1, "cuda:1"), (2, "cuda:0")]
    monkeypatch.setattr(devices, "free_bytes", lambda _: pytest.fail("a worker asks no GPU for its memory"))
    assert device_of_worker("cuda:1") == "cuda:1"
    assert device_of_worker("cpu") == "cpu"
    gpus(monkeypatch, 0)
    with pytest.raises(UsageError, match="torch sees no GPU"):
        device_of_worker("cuda")


def test_processes_know_their_slots() -> None:
    with make_executor("processes", 2) as executor:
        for _ in range(2):
            executor.submit(slot_number)
        seen: list[int] = []
        while len(seen) < 2:
            seen += [outcome.result for outcome in executor.wait(1.0)]
    assert sorted(seen) == [0, 1]
