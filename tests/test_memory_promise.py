"""Memory is a promise: the peak stays within the plan and does not grow with the cube."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import pytest
from memory_cube import header_of

import tessellar as ts
from tessellar.engine.devices import Device
from tessellar.engine.find.planning import make_plan
from tessellar.errors import DeviceMemoryError, MemoryBudgetError
from tessellar.model import MemoryUse
from tessellar.tiling.box import Shape

PLANE = (512, 1024)
SCRIPT = """
import sys, tessellar as ts
if __name__ == "__main__":
    ts.find_sources(sys.argv[1], out=sys.argv[2], executor=sys.argv[3], workers=2, tile=(96, 192, 256))
"""


def write_cube(path: Path, channels: int) -> None:
    """Write noise with a galaxy in each slab of 32 channels, a slab at a time: FITS (frequency, m, l)."""
    header = header_of((channels, PLANE[1], PLANE[0]), extra=["END"]).replace("\n", "")
    rng = np.random.default_rng(0)
    slab = rng.normal(size=(32, *PLANE)).astype(">f4")
    slab[8:20, 100:112, 300:312] += 5
    with path.open("wb") as file:
        file.write(header.ljust(-(-len(header) // 2880) * 2880).encode())
        for _ in range(channels // 32):
            file.write(slab.tobytes())
        file.write(bytes(-file.tell() % 2880))


def run_of(folder: Path, channels: int, executor: str) -> dict[str, object]:
    folder.mkdir(exist_ok=True)
    cube, out, script = folder / "cube.fits", folder / "run", folder / "script.py"
    script.write_text(SCRIPT)
    write_cube(cube, channels)
    subprocess.run(
        [sys.executable, str(script), str(cube), str(out), executor], check=True, capture_output=True
    )
    cube.unlink()
    info = json.loads((out / "run.json").read_text())
    assert info["n_sources"] == channels // 32
    return info


def test_a_copy_counts_what_waits_between_its_steps(tmp_path: Path) -> None:
    """Small pieces are read ahead by the dozen: 32 MiB of them, and as many wait to be written."""
    cube = "procedural://noise?shape=64,512,512"
    with pytest.raises(MemoryBudgetError, match=r"takes 64 MiB, and 60 MiB are allowed.*--executor serial"):
        ts.convert(cube, tmp_path / "a.zarr", tile=(16, 32, 32), memory="60MiB")
    small = "procedural://noise?shape=16,32,64"
    for executor in ("threads", "serial"):
        ts.convert(small, tmp_path / f"{executor}.zarr", tile=(16, 32, 32), memory="1MiB", executor=executor)


class _OnDevice(ts.SmoothAndClip):
    """A finder that holds a byte on a device for each voxel it reads."""

    def memory_on_gpu(self, shape: Shape) -> MemoryUse:
        return MemoryUse(super().memory(shape).host, prod(shape))


def test_the_plan_holds_the_memory_of_a_device_too() -> None:
    source = ts.open_cube("procedural://noise?shape=64,128,128")
    planned = partial(make_plan, source, _OnDevice(), tile=(64, 128, 128), memory=2**35, memory_is_given=True)
    one = partial(Device, "cuda", 1)
    assert "device   2 MiB of memory on cuda, 2 MiB may be used" in str(
        planned(executor="threads", workers=2, device=one(2**21))
    )
    assert "device   1 MiB" in str(planned(executor="serial", workers=1, device=one(2**20)))
    two = planned(executor="threads", workers=4, device=Device("cuda", 2, 2**21))
    assert "device   2 MiB of memory on each of 2 GPUs" in str(two)
    with pytest.raises(DeviceMemoryError, match="need 2 MiB of device memory and 1 MiB are there"):
        planned(executor="threads", workers=2, device=one(2**20))
    with pytest.raises(DeviceMemoryError, match="need 513 MiB of device memory"):  # a process has a context
        planned(executor="processes", workers=1, device=one(2**29))


def test_the_tile_that_is_chosen_fits_the_device() -> None:
    source = ts.open_cube("procedural://noise?shape=256,512,512")
    planned = partial(
        make_plan,
        source,
        _OnDevice(),
        tile=None,
        memory=2**35,
        memory_is_given=True,
        executor="threads",
        workers=2,
    )
    free, bound = planned(), planned(device=Device("cuda", 1, 2**23))
    assert prod(bound.grid.core) < prod(free.grid.core)
    assert 2**22 < bound.device_bytes <= 2**23
    with pytest.raises(DeviceMemoryError, match=r"smallest tile 16x32x32 does not fit.*--device cpu"):
        planned(device=Device("cuda", 1, 2**15))


def test_the_plan_of_a_network_counts_its_batches_on_the_device() -> None:
    from tessellar.engine.denoise.plan import make_plan as plan_denoising

    source = ts.open_cube("procedural://noise?shape=64,128,128")
    planned = partial(
        plan_denoising,
        source,
        ts.UNet(side=32),
        tile=None,
        memory=2**35,
        memory_is_given=True,
        executor="serial",
        workers=1,
    )
    on_gpu, on_cpu = planned(device=Device("cuda", 1, 2**34)), planned()
    assert (
        on_gpu.device_bytes
        == ts.UNet(side=32).memory_on_gpu((64, 128, 128)).device
        > 0
        == on_cpu.device_bytes
    )
    with pytest.raises(DeviceMemoryError):
        planned(device=Device("cuda", 1, on_gpu.device_bytes - 1), tile=(64, 128, 128))
    assert "device   none" in str(ts.plan("procedural://noise?shape=64,128,128"))


@pytest.mark.slow
def test_a_gibibyte_needs_what_a_quarter_of_it_needs(tmp_path: Path) -> None:
    """One worker: whether tiles of two are there at the same moment is chance, and likelier where there are more."""
    run_of(tmp_path / "first", 32, "serial")  # whoever comes first compiles, which takes memory too
    small = run_of(tmp_path / "small", 128, "serial")
    large = run_of(tmp_path / "large", 512, "serial")
    assert large["n_voxels"] == 4 * small["n_voxels"] == 2**28
    for info in (small, large):
        assert info["peak_rss_bytes"] <= info["plan"]["projected_bytes"]
    assert large["peak_rss_bytes"] <= 1.1 * small["peak_rss_bytes"]


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_two_workers_stay_within_the_plan(executor: str, tmp_path: Path) -> None:
    info = run_of(tmp_path / "run", 128, executor)
    assert info["peak_rss_bytes"] <= info["plan"]["projected_bytes"]


SEPARATE = """
import sys, tessellar as ts
if __name__ == "__main__":
    ts.separate_foregrounds(
        sys.argv[1], ts.PCA(2), out=sys.argv[2], executor="threads", workers=2, tile=(128, 64, 128), power=False
    )
"""


@pytest.mark.slow
def test_separating_four_times_the_sky_needs_the_same_memory(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SEPARATE)
    peaks = []
    for name, sky in (("first", "128,128"), ("small", "256,256"), ("large", "512,512")):
        cube, out = f"procedural://noise?shape=128,{sky}", tmp_path / f"{name}.zarr"
        subprocess.run([sys.executable, str(script), cube, str(out)], check=True, capture_output=True)
        info = json.loads((tmp_path / f"{name}.foregrounds" / "run.json").read_text())
        assert info["peak_rss_bytes"] <= info["plan"]["projected_bytes"]
        peaks.append(info["peak_rss_bytes"])
    assert peaks[2] <= 1.1 * peaks[1]
