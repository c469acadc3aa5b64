"""The header of a FITS file that we write: the original cards in order, or one built from what is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.io.axes import CubeAxes, find_axes
from tessellar.io.cards import CARD, Cards
from tessellar.io.hdus import BLOCK, axis_lengths
from tessellar.io.naming import shown
from tessellar.io.spectral_words import CTYPES, is_even
from tessellar.model import CubeMeta

if TYPE_CHECKING:
    from astropy.io.fits import Header

BITPIX = -32
_REPLACED = {
    "BITPIX",
    "NAXIS",
    "SIMPLE",
    "XTENSION",
    "PCOUNT",
    "GCOUNT",
    "CHECKSUM",
    "DATASUM",
    "BLANK",
    "END",
}
_OF_EXTENSIONS = {"EXTVER", "EXTLEVEL", "INHERIT"}


@dataclass(frozen=True, slots=True)
class FitsPlan:
    """What stands where in the file to be written.

    Attributes
    ----------
    header
        The header, padded with blanks.
    axes
        Which FITS axis is which; the axes beside the cube's three have length 1.
    tail
        What follows the voxels: their padding, and a table of beams where every channel has its own.
    """

    header: bytes
    axes: CubeAxes
    tail: bytes

    @property
    def voxel_bytes(self) -> int:
        """Bytes of the voxels."""
        return abs(BITPIX) // 8 * prod(self.axes.lengths)


@lru_cache(maxsize=4)
def plan_file(meta: CubeMeta) -> FitsPlan:
    """Return header, axes and tail of the file for a cube.

    The cards of the original header keep their order and text, except: ``BITPIX`` is -32; ``BSCALE``,
    ``BZERO`` (unless 1 and 0), ``BLANK``, ``CHECKSUM`` and ``DATASUM`` are left out, since voxels are
    physical values and blanks are NaN; an axis of which only the first plane was read has length 1; an
    image that was an extension becomes the primary image.

    Raises
    ------
    UsageError
        Channels are not evenly spaced, and there is no original header that says how they are.
    """
    axes = _original_axes(meta)
    if axes is None:
        if not is_even(meta.spectral):
            raise UsageError(
                f"The channels of {shown(meta.name)} are not evenly spaced, which the header of a FITS image cannot "
                "say. Name the output .zarr."
            )
        axes = CubeAxes(1, 2, 3, (meta.shape[1], meta.shape[2], meta.shape[0]))
        cards = _mandatory(axes) + _built(meta)
    else:
        cards = _mandatory(axes, meta.header) + _kept(meta.header)
    header = "".join(card.ljust(CARD) for card in [*cards, "END"]).encode("ascii", "replace")
    padding = bytes(-4 * prod(axes.lengths) % BLOCK)
    return FitsPlan(header.ljust(-(-len(header) // BLOCK) * BLOCK), axes, padding + _beam_table(meta))


def _original_axes(meta: CubeMeta) -> CubeAxes | None:
    """Return the axes of the original file, None where there is none or its cube had another shape."""
    cards = Cards.from_text(meta.header)
    lengths = axis_lengths(cards)
    try:
        axes = find_axes(cards, lengths, meta.name)
    except InputError:
        return None
    if axes.shape != meta.shape:
        return None
    kept = (1 if number in axes.rest else length for number, length in enumerate(lengths, start=1))
    return CubeAxes(axes.l, axes.m, axes.spectral, tuple(kept))


def _mandatory(axes: CubeAxes, original: str = "") -> list[str]:
    """Return the cards that a file must begin with, the original ones where they say the same."""
    wanted: list[tuple[str, bool | int, str]] = [
        ("SIMPLE", True, "conforms to the FITS standard"),
        ("BITPIX", BITPIX, "IEEE single precision"),
        ("NAXIS", len(axes.lengths), "number of axes"),
        *((f"NAXIS{n}", length, "") for n, length in enumerate(axes.lengths, start=1)),
    ]
    values = Cards.from_text(original).values
    lines = {line[:8].strip(): line for line in reversed(original.split("\n"))}
    return [
        lines[key] if values.get(key) == value and key in lines else _card(key, value, comment)
        for key, value, comment in wanted
    ]


def _kept(original: str) -> list[str]:
    values = Cards.from_text(original).values
    dropped = set(_REPLACED)
    if "XTENSION" in values:
        dropped |= _OF_EXTENSIONS
    if values.get("BSCALE", 1) != 1 or values.get("BZERO", 0) != 0:
        dropped |= {"BSCALE", "BZERO"}
    lengths = {f"NAXIS{n}" for n in range(1, 1000)}
    return [line for line in original.split("\n") if line[:8].strip() not in dropped | lengths]


def _built(meta: CubeMeta) -> list[str]:
    """Return cards for a cube that never was a FITS file."""
    from astropy.io.fits import Header

    header = Header.fromstring(meta.wcs_header, sep="\n") if meta.wcs_header else _spectral_cards(meta)
    if meta.unit:
        header["BUNIT"] = meta.unit.replace(" / ", "/")
    if len(meta.beams) == 1:
        beam = meta.beams[0]
        header["BMAJ"], header["BMIN"], header["BPA"] = beam.major, beam.minor, beam.pa
    if meta.spectral.rest_frequency and "RESTFRQ" not in header:
        header["RESTFRQ"] = meta.spectral.rest_frequency
    if meta.spectral.frame and "SPECSYS" not in header:
        header["SPECSYS"] = meta.spectral.frame
    return _kept(header.tostring(sep="\n", endcard=False, padding=False))


def _spectral_cards(meta: CubeMeta) -> Header:
    """Return the spectral axis as a linear one, for a cube without sky coordinates."""
    from astropy.io.fits import Header

    header, axis = Header(), meta.spectral
    if axis.kind in CTYPES:
        first, last = axis.values[0], axis.values[-1]
        header["CTYPE3"], header["CUNIT3"] = CTYPES[axis.kind], axis.unit
        header["CRPIX3"], header["CRVAL3"] = 1.0, first
        header["CDELT3"] = (last - first) / (len(axis.values) - 1) if len(axis.values) > 1 else 1.0
    return header


def _card(key: str, value: bool | int, comment: str) -> str:
    text = ("T" if value else "F") if isinstance(value, bool) else str(value)
    return f"{key:<8}= {text:>20}" + (f" / {comment}" if comment else "")


def _beam_table(meta: CubeMeta) -> bytes:
    """Return CASA's table of beams as bytes, empty where one beam or none serves all channels."""
    if len(meta.beams) < 2:
        return b""
    from astropy.io import fits

    degrees = np.array([(beam.major, beam.minor, beam.pa) for beam in meta.beams])
    arcsec = degrees * (3600.0, 3600.0, 1.0)
    kind = _single_if_exact(degrees, arcsec)
    channels = np.arange(len(degrees), dtype=np.int32)
    columns = [
        fits.Column("BMAJ", kind, "arcsec", array=arcsec[:, 0]),
        fits.Column("BMIN", kind, "arcsec", array=arcsec[:, 1]),
        fits.Column("BPA", kind, "deg", array=arcsec[:, 2]),
        fits.Column("CHAN", "J", array=channels),
        fits.Column("POL", "J", array=np.zeros_like(channels)),
    ]
    table = fits.BinTableHDU.from_columns(columns, name="BEAMS")
    table.header["NCHAN"], table.header["NPOL"] = len(degrees), 1
    file = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)
    return file.getvalue()[BLOCK:]


def _single_if_exact(degrees: np.ndarray[Any, Any], arcsec: np.ndarray[Any, Any]) -> str:
    """Return CASA's column type, single precision, where it loses nothing."""
    back = arcsec.astype(np.float32).astype(np.float64) * (1 / 3600, 1 / 3600, 1.0)
    return "E" if np.array_equal(back, degrees) else "D"
