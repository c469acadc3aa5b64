"""The spectral axis of a cube in the words of the xradio image schema, frequencies in Hz, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.io.units import SPEED_OF_LIGHT
from tessellar.model import DoubleArray, SpectralAxis

_DOPPLER = {"v_rad": "radio", "v_opt": "optical", "v_app": "relativistic"}

# FITS SPECSYS: (casacore's name, the schema's name of the observer)
_FRAMES = {
    "SOURCE": ("REST", "REST"),
    "LSRK": ("LSRK", "lsrk"),
    "LSRD": ("LSRD", "lsrd"),
    "BARYCENT": ("BARY", "BARY"),
    "HELIOCEN": ("BARY", "BARY"),
    "GEOCENTR": ("GEO", "gcrs"),
    "TOPOCENT": ("TOPO", "TOPO"),
    "GALACTOC": ("GALACTO", "GALACTO"),
    "LOCALGRP": ("LGROUP", "LGROUP"),
    "CMBDIPOL": ("CMB", "CMB"),
}
_SPECSYS = {casacore: specsys for specsys, (casacore, _) in _FRAMES.items() if specsys != "HELIOCEN"}

_UNKNOWN = (
    "The cube has velocities without a rest frequency, or no spectral axis at all: its frequencies are not "
    "known (NaN); a rest or reference frequency of 0 Hz means the same."
)


def frequencies(axis: SpectralAxis) -> DoubleArray:
    """Return the frequency of every channel in Hz, NaN where the header does not determine it.

    A velocity v turns into f0 (1 - v/c) (radio), f0 / (1 + v/c) (optical) or f0 sqrt((c - v)/(c + v))
    (relativistic), f0 being the rest frequency: Greisen et al. 2006, A&A 446, 747, Table 3.

    Returns
    -------
    float64 array (frequency), Hz
    """
    values = np.asarray(axis.values, dtype=np.float64)
    if axis.kind == "freq":
        return values
    if axis.kind not in _DOPPLER or not axis.rest_frequency:
        return np.full(values.shape, np.nan)
    beta = values / SPEED_OF_LIGHT
    with np.errstate(invalid="ignore", divide="ignore"):
        if axis.kind == "v_rad":
            return axis.rest_frequency * (1 - beta)
        if axis.kind == "v_opt":
            return axis.rest_frequency / (1 + beta)
        return np.asarray(axis.rest_frequency * np.sqrt((1 - beta) / (1 + beta)), dtype=np.float64)


def velocities(axis: SpectralAxis) -> tuple[DoubleArray, str] | None:
    """Return the velocity of every channel in m/s and its Doppler convention, None where it is unknown.

    Frequency axes get radio velocities where the rest frequency is known.
    """
    values = np.asarray(axis.values, dtype=np.float64)
    if axis.kind in _DOPPLER:
        return values, _DOPPLER[axis.kind]
    if axis.kind == "freq" and axis.rest_frequency:
        return SPEED_OF_LIGHT * (1 - values / axis.rest_frequency), "radio"
    return None


def frequency_attributes(axis: SpectralAxis) -> dict[str, Any]:
    """Return the attributes of the schema's ``frequency`` coordinate, plain JSON values."""
    hertz = frequencies(axis)
    casacore, observer = _FRAMES.get(axis.frame.upper(), ("Undefined", None))
    known = bool(np.isfinite(hertz).all())
    reference = float(hertz[len(hertz) // 2]) if known else 0.0
    attributes: dict[str, Any] = {
        "type": "spectral_coord",
        "units": "Hz",
        "frame": casacore,
        "rest_frequency": _quantity(axis.rest_frequency or 0.0),
        "reference_frequency": {
            "data": reference,
            "dims": [],
            "attrs": {"type": "spectral_coord", "units": "Hz", "observer": observer or "TOPO"},
        },
    }
    if known and len(hertz) > 1:
        attributes["channel_width"] = _quantity(float(np.mean(np.abs(np.diff(hertz)))))
    if not known:
        attributes["note"] = _UNKNOWN
    elif observer is None:
        attributes["note"] = (
            "The header names no spectral frame; the observer of reference_frequency is a guess."
        )
    return attributes


def axis_from_attributes(hertz: DoubleArray, attributes: dict[str, Any]) -> SpectralAxis:
    """Return the spectral axis that a foreign image describes.

    Parameters
    ----------
    hertz
        The ``frequency`` coordinate, float64 array (frequency), Hz.
    attributes
        Its attributes; anything may be absent.
    """
    rest = attributes.get("rest_frequency")
    value = rest.get("data") if isinstance(rest, dict) else None
    frame = str(attributes.get("frame", "")).upper()
    return SpectralAxis(
        kind="freq",
        unit="Hz",
        values=tuple(float(f) for f in hertz),
        rest_frequency=float(value) if isinstance(value, int | float) and value > 0 else None,
        frame=_SPECSYS.get(frame, ""),
    )


def _quantity(hertz: float) -> dict[str, Any]:
    return {"data": hertz, "dims": [], "attrs": {"type": "quantity", "units": "Hz"}}
