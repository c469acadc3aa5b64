"""What preconditioning costs, known before it begins: what is read in addition, and what is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadCost:
    """What reading a conditioned cube costs beyond the cube itself.

    Attributes
    ----------
    companions
        Cubes that are read along with every voxel.
    samples
        Passes over the voxels of the noise lattice, beside the one that every run makes.
    passes
        Passes over all voxels before the search.
    background
        Voxels that are read for the local background.
    local_noise
        Voxels that are read for the local noise.
    unit_bytes
        Bytes that one piece of it holds.
    """

    companions: int = 0
    samples: int = 0
    passes: int = 0
    background: int = 0
    local_noise: int = 0
    unit_bytes: int = 0

    @property
    def bytes_per_voxel(self) -> int:
        """Bytes that are held for each voxel that is read: a companion's, and once more while it is decoded; a copy."""
        return (8 if self.companions else 0) + (4 if self.local_noise else 0)

    def n_bytes(self, search: int, sample: int, cube: int) -> int:
        """Return the bytes of voxels that are read in all.

        Parameters
        ----------
        search
            Voxels that the search reads.
        sample, cube
            Voxels of the noise lattice, and of the cube.
        """
        voxels = search + self.samples * sample + self.passes * cube + self.local_noise
        return 4 * voxels * (1 + self.companions) + 4 * self.background

    def words(self) -> Iterator[str]:
        """Yield what is read in addition, in words."""
        if self.passes:
            yield f"{_times(self.passes)} through all voxels before the search"
        if self.background:
            yield f"{self.background:,} voxels for the local background before the search"
        if self.local_noise:
            yield f"{self.local_noise:,} voxels for the local noise before the search"
        if self.samples:
            yield f"{_times(self.samples)} through those of the noise lattice"
        if self.companions:
            yield f"{self.companions} companion cube{'s' * (self.companions > 1)} read along with every voxel"


NO_COST = ReadCost()


def _times(number: int) -> str:
    return "once" if number == 1 else "twice" if number == 2 else f"{number} times"
