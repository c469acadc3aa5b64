"""What is known of a part of a cube, from what is known of the whole: the same sky, frequencies and beams."""

from __future__ import annotations

from dataclasses import replace

from tessellar.model import CubeMeta, SpectralAxis
from tessellar.tiling.box import Box


def part_of(meta: CubeMeta, box: Box) -> CubeMeta:
    """Return what is known of a box of a cube: every voxel keeps its place on the sky, its channel and its beam.

    The original header stays that of the whole cube.
    """
    channels = slice(box.start[0], box.stop[0])
    return replace(
        meta,
        shape=box.shape,
        spectral=_channels(meta.spectral, channels),
        beams=meta.beams[channels] if len(meta.beams) > 1 else meta.beams,
        wcs_header=_shifted(meta.wcs_header, box),
    )


def _channels(axis: SpectralAxis, channels: slice) -> SpectralAxis:
    """Return some channels of an axis; one that is left alone keeps its width."""
    values = axis.values[channels]
    width = float(axis.widths()[channels.start]) if len(values) == 1 else None
    return replace(axis, values=values, width=width if width is not None and width > 0 else axis.width)


def _shifted(wcs_header: str, box: Box) -> str:
    """Return a header whose pixels are counted from the beginning of a box."""
    from astropy.io.fits import Header

    if not wcs_header:
        return ""
    header = Header.fromstring(wcs_header, sep="\n")
    z, x, y = box.start
    for number, start in enumerate((x, y, z), start=1):
        key = f"CRPIX{number}"
        if key in header:
            header[key] = float(header[key]) - start
    return str(header.tostring(sep="\n", endcard=False, padding=False))
