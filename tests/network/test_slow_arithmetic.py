"""A network in bfloat16 on a processor that has no fast products of it: it is done, and said to be slow."""

from __future__ import annotations

import platform
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from network.small import write_network

import tessellar as ts
from tessellar.api.devices import slow_arithmetic
from tessellar.kernels.network import torch_library
from tessellar.kernels.network.torch_library import multiplies_bfloat16
from tessellar.training.recipe import NETWORKS

FAST, SLOW = ts.UNet(), ts.UNet(precision="bfloat16")


def on(monkeypatch: pytest.MonkeyPatch, machine: str, capability: str) -> None:
    cpu = SimpleNamespace(get_cpu_capability=lambda: capability)
    torch = SimpleNamespace(backends=SimpleNamespace(cpu=cpu))
    monkeypatch.setattr(torch_library, "load_torch", lambda: torch)
    monkeypatch.setattr(platform, "machine", lambda: machine)


@pytest.mark.parametrize(
    ("machine", "capability", "fast"),
    [
        ("x86_64", "AVX512", True),
        ("x86_64", "AVX2", False),
        ("AMD64", "DEFAULT", False),
        ("aarch64", "DEFAULT", True),
    ],
)
def test_processors_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, machine: str, capability: str, fast: bool
) -> None:
    on(monkeypatch, machine, capability)
    assert multiplies_bfloat16() == fast
    for kernel in (SLOW, ts.NetworkFinder(SLOW), NETWORKS["hi-unet-s"]):
        assert len(slow_arithmetic(kernel, "cpu")) == (not fast)
        assert slow_arithmetic(kernel, "cuda") == ()
    for kernel in (FAST, ts.NetworkFinder(FAST), ts.SmoothAndClip(), ts.Starlet2D1D()):
        assert slow_arithmetic(kernel, "cpu") == ()


def test_whoever_has_to_wait_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch_library, "multiplies_bfloat16", lambda: False)
    (warning,) = slow_arithmetic(SLOW, "cpu")
    small = ts.UNet(weights=str(write_network(tmp_path)), precision="bfloat16", side=16)
    voxels = np.random.default_rng(1).normal(size=(16, 16, 16)).astype(np.float32)
    cube = MemorySource(voxels, meta_of(voxels.shape))
    assert warning in ts.find_sources(cube, ts.NetworkFinder(small), executor="serial").info["warnings"]
    assert warning in ts.denoise(cube, small, out=tmp_path / "out.zarr").info["warnings"]
