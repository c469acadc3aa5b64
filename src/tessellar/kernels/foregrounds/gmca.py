"""GMCA as a separation of foregrounds: what is sparse in wavelets and has one spectrum each is taken out."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.morphological import generalised_morphological, gmca_bytes
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Report, Separated, leave_some
from tessellar.kernels.foregrounds.starlet import MOST_SCALES
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.kernels.whole import whole
from tessellar.model import DoubleArray, FloatArray


@dataclass(frozen=True, slots=True)
class GMCA:
    """Foregrounds as components that are sparse in wavelets.

    Parameters
    ----------
    modes
        How many components, 1 to 64.
    rank
        How many principal components stand for the cube, ``modes`` to 64.
    scales
        Of the starlet transform; the largest is 2^scales pixels wide.
    iterations
        How often spectra and maps are found in turns.
    threshold
        What counts at last, in units of the noise of a component at a scale.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    modes: int = 4
    rank: int = 20
    scales: int = 4
    iterations: int = 100
    threshold: float = 3.0

    name: ClassVar[str] = "gmca"

    def __post_init__(self) -> None:
        for name in ("modes", "rank", "scales", "iterations"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        problems = []
        if not 1 <= self.modes <= 64:
            problems.append(f"{self.modes} modes are not 1 to 64")
        if not self.modes <= self.rank <= 64:
            problems.append(f"the rank {self.rank} is not from the number of modes, {self.modes}, to 64")
        if not 1 <= self.scales <= MOST_SCALES:
            problems.append(f"{self.scales} scales are not 1 to {MOST_SCALES}")
        if not self.iterations >= 1:
            problems.append(f"{self.iterations} iterations are less than 1")
        if not 0.0 < self.threshold < inf:
            problems.append(f"the threshold {self.threshold} is not above 0")
        if problems:
            raise UsageError(
                "Components cannot be found by their morphology so: " + "; ".join(problems) + "."
            )

    def map_modes(self, n_channels: int) -> int:
        """Return of how many principal components it needs the maps."""
        return min(self.rank, n_channels)

    def map_bytes(self, sky: tuple[int, int], n_channels: int) -> int:
        """Return the memory of the wavelet details of the maps, and of the sources."""
        return gmca_bytes(self.map_modes(n_channels), self.modes, sky, self.scales)

    def operator(
        self, statistics: SpectralStatistics, maps: FloatArray | None, basis: DoubleArray | None
    ) -> Separated:
        """Return the filter for a cube: the spectra of the components.

        Raises
        ------
        UsageError
            Maps or basis are missing, or there are no more channels than modes.
        InputError
            The maps have too few pixels.
        """
        if maps is None or basis is None:
            raise UsageError(
                "Components by morphology need the maps and spectra of the principal components."
            )
        leave_some(self.modes, len(statistics.mean))
        found = generalised_morphological(maps, self.modes, self.scales, self.iterations, self.threshold)
        report: Report = {
            "modes": self.modes,
            "rank": len(maps),
            "iterations": self.iterations,
            "converged": found.converged,
            "turned_degrees": found.turned_degrees,
            "active": found.active,
        }
        filtered = SpectralOperator(statistics.mean, basis=basis @ found.mixing)
        return Separated(filtered, self.modes, report, found.doubts())
