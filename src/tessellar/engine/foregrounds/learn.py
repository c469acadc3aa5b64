"""What a separation learns of a cube: its covariance, its modes, and the filter that takes the foregrounds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.foregrounds.centre import CentreStage
from tessellar.engine.foregrounds.components import ComponentsStage
from tessellar.engine.foregrounds.sums import MomentsOf, RefinementOf, S, SketchOf, Summand, SumStage
from tessellar.errors import InputError, UsageError
from tessellar.io.schema_spectral import frequencies
from tessellar.kernels.foregrounds.legendre import scaled_log_frequency
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.pca import principal_modes
from tessellar.kernels.foregrounds.project import Projection
from tessellar.kernels.foregrounds.range_finder import OVERSAMPLING
from tessellar.kernels.foregrounds.separated import Separated, Separation
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, Source

MAX_COVARIANCE = 2048  # channels; of more the leading modes are sketched, and the covariance is never formed
_FEWEST_CHANNELS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A separation that knows a cube.

    Attributes
    ----------
    projection
        What is done to the spectrum of every pixel.
    separated
        The filter, and what was chosen.
    statistics
        Of the channels that hold data.
    hertz
        Frequency of every channel, float64 array (frequency).
    used
        Which channels those are that hold data, bool array (frequency).
    good
        How many voxels of each channel hold data, int64 array (frequency); None where nothing was learned.
    eigenvalues
        Of the covariance, descending, float64 array (mode), the cube's unit squared; as many as are known.
    modes
        The eigenvectors, float64 array (frequency that holds data, mode).
    """

    projection: Projection
    separated: Separated
    statistics: SpectralStatistics
    hertz: DoubleArray
    used: npt.NDArray[np.bool_]
    good: IntArray | None
    eigenvalues: DoubleArray
    modes: DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """Learns what to take out of a cube.

    Attributes
    ----------
    recipe
        The separation.
    fill_degree
        Of the polynomials that fill blanks before channels are compared.
    crew
        Who works.
    noise_variance
        Variance of the noise of a voxel of each channel, float64 array (frequency), or None.
    """

    recipe: Separation
    fill_degree: int
    crew: Crew
    noise_variance: DoubleArray | None = None

    def learn(self, source: Source, suffix: str = "") -> Learned:
        """Return what is to be taken out of a cube; ``suffix`` tells the stages of one cube from another's.

        Raises
        ------
        InputError
            The cube's frequencies are not known, or no pixel has enough voxels.
        UsageError
            The recipe does not fit the number of channels.
        """
        hertz = checked_frequencies(source.meta)
        found = self._statistics(source, hertz, suffix)
        statistics, used = found.statistics, found.used
        if len(statistics.mean) < _FEWEST_CHANNELS:
            raise UsageError(
                f"{source.meta.name} has {len(statistics.mean)} channels that hold data. At least {_FEWEST_CHANNELS} "
                "are needed to tell what is smooth along frequency from what is not."
            )
        maps, basis = self._components(source, found, suffix)
        separated = self.recipe.operator(statistics, maps, basis)
        projection = self._projection(separated.operator, used, hertz)
        return Learned(
            projection, separated, statistics, hertz, used, found.good, found.eigenvalues, found.modes
        )

    def _statistics(self, source: Source, hertz: DoubleArray, suffix: str) -> _Found:
        """Return what is known of the cube as a whole: nothing where the recipe fits each pixel by itself."""
        if not learns(self.recipe):
            used = np.ones(len(hertz), np.bool_)
            nothing, no_modes = np.zeros(len(hertz)), np.empty((len(hertz), 0))
            statistics = SpectralStatistics(hertz, nothing, np.empty((0, 0)), 0, None)
            return _Found(statistics, used, None, np.empty(0), no_modes)
        centre_stage = CentreStage(source, fingerprint(source), f"centre{suffix}")
        self.crew.do(centre_stage)
        centre = centre_stage.reduce(self.crew.partials)
        if len(hertz) > MAX_COVARIANCE:
            return self._sketched(source, hertz, centre, suffix)
        moments, good = self._sum(source, hertz, MomentsOf(centre), f"moments{suffix}")
        used = good > 0
        whole = moments.statistics(hertz)
        known = None if self.noise_variance is None else self.noise_variance[used]
        covariance = whole.covariance[np.ix_(used, used)]
        statistics = SpectralStatistics(hertz[used], whole.mean[used], covariance, whole.n_pixels, known)
        return _Found(statistics, used, good, *principal_modes(covariance))

    def _sketched(self, source: Source, hertz: DoubleArray, centre: DoubleArray, suffix: str) -> _Found:
        """Return the leading modes alone, in two passes: so many channels have too large a covariance."""
        wanted = max(self.recipe.map_modes(len(hertz)), int(getattr(self.recipe, "modes", 0)))
        if not wanted:
            raise UsageError(
                f"The kernel {self.recipe.name} needs the covariance of all {len(hertz)} channels, which is formed for "
                f"up to {MAX_COVARIANCE}. Give pca, ica or gmca a number of modes, use poly, or work on a --band."
            )
        columns = min(wanted + OVERSAMPLING, len(hertz))
        sketch, good = self._sum(source, hertz, SketchOf(centre, columns), f"sketch{suffix}")
        refinement = RefinementOf(centre, sketch.basis())
        refined, _ = self._sum(source, hertz, refinement, f"refine{suffix}")
        used = good > 0
        modes = refined.modes(centre, refinement.basis, wanted)
        statistics = SpectralStatistics(hertz[used], modes.mean[used], np.empty((0, 0)), modes.n_pixels, None)
        return _Found(statistics, used, good, modes.eigenvalues, modes.basis[used])

    def _sum(self, source: Source, hertz: DoubleArray, summand: Summand[S], name: str) -> tuple[S, IntArray]:
        mark = fingerprint(source, self.fill_degree, type(summand).__name__)
        stage = SumStage(source, scaled_log_frequency(hertz), summand, self.fill_degree, mark, name)
        self.crew.do(stage)
        return stage.reduce(self.crew.partials)

    def _components(
        self, source: Source, found: _Found, suffix: str
    ) -> tuple[FloatArray | None, DoubleArray | None]:
        """Return the maps of as many principal components as the recipe asks for, and their spectra."""
        mean, used = found.statistics.mean, found.used
        n_maps = self.recipe.map_modes(len(mean))
        if not n_maps:
            sketched = found.modes.size > 0 and not found.statistics.covariance.size
            return None, found.modes if sketched else None
        basis = np.ascontiguousarray(found.modes[:, :n_maps])
        projection = self._projection(
            SpectralOperator(mean, basis=basis), used, checked_frequencies(source.meta)
        )
        stage = ComponentsStage(source, projection, fingerprint(source, mean, basis), f"components{suffix}")
        self.crew.do(stage)
        return stage.reduce(self.crew.partials), basis

    def _projection(
        self, operator: SpectralOperator, used: npt.NDArray[np.bool_], hertz: DoubleArray
    ) -> Projection:
        return Projection(operator, used, scaled_log_frequency(hertz), self.fill_degree)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What the first pass found: statistics, channels that hold data, their voxels, eigenvalues and modes."""

    statistics: SpectralStatistics
    used: npt.NDArray[np.bool_]
    good: IntArray | None
    eigenvalues: DoubleArray
    modes: DoubleArray


def learns(recipe: Separation) -> bool:
    """Return whether a recipe needs to know the whole cube before it cleans a pixel."""
    return bool(getattr(recipe, "learns", True))


def learning_passes(recipe: Separation, n_channels: int) -> int:
    """Return how often a recipe has the cube read before it is cleaned."""
    if not learns(recipe):
        return 0
    return (2 if n_channels > MAX_COVARIANCE else 1) + (recipe.map_modes(n_channels) > 0)


def checked_frequencies(meta: CubeMeta) -> DoubleArray:
    """Return the frequency of every channel in Hz, float64 array (frequency).

    Raises
    ------
    InputError
        They are not known, or do not follow one another.
    """
    hertz = frequencies(meta.spectral)
    steps = np.diff(hertz)
    if not np.isfinite(hertz).all() or (hertz <= 0).any() or not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(
            f"The frequencies of {meta.name} are not known: its spectral axis is '{meta.spectral.kind}'. Foregrounds "
            "are told by their smoothness along frequency; give the header a frequency axis, or a rest frequency."
        )
    return hertz
