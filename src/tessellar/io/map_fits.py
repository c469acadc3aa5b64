"""Pictures of a part of a cube as FITS files: maps of the sky and small cubes, with the coordinates of that part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from math import hypot
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.io.cards import CARD, Cards, Value
from tessellar.io.hdus import BLOCK
from tessellar.io.heading import Heading
from tessellar.io.publish import atomic_file
from tessellar.io.spectral_words import CTYPES, is_even
from tessellar.io.wcs import sky_matrix
from tessellar.model import CubeMeta, SpectralAxis
from tessellar.tiling.box import Box

Image: TypeAlias = npt.NDArray[Any]

_BITPIX = {"float32": -32, "float64": -64, "int32": 32, "uint8": 8}
_SPECTRAL = ("CTYPE3", "CUNIT3", "CRPIX3", "CRVAL3", "CDELT3")
_OBSERVATION = ("TELESCOP", "INSTRUME", "OBSERVER", "DATE-OBS")


def map_header(meta: CubeMeta, box: Box, unit: str = "", **cards: Value) -> Heading:
    """Return the header of a map of the sky, two axes: l and m.

    Parameters
    ----------
    meta
        The cube.
    box
        The part of it whose sky is shown.
    unit
        What a pixel counts in, as astropy writes it.
    **cards
        Further cards.
    """
    return _with_words(_shifted(meta, box, two_axes=True), meta, box, unit, cards)


def cube_header(meta: CubeMeta, box: Box, unit: str = "", **cards: Value) -> Heading:
    """Return the header of a small cube, three axes: l, m and frequency; parameters as for `map_header`.

    Where the channels of the cube are not evenly spaced, those of the box have an axis of their own; if even they
    are not, they are numbered.
    """
    wcs = _shifted(meta, box)
    is_linear = "CTYPE3" not in wcs or "-" not in str(wcs["CTYPE3"])
    if is_linear and not _is_even(meta.spectral):
        wcs = wcs.without([keyword for keyword in wcs if "3" in _axes_in(keyword)])
    if not any(key.endswith("3") for key in wcs):
        wcs.add(_linear_axis(meta, box))
    return _with_words(wcs, meta, box, unit, cards)


def slice_header(
    meta: CubeMeta, box: Box, unit: str, *, first: int, step: tuple[float, float], **cards: Value
) -> Heading:
    """Return the header of a position-velocity slice, two axes: offset along a line, and frequency.

    Parameters
    ----------
    meta, box, unit, cards
        As for `map_header`.
    first
        Offset of the first pixel in steps.
    step
        Pixels along l and m from one pixel of the slice to the next.
    """
    header = Heading({"CTYPE1": "OFFSET", "CRPIX1": 1.0 - first, "CRVAL1": 0.0, "CDELT1": 1.0})
    if meta.pixel_size is not None:
        header["CUNIT1"] = "deg"
        header["CDELT1"] = _length(meta, step, meta.pixel_size)
    cube = cube_header(meta, box)
    for keyword in cube:
        if keyword in _SPECTRAL:
            header[f"{keyword[:-1]}2"] = cube[keyword]
    return _with_words(header, meta, box, unit, cards)


def _length(meta: CubeMeta, step: tuple[float, float], pixel: tuple[float, float]) -> float:
    """Return the degrees on the sky of a step in pixels along l and m."""
    (a, b), (c, d) = sky_matrix(meta) or ((pixel[0], 0.0), (0.0, pixel[1]))
    return hypot(a * step[0] + b * step[1], c * step[0] + d * step[1])


@contextmanager
def image_file(
    path: Path, header: Heading, kind: str, shape: tuple[int, ...]
) -> Iterator[Callable[[Image], None]]:
    """Give a function that appends rows to an image; the file appears when the block ends and the image is whole.

    Parameters
    ----------
    path
        The file.
    header
        Cards beyond those that tell type and size.
    kind
        ``float32``, ``float64``, ``int32`` or ``uint8``.
    shape
        Shape of the image in the order of the file, the fastest axis last: (m, l) or (frequency, m, l).

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    with (
        atomic_file(path) as temporary,
        temporary.open("wb") as file,
        image_into(file, header, kind, shape) as append,
    ):
        yield append


@contextmanager
def image_into(
    file: IO[bytes], header: Heading, kind: str, shape: tuple[int, ...]
) -> Iterator[Callable[[Image], None]]:
    """Give a function that appends rows to an image in an empty file; parameters as for `image_file`."""
    file.write(opening(header, kind, shape))
    order = np.dtype(kind).newbyteorder(">")

    def append(rows: Image) -> None:
        file.write(np.ascontiguousarray(rows, dtype=order).data)

    yield append
    file.write(bytes(-file.tell() % BLOCK))


