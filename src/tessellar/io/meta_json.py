"""A cube's description as plain JSON and back, to the last bit, so that a converted cube is the same cube."""

from __future__ import annotations

import math
from typing import Any

from tessellar.errors import InputError
from tessellar.model import Beam, CubeMeta, SpectralAxis

FORMAT = 1


def meta_to_json(meta: CubeMeta) -> dict[str, Any]:
    """Return everything in ``meta`` as JSON values; numbers that JSON lacks become words (``"nan"``)."""
    axis = meta.spectral
    return {
        "format": FORMAT,
        "name": meta.name,
        "shape": list(meta.shape),
        "unit": meta.unit,
        "spectral": {
            "kind": axis.kind,
            "unit": axis.unit,
            "values": [_number(value) for value in axis.values],
            "rest_frequency": None if axis.rest_frequency is None else _number(axis.rest_frequency),
            "frame": axis.frame,
            "width": None if axis.width is None else _number(axis.width),
        },
        "beams": [[_number(beam.major), _number(beam.minor), _number(beam.pa)] for beam in meta.beams],
        "pixel_size": None if meta.pixel_size is None else [_number(size) for size in meta.pixel_size],
        "header": meta.header,
        "wcs_header": meta.wcs_header,
        "missing": list(meta.missing),
    }


def meta_from_json(entry: Any) -> CubeMeta:
    """Return the description that ``meta_to_json`` wrote.

    Raises
    ------
    InputError
        The entry is of a newer format, or damaged.
    """
    if not isinstance(entry, dict) or entry.get("format") != FORMAT:
        found = entry.get("format") if isinstance(entry, dict) else entry
        raise InputError(
            f"its 'tessellar' attribute has format {found!r}; this version reads format {FORMAT}."
        )
    try:
        return _decode(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"its 'tessellar' attribute is damaged ({error!r}).") from error


def _decode(entry: dict[str, Any]) -> CubeMeta:
    axis, size = entry["spectral"], entry["pixel_size"]
    z, x, y = (int(n) for n in entry["shape"])
    return CubeMeta(
        name=entry["name"],
        shape=(z, x, y),
        unit=entry["unit"],
        spectral=SpectralAxis(
            kind=axis["kind"],
            unit=axis["unit"],
            values=tuple(float(value) for value in axis["values"]),
            rest_frequency=None if axis["rest_frequency"] is None else float(axis["rest_frequency"]),
            frame=axis["frame"],
            width=None if axis.get("width") is None else float(axis["width"]),
        ),
        beams=tuple(Beam(float(major), float(minor), float(pa)) for major, minor, pa in entry["beams"]),
        pixel_size=None if size is None else (float(size[0]), float(size[1])),
        header=entry["header"],
        wcs_header=entry["wcs_header"],
        missing=tuple(entry["missing"]),
    )


def _number(value: float) -> float | str:
    value = float(value)
    return value if math.isfinite(value) else str(value)
