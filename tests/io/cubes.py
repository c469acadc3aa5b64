"""Small FITS cubes for tests, written byte by byte so that no library decides what stands in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from tessellar.errors import InputError
from tessellar.io.header import read_meta
from tessellar.io.open import open_source
from tessellar.model import CubeMeta

BLOCK = 2880
LENGTHS = {"l": 6, "m": 5, "spectral": 4}
BITPIX = {"u1": 8, "i2": 16, "i4": 32, "i8": 64, "f4": -32, "f8": -64}

AXES: dict[str, dict[str, Any]] = {
    "l": {"CTYPE": "RA---SIN", "CRVAL": 150.0, "CRPIX": 3.0, "CDELT": -0.01, "CUNIT": "deg"},
    "m": {"CTYPE": "DEC--SIN", "CRVAL": -30.0, "CRPIX": 2.0, "CDELT": 0.01, "CUNIT": "deg"},
    "spectral": {"CTYPE": "FREQ", "CRVAL": 1.4e9, "CRPIX": 1.0, "CDELT": 1e5, "CUNIT": "Hz"},
    "stokes": {"CTYPE": "STOKES", "CRVAL": 1.0, "CRPIX": 1.0, "CDELT": 1.0},
    "other": {},
}
COMMON: dict[str, Any] = {
    "BUNIT": "Jy/beam", "BMAJ": 0.03, "BMIN": 0.02, "BPA": 10.0,
    "RESTFRQ": 1420405752.0, "SPECSYS": "BARYCENT", "RADESYS": "ICRS",
}  # fmt: skip


def header(
    lengths: Mapping[str, int], order: Sequence[str] = ("l", "m", "spectral"), **cards: Any
) -> fits.Header:
    """Return the header of a cube whose FITS axes are ``order``; a card of None is left out."""
    made = fits.Header()
    made["SIMPLE"], made["BITPIX"], made["NAXIS"] = True, -32, len(order)
    for number, axis in enumerate(order, start=1):
        made[f"NAXIS{number}"] = lengths.get(axis, 1)
    for number, axis in enumerate(order, start=1):
        for key, value in AXES[axis].items():
            made[f"{key}{number}"] = value
    for key, value in (COMMON | cards).items():
        if value is None:
            made.remove(key, ignore_missing=True)
        else:
            made[key] = value
    return made


def write_cube(
    path: Path, stored: np.ndarray, order: Sequence[str] = ("l", "m", "spectral"), **cards: Any
) -> Path:
    """Write stored numbers, array (frequency, l, m) or (stokes, frequency, l, m), in any axis order."""
    if stored.ndim == 3:
        stored = stored[None]
    names = ("stokes", "spectral", "l", "m")
    lengths = dict(zip(names, stored.shape, strict=True))
    kept = [name for name in reversed(order) if name in names]
    dropped = tuple(0 if name not in kept else slice(None) for name in names)
    present = [name for name in names if name in kept]
    array = stored[dropped].transpose([present.index(name) for name in kept])
    made = header(lengths, order, **cards)
    made["BITPIX"] = BITPIX[stored.dtype.str[1:]]
    path.write_bytes(hdu_bytes(made, array))
    return path


def hdu_bytes(made: fits.Header, array: np.ndarray) -> bytes:
    """Return a header and its big-endian data, each padded to the block."""
    data = array.astype(array.dtype.newbyteorder(">")).tobytes()
    return made.tostring().encode() + data + bytes(-len(data) % BLOCK)


def numbers(shape: Sequence[int], dtype: str = "f4", seed: int = 0) -> np.ndarray:
    """Return random numbers of a type, integers over its whole range."""
    rng = np.random.default_rng(seed)
    if dtype.startswith("f"):
        return rng.standard_normal(shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)


def meta(
    order: Sequence[str] = ("l", "m", "spectral"), lengths: Mapping[str, int] = LENGTHS, **cards: Any
) -> CubeMeta:
    """Return what is read from the header of a cube of 4 channels and 6 x 5 pixels."""
    return read_meta(header(lengths, order, **cards), "cube")


def said(found: CubeMeta, *words: str) -> bool:
    """Return whether one sentence about what is missing has all these words."""
    return any(all(word in sentence for word in words) for sentence in found.missing)


def refusal(path: object, error: type[Exception] = InputError) -> str:
    """Return the one sentence or two with which a file is refused."""
    with pytest.raises(error) as problem:
        open_source(path)
    text = str(problem.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert problem.value.exit_code == 3
    return text
