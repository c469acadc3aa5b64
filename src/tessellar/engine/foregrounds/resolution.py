"""A cube at one resolution in all channels, smoothed while it is read."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

import numpy as np

from tessellar.engine.precondition.view import View
from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.resolution import (
    continue_beyond,
    match_plane,
    matching_radius,
    matching_taps,
)
from tessellar.model import Beam, CubeMeta, FloatArray, Source
from tessellar.tiling.box import Box, Halo

ROUNDNESS = 0.02  # by which a beam may be longer than wide and still count as round
_ROUNDING = 1e-6  # of a beam: what headers do not tell apart
_REPLACED = ("BMAJ", "BMIN", "BPA", "CASAMBM")


class CommonResolution(View):
    """A cube whose channels all have one round beam.

    Every channel is convolved with the Gaussian that makes its beam the common one, FWHM^2 = target^2 - beam^2, over
    the voxels that are not blank; what is blank stays so, and beyond the edge of the cube the sky goes on as a straight
    line. Where voxels are per beam, they are multiplied by the ratio of the beams' areas: a point source of 1 Jy/beam
    keeps its 1 Jy/beam. Other units are taken as brightness, of which a uniform sky keeps its own.

    Parameters
    ----------
    source
        The cube.
    fwhm
        Full width at half maximum of the common beam, degrees; the largest beam of the cube where it is None.

    Raises
    ------
    InputError
        The cube has no beam or no size of a pixel, or a beam is not round within 2 %.
    UsageError
        A channel has a larger beam than the common one.
    """

    def __init__(self, source: Source, fwhm: float | None = None) -> None:
        self.source = source
        self._given = fwhm
        self._pixel_size, beams = _pixels_and_beams(source.meta)
        self.fwhm = max(beams) if fwhm is None else _wide_enough(fwhm, beams, source.meta)
        self._widths = tuple(sqrt(max(self.fwhm**2 - beam**2, 0.0)) for beam in beams)
        self._factors = tuple(
            (self.fwhm / beam) ** 2 if "beam" in source.meta.unit else 1.0 for beam in beams
        )
        self._meta = _described(source.meta, self.fwhm, beams)

    def __reduce__(self) -> tuple[type[CommonResolution], tuple[Source, float | None]]:
        return (CommonResolution, (self.source, self._given))

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube, with its one beam."""
        return self._meta

    @property
    def identity(self) -> str:
        """That of the cube, and its resolution."""
        return f"{self.source.identity} at {self.fwhm!r} degrees"

    @property
    def halo(self) -> Halo:
        """How far around a voxel the largest kernel looks."""
        reach = (matching_radius(max(self._widths) / size) for size in self._pixel_size)
        return Halo.symmetric((0, *reach))

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box at the common resolution, float32 array (frequency, l, m)."""
        wide = box.grow(self.halo)
        inside = wide.clip(Box.of_shape(self.meta.shape))
        voxels = self.source.read(inside)
        _, reach_l, reach_m = self.halo.before
        size_l, size_m = self._pixel_size
        plane = np.full(wide.shape[1:], np.nan, np.float32)
        _, along_l, along_m = inside.relative_to(wide.start).slices()
        out = np.empty(box.shape, np.float32)
        for z in range(box.shape[0]):
            width, factor = self._of_channel(box.start[0] + z)
            plane[along_l, along_m] = voxels[z]
            continue_beyond(plane, (along_l, along_m))
            taps = matching_taps(width / size_l), matching_taps(width / size_m)
            out[z] = match_plane(plane, (reach_l, reach_m), *taps, factor)
        return out

    def _of_channel(self, channel: int) -> tuple[float, float]:
        """Return the width of the kernel of a channel, degrees, and its factor."""
        one = channel if len(self._widths) > 1 else 0
        return self._widths[one], self._factors[one]


def _pixels_and_beams(meta: CubeMeta) -> tuple[tuple[float, float], tuple[float, ...]]:
    """Return the size of a pixel and the width of every beam, the geometric mean of its axes; all in degrees."""
    if not meta.beams or meta.pixel_size is None:
        lacks = "beam" if not meta.beams else "size of a pixel"
        raise InputError(
            f"{meta.name} has no {lacks}, and smoothing to one resolution needs both beams and pixels. Add BMAJ and "
            "BMIN, or a table of beams, and CDELT to its header, or separate it as it is."
        )
    longest = max(range(len(meta.beams)), key=lambda i: meta.beams[i].major / meta.beams[i].minor)
    beam = meta.beams[longest]
    if beam.major > (1 + ROUNDNESS) * beam.minor:
        raise InputError(
            f"the beam of channel {longest} of {meta.name} is {_words(beam.major)} by {_words(beam.minor)}; needed are "
            f"beams that are round within {ROUNDNESS:.0%}. Image the cube with a round beam, or separate it as it is."
        )
    return meta.pixel_size, tuple(sqrt(beam.major * beam.minor) for beam in meta.beams)


def _wide_enough(fwhm: float, beams: tuple[float, ...], meta: CubeMeta) -> float:
    """Return the common beam, which is the largest of the cube where it differs from that by rounding only."""
    largest = max(beams)
    if not 0 < fwhm < inf:
        raise UsageError(
            f"the common beam is {fwhm:g} degrees, needed is a positive width. Give {largest:.4g} or more, or none "
            "to get the largest beam of the cube."
        )
    if fwhm < largest * (1 - _ROUNDING):
        raise UsageError(
            f"channel {beams.index(largest)} of {meta.name} has a beam of {_words(largest)}, needed is at most the "
            f"common one of {_words(fwhm)}. Ask for {_words(largest)} or more, or give none to get the largest."
        )
    return max(fwhm, largest)


def _described(meta: CubeMeta, fwhm: float, beams: tuple[float, ...]) -> CubeMeta:
    said = [f"All channels were smoothed to a round beam of {_words(fwhm)}; they had {_range(beams)}."]
    if any(beam.major != beam.minor for beam in meta.beams):
        said.append("Beams were taken as round, with the geometric mean of their axes.")
    if not meta.unit:
        said.append("Without a unit, voxels were smoothed as brightness, not as flux per beam.")
    return replace(
        meta,
        beams=(Beam(fwhm, fwhm, 0.0),),
        header=_with_beam(meta.header, fwhm),
        missing=(*meta.missing, *said),
    )


def _with_beam(header: str, fwhm: float) -> str:
    """Return the cards of a header with another beam; those that spoke of a beam or of a table of beams are gone."""
    if not header:
        return ""
    kept = [card for card in header.split("\n") if card[:8].strip() not in _REPLACED]
    values = (("BMAJ", fwhm), ("BMIN", fwhm), ("BPA", 0.0))
    return "\n".join([*kept, *(f"{key:<8}= {value:>20.12G}".ljust(80) for key, value in values)])


def _range(beams: tuple[float, ...]) -> str:
    low, high = min(beams), max(beams)
    return _words(low) if low == high else f"{_words(low)} to {_words(high)}"


def _words(degrees: float) -> str:
    return f"{degrees * 3600:.4g} arcsec"
