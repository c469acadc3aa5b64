"""What a separation of foregrounds is asked for and gives back: the filter for every pixel, and how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray, FloatArray

if TYPE_CHECKING:
    from tessellar.kernels.foregrounds.network import SkyNetwork

Report: TypeAlias = dict[str, float | str | list[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Separated:
    """A separation that knows the cube.

    Attributes
    ----------
    operator
        What is done to the spectrum of every pixel.
    modes
        How many dimensions of a spectrum it takes away; the nearest whole number where it only weakens them.
    report
        What was chosen and found, by name.
    warnings
        Sentences about what may not be worth much.
    posterior
        Covariance of what is left of the foregrounds, float64 array (frequency, frequency), in the cube's unit
        squared; None where the method knows none.
    network
        What works on what is left; None for a filter along frequency alone.
    """

    operator: SpectralOperator
    modes: int
    report: Report = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    posterior: DoubleArray | None = None
    network: SkyNetwork | None = None


class Separation(Protocol):
    """A recipe that separates foregrounds: its settings are its fields."""

    @property
    def name(self) -> str:
        """The word of the command line for it."""

    def map_modes(self, n_channels: int) -> int:
        """Return of how many principal components it needs the maps; 0 for none."""

    def map_bytes(self, sky: tuple[int, int], n_channels: int) -> int:
        """Return the memory that it takes for a sky of so many pixels along l and m, beside the maps themselves."""

    def operator(
        self, statistics: SpectralStatistics, maps: FloatArray | None, basis: DoubleArray | None
    ) -> Separated:
        """Return the filter for a cube.

        Parameters
        ----------
        statistics
            Of the whole cube.
        maps
            Amplitudes of the principal components, float32 array (mode, l, m), NaN where blank; or None.
        basis
            The spectra of these components, float64 array (frequency, mode); or None.
        """


class WithoutMaps:
    """A separation that needs no maps of components, and holds none."""

    __slots__ = ()

    def map_modes(self, n_channels: int) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def map_bytes(self, sky: tuple[int, int], n_channels: int) -> int:  # noqa: ARG002
        """Return 0."""
        return 0


def leave_some(n_modes: int, n_channels: int) -> None:
    """Raise a UsageError where as many modes as channels, or more, are to be removed."""
    if n_modes >= n_channels:
        raise UsageError(
            f"Removing {n_modes} modes leaves nothing of {n_channels} channels that hold data. Use fewer --modes."
        )