def write_image(file: IO[bytes], header: Heading, image: Image) -> None:
    """Write a small image into an empty file, its axes in the order of the file."""
    with image_into(file, header, image.dtype.name, image.shape) as append:
        append(image)


def opening(header: Heading, kind: str, shape: tuple[int, ...]) -> bytes:
    """Return the whole header of an image in the order of the file, padded to the block."""
    whole = Heading({"SIMPLE": True, "BITPIX": _BITPIX[kind], "NAXIS": len(shape)})
    for number, length in enumerate(reversed(shape), start=1):
        whole[f"NAXIS{number}"] = length
    text = (whole.text() + header.text() + "END".ljust(CARD)).encode("ascii")
    return text.ljust(-(-len(text) // BLOCK) * BLOCK)


def _shifted(meta: CubeMeta, box: Box, *, two_axes: bool = False) -> Heading:
    """Return the coordinates of a box of the cube, empty where the cube has none."""
    header = _parsed(meta.wcs_header, two_axes).without([]) if meta.wcs_header else Heading()
    z, x, y = box.start
    for number, start in enumerate((x, y, z), start=1):
        key = f"CRPIX{number}"
        if key in header:
            header[key] = float(header[key]) - start
    return header


@lru_cache(maxsize=4)
def _parsed(text: str, two_axes: bool) -> Heading:
    """Return the coordinates of a cube, with or without the third axis; many thousand cubelets ask for the same."""
    from astropy.io.fits import Header

    header = Heading.of(Header.fromstring(text, sep="\n"))
    return _two_axes(header) if two_axes else header


@lru_cache(maxsize=4)
def _observed(header: str) -> tuple[tuple[str, str], ...]:
    """Return what a cube's own header says of the observation."""
    original = Cards.from_text(header)
    return tuple((key, word) for key in _OBSERVATION if (word := original.word(key)))


def _two_axes(header: Heading) -> Heading:
    """Return a header without its third axis."""
    kept = header.without([keyword for keyword in header if "3" in _axes_in(keyword)])
    if "WCSAXES" in kept:
        kept["WCSAXES"] = 2
    return kept


def _axes_in(keyword: str) -> tuple[str, ...]:
    """Return the axis numbers in a keyword: ``CTYPE3``, ``PC1_3``; a parameter ``PV2_3`` is of axis 2."""
    name = keyword.rstrip("0123456789_")
    numbers = tuple(keyword[len(name) :].split("_"))
    return numbers[:1] if name in ("PV", "PS") else numbers


@lru_cache(maxsize=4)
def _is_even(axis: SpectralAxis) -> bool:
    """Return whether all channels of a cube are evenly spaced; many thousand cubelets ask for the same."""
    return is_even(axis)


def _linear_axis(meta: CubeMeta, box: Box) -> Heading:
    """Return the spectral axis as a linear one, for a cube without coordinates of the sky, or with uneven channels."""
    axis, first, stop = meta.spectral, box.start[0], box.stop[0]
    if axis.kind not in CTYPES:
        return Heading()
    values = axis.values
    if not _is_even(axis):
        if not is_even(axis, first, stop):
            return Heading({"CTYPE3": "CHANNEL", "CRPIX3": 1.0, "CRVAL3": float(first), "CDELT3": 1.0})
        values = axis.values[min(first, len(values) - 2) : max(stop, first + 2)]
    step = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else axis.width or 1.0
    header = Heading({"CTYPE3": CTYPES[axis.kind], "CUNIT3": axis.unit, "CRPIX3": 1.0})
    header["CRVAL3"], header["CDELT3"] = axis.values[first], step
    return header


def _with_words(header: Heading, meta: CubeMeta, box: Box, unit: str, cards: Mapping[str, Value]) -> Heading:
    """Add unit, beam, and what was observed; where every channel has a beam, that of the box's middle channel."""
    if unit:
        header["BUNIT"] = unit.replace(" / ", "/")
    if meta.beams:
        middle = (box.start[0] + box.stop[0] - 1) // 2
        beam = meta.beams[middle if len(meta.beams) > 1 else 0]
        header["BMAJ"], header["BMIN"], header["BPA"] = beam.major, beam.minor, beam.pa
        if len(meta.beams) > 1:
            header.comment("BMAJ", f"of channel {middle} of the cube; beams vary")
    if meta.spectral.rest_frequency and "RESTFRQ" not in header:
        header["RESTFRQ"] = meta.spectral.rest_frequency
    if meta.spectral.frame and "SPECSYS" not in header:
        header["SPECSYS"] = meta.spectral.frame
    for key, word in _observed(meta.header):
        header[key] = word
    header["ORIGIN"] = "Tessellar"
    header.update(cards)
    return header
