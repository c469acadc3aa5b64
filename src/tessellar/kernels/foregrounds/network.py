"""Networks that clean what principal components leave: what one looks like, and the recipe that carries it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from tessellar.kernels.foregrounds.pca import PCA
from tessellar.kernels.foregrounds.separated import Separated
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.kernels.whole import whole
from tessellar.model import DoubleArray, FloatArray

MODES = 4


class SkyNetwork(Protocol):
    """A network that turns two views of a piece of sky into a clean one; it pickles small.

    Its result for a pixel must depend on no pixel beyond the halo, and not on where the piece begins: no statistics
    of the piece, no normalisation layers that learn from it.
    """

    @property
    def halo(self) -> tuple[int, int]:
        """How far around a pixel it looks, along l and m."""

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """Return a clean piece.

        Parameters
        ----------
        inputs
            float32 array (2, frequency, l, m): what is left without the principal components, and the difference
            of each channel of the cube to the one before (the first to the second); 0 where the cube is blank.

        Returns
        -------
        FloatArray
            float32 array (frequency, l, m), in the unit of the inputs.
        """


@dataclass(frozen=True, slots=True)
class PcaNetwork(ABC):
    """Principal components are taken out, and a network works on what is left; to be derived from.

    A class of its own gives ``network``, a ``name``, and fields for what it wants to be told (such as a file of
    weights). As an entry point of the group ``tessellar.foregrounds`` it is a kernel of the command line.

    Parameters
    ----------
    modes
        How many principal components are taken out before.

    References
    ----------
    Makinen et al. 2021, JCAP 04, 081, for networks behind principal components.
    """

    modes: int = MODES

    name: ClassVar[str] = "pca-network"

    def __post_init__(self) -> None:
        object.__setattr__(self, "modes", whole("modes", self.modes))

    @abstractmethod
    def network(self) -> SkyNetwork:
        """Return the network."""

    def map_modes(self, n_channels: int) -> int:  # noqa: ARG002  # needs no component maps
        """Return 0: the covariance says it all."""
        return 0

    def map_bytes(self, sky: tuple[int, int], n_channels: int) -> int:  # noqa: ARG002
        """Return 0: it holds no maps."""
        return 0

    def operator(
        self, statistics: SpectralStatistics, maps: FloatArray | None = None, basis: DoubleArray | None = None
    ) -> Separated:
        """Return the projection, with the network behind it.

        Raises
        ------
        UsageError
            There are no more channels than modes.
        """
        return replace(PCA(self.modes).operator(statistics, maps, basis), network=self.network())


def network_inputs(voxels: FloatArray, residual: FloatArray) -> FloatArray:
    """Return what a network is given, float32 array (2, frequency, l, m); see `SkyNetwork`."""
    difference = np.empty_like(voxels)
    np.subtract(voxels[1:], voxels[:-1], out=difference[1:])
    difference[0] = difference[1] if len(voxels) > 1 else 0.0
    inputs = np.stack([residual, difference])
    inputs[~np.isfinite(inputs)] = 0.0
    return inputs
