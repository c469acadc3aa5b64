"""What a FITS header says about a cube: its axes, units, beam and sky, and in words what it does not say."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from tessellar.io.axes import axis_word, find_axes, unread_planes
from tessellar.io.beams import BeamTable, read_beams
from tessellar.io.cards import Cards, Value
from tessellar.io.celestial import Celestial, read_celestial
from tessellar.io.hdus import axis_lengths
from tessellar.io.spectral import Spectral, read_spectral
from tessellar.io.units import voxel_unit
from tessellar.model import CubeMeta

if TYPE_CHECKING:
    from astropy.io.fits import Header


def read_meta(header: Header | Cards | str, name: str, beam_table: BeamTable | None = None) -> CubeMeta:
    """Return what a header says about a cube.

    Parameters
    ----------
    header
        An astropy header, or the 80-column cards joined by newlines.
    name
        What people call the cube.
    beam_table
        CASA's table of beams, where the file has one.

    Raises
    ------
    InputError
        If the header does not describe a cube of three axes.
    """
    cards = Cards.of(header)
    axes = find_axes(cards, axis_lengths(cards), name)
    sky = read_celestial(cards, axes)
    spectral = read_spectral(cards, axes)
    unit = voxel_unit(cards.word("BUNIT"))
    beams, beam_missing = read_beams(cards, beam_table, axes.shape[0])
    wcs_header = _wcs_header(sky, spectral)
    missing = [*unread_planes(cards, axes), *_unit_missing(cards, unit), *beam_missing]
    missing += [*_order_assumed(cards, axes.l, axes.m), *sky.missing, *spectral.missing]
    return CubeMeta(
        name=name,
        shape=axes.shape,
        unit=unit,
        spectral=spectral.axis,
        beams=beams,
        pixel_size=sky.pixel_size,
        header=cards.text,
        wcs_header=wcs_header,
        missing=tuple(missing),
    )


def _unit_missing(cards: Cards, unit: str) -> list[str]:
    text = cards.word("BUNIT")
    if unit:
        return []
    return [
        f"BUNIT is {text}, which is no unit: voxels have none." if text else "No BUNIT: voxels have no unit."
    ]


def _order_assumed(cards: Cards, l: int, m: int) -> list[str]:  # noqa: E741
    if axis_word(cards, l) or axis_word(cards, m):
        return []
    return [f"No CTYPE names a sky axis: axes {l} and {m} are taken in the order of the file."]


def _wcs_header(sky: Celestial, spectral: Spectral) -> str:
    """Return the sky and spectral axes as one header that astropy is seen to accept, else ``""``."""
    if not sky.cards:
        return ""
    text = _as_text({"WCSAXES": 3, **sky.cards, **spectral.cards})
    problem = _refused(text)
    if problem:
        sky.missing.append(f"The sky coordinates cannot be used ({problem}): there are no sky positions.")
        return ""
    return text


def _as_text(values: dict[str, Value]) -> str:
    from astropy.io.fits import Header

    return str(Header(values).tostring(sep="\n", endcard=False, padding=False))


def _refused(text: str) -> str:
    """Return why astropy refuses a header, or ``""``."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS
    from astropy.wcs.utils import wcs_to_celestial_frame

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(Header.fromstring(text, sep="\n"))
            wcs.wcs.set()
            wcs_to_celestial_frame(wcs)
        except (ValueError, RuntimeError, MemoryError) as problem:
            return " ".join(str(problem).split())[:120].rstrip(".")
    return ""
