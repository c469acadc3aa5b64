"""Cubes that live in memory, for the tests of everything that reads a source or writes a sink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.model import Beam, CubeMeta, FloatArray, SpectralAxis
from tessellar.tiling.box import Box, Shape

ROLES = {
    "l": {"CTYPE": "'RA---SIN'", "CUNIT": "'deg'", "CRVAL": "10.0", "CDELT": "-0.01", "CRPIX": "3.0"},
    "m": {"CTYPE": "'DEC--SIN'", "CUNIT": "'deg'", "CRVAL": "-30.0", "CDELT": "0.02", "CRPIX": "2.0"},
    "z": {"CTYPE": "'FREQ'", "CUNIT": "'Hz'", "CRVAL": "1.4E9", "CDELT": "1.0E5", "CRPIX": "1.0"},
    "stokes": {"CTYPE": "'STOKES'", "CUNIT": "''", "CRVAL": "1.0", "CDELT": "1.0", "CRPIX": "1.0"},
}


@dataclass
class MemorySource:
    """An array as a source; boxes that touch a voxel of ``broken`` cannot be read."""

    voxels: FloatArray
    meta: CubeMeta
    identity: str = "memory"
    chunks: Shape | None = None
    broken: list[tuple[int, int, int]] = field(default_factory=list)
    reads: int = 0

    @property
    def stored_bytes(self) -> int:
        return self.voxels.nbytes

    def read(self, box: Box) -> FloatArray:
        from tessellar.errors import InputError

        self.reads += 1
        for z, x, y in self.broken:
            if box.contains(Box((z, x, y), (z + 1, x + 1, y + 1))):
                raise InputError("the disk has a bad sector.")
        return np.ascontiguousarray(self.voxels[box.slices()])


def card(key: str, value: object, comment: str = "") -> str:
    """Return one 80-column card; text values come with their quotes."""
    text = f"{key:<8}= {value:>20}" + (f" / {comment}" if comment else "")
    return text.ljust(80)


def header_of(shape: Shape, axes: Sequence[str] = ("l", "m", "z"), extra: Sequence[str] = ()) -> str:
    """Return a FITS header whose axes come in the order given, the first of them FITS axis 1."""
    lengths = {"z": shape[0], "l": shape[1], "m": shape[2]}
    cards = [card("SIMPLE", "T"), card("BITPIX", -32), card("NAXIS", len(axes))]
    cards += [card(f"NAXIS{n}", lengths.get(axis, 1), "a length") for n, axis in enumerate(axes, start=1)]
    for n, axis in enumerate(axes, start=1):
        cards += [card(f"{key}{n}", value) for key, value in ROLES[axis].items()]
    cards += [card("BUNIT", "'JY/BEAM '"), card("OBJECT", "'N 1     '"), *(line.ljust(80) for line in extra)]
    return "\n".join(cards)


def wcs_header() -> str:
    """Return the three-axis header that goes with `header_of`."""
    cards = [card("WCSAXES", 3)]
    for n, axis in enumerate(("l", "m", "z"), start=1):
        cards += [card(f"{key}{n}", value) for key, value in ROLES[axis].items()]
    return "\n".join(cards)


def meta_of(shape: Shape, **changes: Any) -> CubeMeta:
    """Return the description of a cube in frequency with one beam and with sky coordinates."""
    known: dict[str, Any] = {
        "name": "cube",
        "unit": "Jy / beam",
        "spectral": SpectralAxis(
            "freq", "Hz", tuple(1.4e9 + 1e5 * i for i in range(shape[0])), 1.42e9, "LSRK"
        ),
        "beams": (Beam(0.03, 0.02, 40.0),),
        "pixel_size": (0.01, 0.02),
        "header": header_of(shape),
        "wcs_header": wcs_header(),
        "missing": ("Something is missing.",),
    }
    return CubeMeta(shape=shape, **{**known, **changes})


def names_in(folder: str | Path) -> list[str]:
    """Return what a folder holds, hidden names too, sorted."""
    return sorted(entry.name for entry in Path(folder).iterdir())


def numbered(shape: Shape) -> FloatArray:
    """Return voxels that say where they are: 10000 z + 100 x + y."""
    z, x, y = np.indices(shape)
    return (10000 * z + 100 * x + y).astype(np.float32)


def noisy(shape: Shape, seed: int = 0) -> FloatArray:
    """Return noise with some blank voxels."""
    rng = np.random.default_rng(seed)
    voxels = rng.normal(size=shape).astype(np.float32)
    voxels[rng.random(shape) < 0.1] = np.nan
    return voxels
