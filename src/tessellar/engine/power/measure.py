"""From cubes to their power spectra: what has to be read and kept for that, and the measurement itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tessellar.engine.find.crew import Crew
from tessellar.engine.power.kelvin import frequencies_of, kelvin_per_unit
from tessellar.engine.power.spectra import PowerSpectra, reach_of, spectra_of
from tessellar.engine.power.stage import UNIT_BYTES, measure_modes, unit_bytes, unit_channels
from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import Bins
from tessellar.kernels.power.field import SkyField, field_of
from tessellar.kernels.power.modes import check_frequencies
from tessellar.model import Source


@dataclass(frozen=True, slots=True, eq=False)
class PowerPlan:
    """What is measured, and what has to be read for it.

    Attributes
    ----------
    source
        The cube.
    cross
        Another cube of the same sky for the cross power, or None.
    bands
        Bands to measure; all channels as one when empty.
    bins
        Bins and taper.
    field
        What is transformed, and which modes are kept.
    channels
        First channel that is read, and the one after the last.
    sample_variance
        As for `tessellar.kernels.power.cylindrical.cross_power`.
    """

    source: Source
    cross: Source | None
    bands: tuple[Band, ...]
    bins: Bins
    field: SkyField
    channels: tuple[int, int]
    sample_variance: bool

    @property
    def sources(self) -> tuple[Source, ...]:
        """The cubes that are read."""
        return (self.source,) if self.cross is None else (self.source, self.cross)

    def unit_bytes(self, memory: int = UNIT_BYTES) -> int:
        """Return what a worker holds at its peak, bytes, where it may take ``memory``."""
        n_channels = self.channels[1] - self.channels[0]
        depths = [unit_channels(source, self.field, n_channels, memory) for source in self.sources]
        return unit_bytes(self.field, max(depths))


def plan_power(
    source: Source,
    cross: Source | None,
    *,
    bands: Sequence[Band],
    bins: Bins,
    degrees: float | None = None,
    sky_taper: str = "none",
    sample_variance: bool = True,
) -> PowerPlan:
    """Return what is to be measured, once it is certain that it can be; no voxel is read.

    Parameters
    ----------
    source, cross
        A cube, and another one of the same sky for the cross power.
    bands, bins
        Bands, all channels as one when empty; bins and taper.
    degrees
        Side of the central square that is used; the whole field when None.
    sky_taper
        Taper of the images.
    sample_variance
        As for `tessellar.kernels.power.cylindrical.cross_power`.

    Raises
    ------
    InputError
        A cube has no frequencies, no known unit, no pixel size, or none of the bands.
    UsageError
        The cubes differ in their grid, the field is larger than they are, or errors without sample variance are asked
        for with one cube.
    """
    if cross is None and not sample_variance:
        raise UsageError(
            "Errors without sample variance need two cubes with independent noise. Give --cross."
        )
    for cube in (source, cross):
        if cube is not None:
            check_frequencies(frequencies_of(cube.meta))
            kelvin_per_unit(cube.meta)
    frequencies = frequencies_of(source.meta)
    if cross is not None:
        _check_grids(source, cross)
    covered = [band.channels(frequencies) for band in bands if band.is_covered(frequencies)]
    if bands and not covered:
        raise InputError(
            f"{source.meta.name} goes from {frequencies.min() / 1e6:.6g} to {frequencies.max() / 1e6:.6g} MHz and "
            f"covers none of the bands ({', '.join(map(str, bands))}). Choose bands that it covers."
        )
    first = min((part.start for part in covered), default=0)
    stop = max((part.stop for part in covered), default=len(frequencies))
    reach = reach_of(float(bins.k_perp_edges[-1]), float(frequencies[first:stop].min()))
    field = field_of(source.meta, reach, degrees, sky_taper)
    return PowerPlan(source, cross, tuple(bands), bins, field, (first, stop), sample_variance)


def measure_spectra(plan: PowerPlan, crew: Crew, memory: int = UNIT_BYTES) -> PowerSpectra:
    """Return the power spectra; what is left out or filled, and what failed, is among the notes and is said.

    Parameters
    ----------
    plan
        What is measured.
    crew
        Who works.
    memory
        Bytes that a worker may take.

    Raises
    ------
    InputError
        No band has enough data.
    """
    failed_before = len(crew.failures)
    modes = [
        measure_modes(source, crew, field=plan.field, name=name, channels=plan.channels, memory=memory)
        for source, name in zip(plan.sources, ("modes", "modes-cross"), strict=False)
    ]
    spectra = spectra_of(
        modes[0],
        modes[1] if len(modes) > 1 else None,
        bands=plan.bands,
        bins=plan.bins,
        sample_variance=plan.sample_variance,
    )
    for note in spectra.notes:
        crew.warn(note)
    return replace(spectra, n_failed=len(crew.failures) - failed_before)


def _check_grids(source: Source, cross: Source) -> None:
    one, two = source.meta, cross.meta
    if one.shape != two.shape:
        shapes = " and ".join(" x ".join(map(str, meta.shape)) for meta in (one, two))
        raise UsageError(f"The two cubes have {shapes} voxels. Give two cubes on one grid.")
    frequencies = frequencies_of(one)
    apart = np.abs(frequencies - frequencies_of(two)).max()
    if one.pixel_size != two.pixel_size or apart > 1e-3 * abs(frequencies[1] - frequencies[0]):
        raise UsageError(
            "The two cubes differ in the size of their pixels or in their channels. Give two on one grid."
        )
