"""The laws of separations: the filter is a function of the whole cube's statistics alone, and is what it says it is."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from tessellar.kernels.foregrounds.fill import fill_blanks
from tessellar.kernels.foregrounds.legendre import scaled_log_frequency
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.kernels.foregrounds.network import network_inputs
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.pca import principal_modes
from tessellar.kernels.foregrounds.project import Projection
from tessellar.kernels.foregrounds.separated import Separated, Separation
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray, FloatArray
from tessellar.tiling.box import Shape

_SLACK = 1 << 20  # bytes that a kernel may hold for small things
_MATRICES = 16  # of all channels by all channels: what a filter may be computed with
_LEFT = 0.02  # of the brightness: a separation takes nearly all of smooth spectra away


class SeparationLaws(ABC):
    """What every separation must keep; pytest runs each method of a class that derives from it.

    The sky is made of power laws whose index varies from pixel to pixel, a thousand times brighter than its noise.

    Examples
    --------
    >>> class TestMine(SeparationLaws):  # doctest: +SKIP
    ...     def kernel(self):
    ...         return Mine(modes=3)
    """

    shape: ClassVar[Shape] = (40, 48, 44)
    """Of the sky that is cleaned, ``(frequency, l, m)``."""

    @abstractmethod
    def kernel(self) -> Separation:
        """Return the kernel."""

    def sky(self) -> FloatArray:
        """Return the sky that is cleaned, kelvin, float32 array (frequency, l, m)."""
        random, (n_channels, *pixels) = np.random.default_rng(1), self.shape
        x = np.log(self.frequencies() / self.frequencies().mean())[:, None, None]
        bright = 300.0 * (1.0 + 0.1 * random.standard_normal(pixels))
        free = 3.0 * np.exp(0.5 * random.standard_normal(pixels))
        index = -2.55 + 0.1 * random.standard_normal(pixels)
        smooth = bright * np.exp(index * x) + free * np.exp(-2.1 * x)
        noise = 0.1 * random.standard_normal((n_channels, *pixels))
        return np.asarray(smooth + noise, dtype=np.float32)

    def frequencies(self) -> DoubleArray:
        """Return the frequencies of its channels, Hz, float64 array (frequency)."""
        return 140e6 + 4e5 * np.arange(self.shape[0], dtype=np.float64)

    def test_the_same_cube_gives_the_same_filter(self) -> None:
        """To the bit, and whatever was done with the kernel before: a run that resumes learns it again."""
        used, fresh = self.kernel(), self.kernel()
        _filter(used, *self._learned(seed=7))
        given = self._learned()
        first, again, other = _filter(used, *given), _filter(used, *given), _filter(fresh, *given)
        for found in (again, other):
            assert found.modes == first.modes
            for name in ("mean", "basis", "residual"):
                mine, its = getattr(first.operator, name), getattr(found.operator, name)
                assert (mine is None) == (its is None), name
                assert mine is None or np.array_equal(mine, its), name

    def test_its_filter_is_finite_and_fits_the_channels(self) -> None:
        """Its rows are the channels that were given, and no number in it is NaN or infinite."""
        operator = self._separated().operator
        assert len(operator.mean) == self.shape[0]
        for array in (operator.mean, operator.basis, operator.residual):
            assert array is None or (array.dtype == np.float64 and np.isfinite(array).all())

    def test_it_takes_as_many_modes_as_it_says(self) -> None:
        """``modes`` is the number of dimensions that are gone from every spectrum: it is never hidden."""
        found, n_channels = self._separated(), self.shape[0]
        assert 0 <= found.modes < n_channels
        if found.operator.basis is not None:
            assert np.linalg.matrix_rank(found.operator.basis) == found.modes
        elif found.operator.residual is not None:
            gone = n_channels - float(np.trace(found.operator.residual))
            assert abs(found.modes - gone) <= 0.5 + 1e-6 * n_channels, f"{gone} dimensions are gone"

    def test_smooth_spectra_are_taken_away(self) -> None:
        """Little is left of what is bright; what is left is finite for every pixel."""
        sky = self.sky()
        residual = self._projection(self._separated().operator).residual(sky)
        assert np.isfinite(residual).all()
        assert residual.std() < _LEFT * sky.std(axis=(1, 2)).mean()

    def test_blanks_are_blank_and_data_are_not(self) -> None:
        """It learns from a sky with blanks, and leaves data where there were data."""
        sky = self._with_blanks()
        residual = self._projection(_filter(self.kernel(), *self._learned(sky)).operator).residual(sky)
        assert np.array_equal(np.isnan(residual), np.isnan(sky))
        assert not np.isinf(residual).any()

    def test_it_leaves_its_input_alone(self) -> None:
        """Statistics and maps are as they were: the report looks at them too."""
        given = self._learned()
        kept = copy.deepcopy(given)
        _filter(self.kernel(), *given)
        for mine, its in zip(_arrays(given), _arrays(kept), strict=True):
            assert np.array_equal(mine, its, equal_nan=True)

    def test_its_memory_is_enough(self) -> None:
        """Beside matrices of the channels it takes no more memory than it says; compiled code's is not seen here."""
        kernel, given = self.kernel(), self._learned()
        _filter(kernel, *given)  # what is made once is made
        tracemalloc.start()
        try:
            _filter(kernel, *given)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        n_channels, *sky = self.shape
        said = kernel.map_bytes((sky[0], sky[1]), n_channels)
        assert peak <= said + _MATRICES * 8 * n_channels**2 + _SLACK, f"{peak} bytes, and {said} were told"

    def test_its_network_looks_no_farther_than_it_says(self) -> None:
        """A pixel has the same bits in every piece that holds it and what is around; there may be no network."""
        found = self._separated()
        if found.network is None:
            return
        sky = self.sky()
        residual = self._projection(found.operator).residual(sky)
        inputs, halo = network_inputs(sky, residual), found.network.halo
        whole = np.asarray(found.network(inputs))
        assert whole.shape == self.shape
        assert whole.dtype == np.float32
        for start, stop in (((11, 9), (23, 30)), ((20, 17), (29, 22))):
            first = [max(0, a - h) for a, h in zip(start, halo, strict=True)]
            last = [b + h for b, h in zip(stop, halo, strict=True)]
            piece = found.network(inputs[:, :, first[0] : last[0], first[1] : last[1]].copy())
            inside = tuple(slice(a - f, b - f) for a, b, f in zip(start, stop, first, strict=True))
            own = whole[:, start[0] : stop[0], start[1] : stop[1]]
            assert np.array_equal(np.asarray(piece)[(slice(None), *inside)], own), f"pixels {start} to {stop}"

    def test_it_travels_and_tells_its_settings(self) -> None:
        """It pickles small, for workers, and its ``repr``, on which resuming relies, is that of an equal one."""
        packed = pickle.dumps(self.kernel())
        assert len(packed) < _SLACK
        assert repr(pickle.loads(packed)) == repr(self.kernel())
        assert " object at 0x" not in repr(self.kernel())
        assert self.kernel().name

    def _with_blanks(self) -> FloatArray:
        """Return the sky with scattered blanks, and a pixel that is all blank."""
        sky = self.sky()
        sky[np.random.default_rng(3).random(self.shape) < 0.05] = np.nan
        sky[:, 3, 4] = np.nan
        return sky

    def _learned(
        self, sky: FloatArray | None = None, seed: int = 0
    ) -> tuple[SpectralStatistics, FloatArray | None, DoubleArray | None]:
        """Return what a kernel is given: statistics, and the maps and spectra of the components it asks for."""
        sky = self.sky() if sky is None else sky
        if seed:
            sky = sky + np.random.default_rng(seed).standard_normal(self.shape).astype(np.float32)
        filled = fill_blanks(sky.reshape(len(sky), -1), scaled_log_frequency(self.frequencies()))
        centre = np.asarray(np.nanmean(sky, axis=(1, 2), dtype=np.float64))
        statistics = SpectralMoments.of_block(filled, centre).statistics(
            self.frequencies(), np.full(len(sky), 0.01)
        )
        n_maps = self.kernel().map_modes(len(sky))
        if not n_maps:
            return statistics, None, None
        basis = np.ascontiguousarray(principal_modes(statistics.covariance)[1][:, :n_maps])
        components = self._projection(SpectralOperator(statistics.mean, basis=basis))
        return statistics, components.amplitudes(sky), basis

    def _separated(self) -> Separated:
        return _filter(self.kernel(), *self._learned())

    def _projection(self, operator: SpectralOperator) -> Projection:
        used = np.ones(self.shape[0], np.bool_)
        return Projection(operator, used, scaled_log_frequency(self.frequencies()))


def _filter(
    kernel: Separation, statistics: SpectralStatistics, maps: FloatArray | None, basis: DoubleArray | None
) -> Separated:
    return kernel.operator(statistics, maps, basis)


def _arrays(
    given: tuple[SpectralStatistics, FloatArray | None, DoubleArray | None],
) -> list[DoubleArray | FloatArray]:
    """Return all arrays of what a kernel is given."""
    statistics, *rest = given
    known = (statistics.frequencies, statistics.mean, statistics.covariance, statistics.noise_variance, *rest)
    return [array for array in known if array is not None]
