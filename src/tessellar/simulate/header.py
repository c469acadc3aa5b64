"""The FITS header of a made-up cube: SIN projection, frequency axis, round beams; the 21-cm line unless it says so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Protocol

from tessellar.model import Beam, CubeMeta, SpectralAxis
from tessellar.tiling.box import Shape

REST_FREQUENCY = 1420405751.786  # Hz, of the 21-cm line
CENTRE_RA, CENTRE_DEC = 180.0, -30.0  # degrees, as in SKA Data Challenge 2


class Sampled(Protocol):
    """A made-up cube as far as its header tells."""

    @property
    def name(self) -> str:
        """A short name for people."""

    @property
    def shape(self) -> Shape:
        """``(frequency, l, m)``."""

    @property
    def beam_arcsec(self) -> float:
        """Full width of the round beam at half maximum."""

    @property
    def pixel_arcsec(self) -> float:
        """Side of a pixel."""

    @property
    def channel_hz(self) -> float:
        """Width of a channel."""

    @property
    def first_frequency_hz(self) -> float:
        """Frequency of channel 0."""


def rest_frequency(sky: Sampled) -> float:
    """Return the rest frequency of the line that a sky shows, Hz: that of the 21-cm line unless it has another."""
    return float(getattr(sky, "rest_frequency_hz", REST_FREQUENCY))


@lru_cache(maxsize=16)
def describe(sky: Sampled) -> CubeMeta:
    """Return what is known of a cube in Jy/beam with one beam, without its voxels."""
    beam = as_in_card(sky.beam_arcsec / 3600.0)
    first, step = as_in_card(sky.first_frequency_hz), as_in_card(sky.channel_hz)
    values = tuple(first + step * z for z in range(sky.shape[0]))
    width = step if len(values) == 1 else None
    return CubeMeta(
        name=sky.name,
        shape=sky.shape,
        unit="Jy / beam",
        spectral=SpectralAxis("freq", "Hz", values, as_in_card(rest_frequency(sky)), "BARYCENT", width),
        beams=(Beam(beam, beam, 0.0),),
        pixel_size=pixel_size(sky),
        header=full_header(sky),
        wcs_header=wcs_header(sky),
    )


def pixel_size(sky: Sampled) -> tuple[float, float]:
    """Return the sides of a pixel along l and m, degrees; the card of the first has a sign, and a digit less."""
    side = sky.pixel_arcsec / 3600.0
    return -as_in_card(-side), as_in_card(side)


def as_in_card(number: float) -> float:
    """Return what is left of a number in a FITS header, whose cards have room for 20 letters of it.

    A cube that is written and read again then says the same of itself, to the bit.
    """
    from astropy.io import fits

    return float(fits.Card.fromstring(str(fits.Card("NUMBER", number))).value)


def wcs_header(sky: Sampled) -> str:
    """Return the three-axis header that astropy's WCS accepts, its cards joined by newlines."""
    return _text(_wcs_cards(sky))


def full_header(sky: Sampled, unit: str = "Jy/beam", beams: Sequence[float] | None = None) -> str:
    """Return the header of the FITS file that the cube would be, its cards joined by newlines.

    Parameters
    ----------
    sky
        The cube.
    unit
        Of a voxel.
    beams
        Full widths of the round beam, degrees: one, one for each channel, or none; by default that of the cube.
    """
    channels, width, height = sky.shape
    shape = [("NAXIS1", width), ("NAXIS2", height), ("NAXIS3", channels)]
    return _text(
        [
            ("SIMPLE", True),
            ("BITPIX", -32),
            ("NAXIS", 3),
            *shape,
            ("OBJECT", sky.name),
            ("BUNIT", unit),
            *_beam_cards([sky.beam_arcsec / 3600.0] if beams is None else beams),
            *_wcs_cards(sky),
            ("ORIGIN", "tessellar"),
        ]
    )


def _beam_cards(beams: Sequence[float]) -> list[tuple[str, Any]]:
    if len(beams) > 1:
        return [("CASAMBM", True)]
    return [(word, value) for beam in beams for word, value in (("BMAJ", beam), ("BMIN", beam), ("BPA", 0.0))]


def _wcs_cards(sky: Sampled) -> list[tuple[str, Any]]:
    pixel = sky.pixel_arcsec / 3600.0
    axes = (
        ("RA---SIN", "deg", (sky.shape[1] + 1) / 2, CENTRE_RA, -pixel),
        ("DEC--SIN", "deg", (sky.shape[2] + 1) / 2, CENTRE_DEC, pixel),
        ("FREQ", "Hz", 1.0, sky.first_frequency_hz, sky.channel_hz),
    )
    cards: list[tuple[str, Any]] = [("WCSAXES", 3)]
    for number, values in enumerate(axes, start=1):
        words = ("CTYPE", "CUNIT", "CRPIX", "CRVAL", "CDELT")
        cards += [(f"{word}{number}", value) for word, value in zip(words, values, strict=True)]
    return [
        *cards,
        ("LONPOLE", 180.0),
        ("RADESYS", "ICRS"),
        ("SPECSYS", "BARYCENT"),
        ("RESTFRQ", rest_frequency(sky)),
    ]


def _text(cards: list[tuple[str, Any]]) -> str:
    from astropy.io import fits

    return str(fits.Header(cards).tostring(sep="\n", endcard=False, padding=False))
