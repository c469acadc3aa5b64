"""The laws for kernels of others: ours keep them, and each kind of cheat breaks just the one that is about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import tessellar as ts
from tessellar.model import CubeMeta, FloatArray, MemoryUse, Patch
from tessellar.testing import DenoiserLaws
from tessellar.tiling.box import NO_HALO, Halo, Shape

LAWS = sorted(name for name in dir(DenoiserLaws) if name.startswith("test_"))


class TestGaussian(DenoiserLaws):
    def kernel(self) -> ts.Gaussian:
        return ts.Gaussian()


class TestStarlet(DenoiserLaws):
    shape: ClassVar[Shape] = (40, 62, 55)
    tiles: ClassVar[tuple[Shape, ...]] = ((16, 32, 32), (40, 7, 55))

    def kernel(self) -> ts.Starlet2D1D:
        return ts.Starlet2D1D(2, 2)


class TestMatchedFilter(DenoiserLaws):
    def kernel(self) -> ts.MatchedFilter:
        return ts.MatchedFilter()


@dataclass(frozen=True)
class Honest:
    """Each voxel by the mean of itself and the one before along m; blank where either is."""

    name: ClassVar[str] = "honest"
    outputs: ClassVar[tuple[str, ...]] = ("denoised",)

    def halo(self, meta: CubeMeta) -> Halo:
        return Halo((0, 0, 1), (0, 0, 0))

    def memory(self, shape: Shape) -> MemoryUse:
        return MemoryUse(8 * int(np.prod(shape)))

    def prepare(self, meta: CubeMeta, device: str) -> Callable[[Patch, FloatArray], FloatArray]:
        return self.work

    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        before = np.concatenate([patch.voxels[:, :, :1], patch.voxels[:, :, :-1]], axis=2)
        made = np.where(np.isnan(before), patch.voxels, np.float32(0.5) * (patch.voxels + before))
        return made[None][(slice(None), *patch.core.relative_to(patch.read.start).slices())]


class ShortHalo(Honest):
    def halo(self, meta: CubeMeta) -> Halo:
        return NO_HALO


class KnowsItsTile(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        return super().work(patch, noise) - np.float32(1e-9 * patch.voxels.size)


class LooksAtAll(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        return super().work(patch, noise) - np.nanmedian(patch.voxels)


class FillsBlanks(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        return np.nan_to_num(super().work(patch, noise))


class Hoards(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        hoard = np.ones((40, *patch.voxels.shape))
        return super().work(patch, noise) * np.float32(hoard.min())


class InDouble(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> Any:
        return super().work(patch, noise).astype(np.float64)


class Spoils(Honest):
    def work(self, patch: Patch, noise: FloatArray) -> FloatArray:
        made = super().work(patch, noise)
        noise[...] = 0
        return made


class Nameless(Honest):
    def __repr__(self) -> str:
        return object.__repr__(self)


def broken(kernel: Honest) -> list[str]:
    """Return the laws that a kernel breaks."""

    class Laws(DenoiserLaws):
        def kernel(self) -> Honest:
            return kernel

    found = []
    for law in LAWS:
        try:
            getattr(Laws(), law)()
        except AssertionError:
            found.append(law)
    return found


@pytest.mark.parametrize(
    ("kernel", "laws"),
    [
        (Honest, []),
        (ShortHalo, ["test_its_halo_is_enough", "test_tiles_change_no_bit"]),
        (KnowsItsTile, ["test_tiles_change_no_bit"]),
        (LooksAtAll, ["test_its_halo_is_enough", "test_tiles_change_no_bit"]),
        (FillsBlanks, ["test_blanks_are_blank_and_data_are_not"]),
        (Hoards, ["test_its_memory_is_enough"]),
        (InDouble, ["test_outputs_are_as_it_says"]),
        (Spoils, ["test_it_leaves_its_input_alone"]),
        (Nameless, ["test_it_travels_and_tells_its_settings"]),
    ],
)
def test_each_cheat_breaks_its_own_law(kernel: type[Honest], laws: list[str]) -> None:
    assert broken(kernel()) == laws
