"""What a separation learns of a cube: its covariance, its modes, and the filter that takes the foregrounds out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.foregrounds.centre import CentreStage
from tessellar.engine.foregrounds.moments import ComponentsStage, MomentsStage
from tessellar.errors import InputError, UsageError
from tessellar.io.schema_spectral import frequencies
from tessellar.kernels.foregrounds.fill import scaled_log_frequency
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.pca import principal_modes
from tessellar.kernels.foregrounds.project import Projection
from tessellar.kernels.foregrounds.separated import Separated, Separation
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, Source


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
        How many voxels of each channel hold data, int64 array (frequency).
    eigenvalues
        Of the covariance, descending, float64 array (mode), the cube's unit squared.
    modes
        The leading eigenvectors, float64 array (frequency that holds data, mode).
    """

    projection: Projection
    separated: Separated
    statistics: SpectralStatistics
    hertz: DoubleArray
    used: npt.NDArray[np.bool_]
    good: IntArray
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
        mark = fingerprint(source, self.fill_degree)
        centre_stage = CentreStage(source, mark, f"centre{suffix}")
        self.crew.do(centre_stage)
        centre = centre_stage.reduce(self.crew.partials)
        moments_stage = MomentsStage(source, hertz, centre, self.fill_degree, mark, f"moments{suffix}")
        self.crew.do(moments_stage)
        moments, good = moments_stage.reduce(self.crew.partials)
        used = good > 0
        whole = moments.statistics(hertz)
        known = None if self.noise_variance is None else self.noise_variance[used]
        statistics = SpectralStatistics(
            hertz[used], whole.mean[used], whole.covariance[np.ix_(used, used)], whole.n_pixels, known
        )
        self._check(statistics, source.meta)
        values, vectors = principal_modes(statistics.covariance)
        maps, basis = self._components(source, statistics, used, vectors, suffix)
        separated = self.recipe.operator(statistics, maps, basis)
        projection = self._projection(separated.operator, used, hertz)
        return Learned(projection, separated, statistics, hertz, used, good, values, vectors)

    def _components(
        self,
        source: Source,
        statistics: SpectralStatistics,
        used: npt.NDArray[np.bool_],
        vectors: DoubleArray,
        suffix: str,
    ) -> tuple[FloatArray | None, DoubleArray | None]:
        """Return the maps of as many principal components as the recipe asks for, and their spectra."""
        n_maps = self.recipe.map_modes(len(statistics.mean))
        if not n_maps:
            return None, None
        basis = np.ascontiguousarray(vectors[:, :n_maps])
        return self.maps(
            source, SpectralOperator(statistics.mean, basis=basis), used, f"components{suffix}"
        ), basis

    def maps(
        self, source: Source, operator: SpectralOperator, used: npt.NDArray[np.bool_], name: str
    ) -> FloatArray:
        """Return the amplitudes of an operator's basis at every pixel, float32 array (mode, l, m)."""
        projection = self._projection(operator, used, checked_frequencies(source.meta))
        stage = ComponentsStage(source, projection, fingerprint(source, operator.mean, operator.basis), name)
        self.crew.do(stage)
        return stage.reduce(self.crew.partials)

    def _projection(
        self, operator: SpectralOperator, used: npt.NDArray[np.bool_], hertz: DoubleArray
    ) -> Projection:
        return Projection(operator, used, scaled_log_frequency(hertz), self.fill_degree)

    def _check(self, statistics: SpectralStatistics, meta: CubeMeta) -> None:
        n_channels = len(statistics.mean)
        if n_channels < 3:
            raise UsageError(
                f"{meta.name} has {n_channels} channels that hold data. At least 3 are needed to tell what is smooth "
                "along frequency from what is not."
            )


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
