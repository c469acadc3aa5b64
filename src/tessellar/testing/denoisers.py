"""The laws of denoisers: a voxel has the same value in every tile, and what a kernel says of itself is true."""

from __future__ import annotations

import pickle
import tracemalloc
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.model import CubeMeta, FloatArray, Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_SLACK = 1 << 20  # bytes that a kernel may hold for small things


class DenoiserLaws(ABC):
    """What every denoiser must keep; pytest runs each method of a class that derives from it.

    Examples
    --------
    >>> class TestMine(DenoiserLaws):  # doctest: +SKIP
    ...     def kernel(self):
    ...         return Mine(strength=2.0)
    """

    shape: ClassVar[Shape] = (24, 41, 37)
    """Of the sky that is denoised, ``(frequency, l, m)``; larger than twice the halo, or `test_its_halo_is_enough` has
    nothing to look at."""
    tiles: ClassVar[tuple[Shape, ...]] = ((8, 16, 16), (5, 41, 9), (24, 7, 37))
    """Cores of the tiles."""

    @abstractmethod
    def kernel(self) -> DenseKernel:
        """Return the kernel."""

    def sky(self) -> HiSky:
        """Return the sky that is denoised: some galaxies in noise, in Jy/beam."""
        return HiSky(self.shape, seed=1, n_sources=4, flux_range=(100.0, 400.0))

    def test_tiles_change_no_bit(self) -> None:
        """A voxel has the same bits whichever tile it is in, blank ones beside it or not."""
        for voxels in (self._voxels(), self._with_blanks()):
            whole = self._denoised(voxels, self.shape)
            for tile in self.tiles:
                assert np.array_equal(self._denoised(voxels, tile), whole, equal_nan=True), f"tiles of {tile}"

    def test_its_halo_is_enough(self) -> None:
        """What lies beyond the halo of a core changes nothing in it, be it other noise or blank."""
        voxels, cube = self._voxels(), Box.of_shape(self.shape)
        z, x, y = (n // 2 for n in self.shape)
        core = Box((z, x, y), (z + 1, x + 1, y + 1))
        near = core.grow(self.kernel().halo(self._meta)).clip(cube)
        assert near != cube, "the halo reaches over the whole sky: give a larger shape"
        noise = np.random.default_rng(2).normal(0.0, self.sky().rms_jy, self.shape).astype(np.float32)
        for beyond in (noise, np.full(self.shape, np.nan, np.float32)):
            beyond[near.slices()] = voxels[near.slices()]
            assert np.array_equal(self._work(beyond, cube, core), self._work(voxels, cube, core))

    def test_blanks_are_blank_and_data_are_not(self) -> None:
        """Blank voxels are NaN in every output; without any, and with known noise, all voxels are finite."""
        voxels = self._with_blanks()
        for output in self._denoised(voxels, self.shape):
            assert np.isnan(output[np.isnan(voxels)]).all()
            assert not np.isinf(output).any()
        assert np.isfinite(self._denoised(self._voxels(), self.shape)).all()

    def test_its_memory_is_enough(self) -> None:
        """It takes no more memory than it says; what compiled code takes is not seen here."""
        voxels, cube = self._voxels(), Box.of_shape(self.shape)
        work, noise = self.kernel().prepare(self._meta, "cpu"), self._noise(self.shape)
        work(Patch(voxels, cube, cube), noise)  # what is made once is made
        tracemalloc.start()
        try:
            made = work(Patch(voxels, cube, cube), noise)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        said = self.kernel().memory(self.shape).host
        assert peak <= said + made.nbytes + _SLACK, f"{peak} bytes, and {said} were told"

    def test_outputs_are_as_it_says(self) -> None:
        """As many outputs as it names, float32, of the core."""
        kernel, tile = self.kernel(), Grid(self.shape, self.tiles[0], self.kernel().halo(self._meta))[0]
        made = self._work(self._voxels(), tile.read, tile.core)
        assert made.dtype == np.float32
        assert made.shape == (len(kernel.outputs), *tile.core.shape)
        assert kernel.outputs[0] == "denoised"

    def test_it_leaves_its_input_alone(self) -> None:
        """Voxels and noise are as they were: other kernels and the report look at them too."""
        voxels, cube, noise = self._with_blanks(), Box.of_shape(self.shape), self._noise(self.shape)
        kept = voxels.copy(), noise.copy()
        self.kernel().prepare(self._meta, "cpu")(Patch(voxels, cube, cube), noise)
        assert np.array_equal(voxels, kept[0], equal_nan=True)
        assert np.array_equal(noise, kept[1])

    def test_it_travels_and_tells_its_settings(self) -> None:
        """It pickles small, for workers, and its ``repr``, on which resuming relies, is that of an equal one."""
        packed = pickle.dumps(self.kernel())
        assert len(packed) < _SLACK
        assert repr(pickle.loads(packed)) == repr(self.kernel())
        assert " object at 0x" not in repr(self.kernel())

    @property
    def _meta(self) -> CubeMeta:
        return self.sky().meta

    def _voxels(self) -> FloatArray:
        return self.sky().read(Box.of_shape(self.shape))

    def _with_blanks(self) -> FloatArray:
        """Return the sky with blank voxels: scattered, a channel, a spectrum, an edge."""
        voxels = self._voxels()
        voxels[np.random.default_rng(3).random(self.shape) < 0.03] = np.nan
        voxels[2], voxels[:, 3, 4], voxels[:, :, :2] = np.nan, np.nan, np.nan
        return voxels

    def _noise(self, shape: Shape) -> FloatArray:
        return np.full(shape, self.sky().rms_jy, np.float32)

    def _work(self, voxels: FloatArray, read: Box, core: Box) -> FloatArray:
        patch = Patch(np.ascontiguousarray(voxels[read.slices()]), read, core)
        return self.kernel().prepare(self._meta, "cpu")(patch, self._noise(read.shape))

    def _denoised(self, voxels: FloatArray, tile: Shape) -> FloatArray:
        """Return all outputs, put together from tiles."""
        grid = Grid(self.shape, tile, self.kernel().halo(self._meta))
        parts = [(each.core, self._work(voxels, each.read, each.core)) for each in grid]
        made = np.empty((len(parts[0][1]), *self.shape), np.float32)
        for core, part in parts:
            made[(slice(None), *core.slices())] = part
        return made
