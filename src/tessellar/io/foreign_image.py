"""Cubes that others wrote: what they say of axes, units and beams, and what had to be assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.errors import InputError
from tessellar.io.blanks import blanks_of, words_of
from tessellar.io.naming import shown
from tessellar.io.schema import BEAM
from tessellar.io.schema_sky import wcs_header_of
from tessellar.io.schema_spectral import axis_from_attributes
from tessellar.io.units import spectral_unit, voxel_unit
from tessellar.model import Beam, CubeMeta, DoubleArray, SpectralAxis

if TYPE_CHECKING:
    from tessellar.tiling.box import Shape

_ROLES = (
    {"frequency", "freq", "spectral", "velocity", "vel", "channel", "chan", "wavelength", "nu", "z"},
    {"l", "x", "ra", "right_ascension", "lon", "longitude", "glon"},
    {"m", "y", "dec", "declination", "lat", "latitude", "glat"},
)
_UNNAMED = {3: ((0, 1, 2), "frequency, l, m"), 5: ((1, 3, 4), "time, frequency, polarization, l, m")}


@dataclass(frozen=True, slots=True)
class Held:
    """An array of an image, whoever holds it.

    Attributes
    ----------
    names
        Of its axes, none where they have none.
    shape, dtype
        Of the array.
    attributes
        What it says of itself.
    values
        Returns its numbers; called for small ones only.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    values: Callable[[], npt.NDArray[Any]]


@dataclass(slots=True)
class _Reading:
    """One foreign image while it is being understood."""

    place: str
    array: Held
    get: Callable[[str], Held | None]
    attributes: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)

    def coordinate(self, name: str, length: int) -> tuple[DoubleArray, Mapping[str, Any]] | None:
        """Return a coordinate of the right length as float64 and its attributes, None if there is none."""
        entry = self.get(name)
        if entry is None or entry.shape != (length,) or entry.dtype.kind not in "fiu":
            return None
        return np.asarray(entry.values(), dtype=np.float64), entry.attributes


def describe(
    place: str, array: Held, get: Callable[[str], Held | None], attributes: Mapping[str, Any]
) -> tuple[Shape, CubeMeta]:
    """Return which axes of an array are frequency, l and m, and what is known of the cube.

    Parameters
    ----------
    place
        The image's path, address or name, for names and messages.
    array
        The voxels, of three to five axes.
    get
        Returns another array of the image by its name: a coordinate or the beams; None where there is none.
    attributes
        What the image says of itself.

    Raises
    ------
    InputError
        The array does not hold voxels of a cube, or its axes cannot be told apart.
    """
    reading = _Reading(place, array, get, attributes)
    _check_numbers(reading)
    axes = _axes(reading)
    z, x, y = (array.shape[axis] for axis in axes)
    spectral = _spectral(reading, z)
    pixel_size, wcs_header = _sky(reading, (z, x, y), spectral)
    meta = CubeMeta(
        name=Path(place).stem,
        shape=(z, x, y),
        unit=_unit(reading),
        spectral=spectral,
        beams=_beams(reading, z),
        pixel_size=pixel_size,
        wcs_header=wcs_header,
        missing=tuple(reading.missing),
    )
    return axes, meta


def _check_numbers(reading: _Reading) -> None:
    array, name = reading.array, shown(reading.place)
    if len(array.shape) not in (3, 4, 5) or array.dtype.kind not in "fiu" or 0 in array.shape:
        raise InputError(
            f"{name} holds {array.dtype} numbers of shape {array.shape}; "
            "a cube has three axes (up to five with time and polarization) of real numbers."
        )
    if {"scale_factor", "add_offset"} & set(array.attributes):
        raise InputError(
            f"{name} stores scaled numbers (scale_factor, add_offset), which are not supported. "
            "Write it again as float32."
        )
    if (array.dtype.kind, array.dtype.itemsize) != ("f", 4):
        reading.missing.append(f"Voxels are stored as {array.dtype} and read as float32.")
    blanks = blanks_of(array.attributes, array.dtype)
    if blanks:
        reading.missing.append(words_of(blanks))


def _axes(reading: _Reading) -> Shape:
    names = list(reading.array.names)
    found = [next((i for i, name in enumerate(names) if name.lower() in role), None) for role in _ROLES]
    z, x, y = found
    if z is None or x is None or y is None:
        z, x, y = _unnamed_axes(reading, names)
    for axis, length in enumerate(reading.array.shape):
        if axis not in (z, x, y) and length > 1:
            word = names[axis] if names else f"number {axis}"
            reading.missing.append(f"Axis {word} has {length} planes: only the first is read.")
    return (z, x, y)


def _unnamed_axes(reading: _Reading, names: list[str]) -> Shape:
    shape = reading.array.shape
    long = [axis for axis, length in enumerate(shape) if length > 1]
    if len(shape) == 4 and len(long) == 3:
        axes, words = (long[0], long[1], long[2]), "frequency, l, m beside one axis of length 1"
    elif len(shape) in _UNNAMED:
        axes, words = _UNNAMED[len(shape)]
    else:
        raise InputError(
            f"{shown(reading.place)} has axes {', '.join(names) or 'without names'} of shape {shape}: "
            "which are frequency, l and m cannot be told. Name the dimensions so."
        )
    reading.missing.append(f"Axes are named {', '.join(names) or 'nothing'}: taken as {words}.")
    return axes


def _spectral(reading: _Reading, channels: int) -> SpectralAxis:
    found = reading.coordinate("frequency", channels)
    trouble = _trouble(found)
    if found is None or trouble:
        reading.missing.append(f"{trouble}: the spectral axis is not known, channels are numbered.")
        return SpectralAxis("channel", "", tuple(map(float, range(channels))))
    values, attributes = found
    text = attributes.get("units", attributes.get("unit"))
    text = text[0] if isinstance(text, list) and text else text
    known = spectral_unit(str(text))
    if known is None or known[1] != "Hz":
        reading.missing.append(f"The unit of frequency is {text}: taken as Hz.")
    factor = known[0] if known and known[1] == "Hz" else 1.0
    axis = axis_from_attributes(values * factor, dict(attributes))
    if axis.rest_frequency is None:
        reading.missing.append("No rest frequency: velocities cannot be had.")
    return axis


def _trouble(found: tuple[DoubleArray, Mapping[str, Any]] | None) -> str:
    """Return why frequencies cannot be used, ``""`` where they can."""
    if found is None:
        return "No frequency coordinate"
    if not np.isfinite(found[0]).all():
        return "Some frequencies are not finite"
    steps = np.diff(found[0])
    if len(steps) and not ((steps > 0).all() or (steps < 0).all()):
        return "Frequencies neither rise nor fall throughout"
    return ""


def _unit(reading: _Reading) -> str:
    attributes = reading.array.attributes
    text = attributes.get("units", attributes.get("unit", attributes.get("BUNIT", "")))
    text = text[0] if isinstance(text, list) and len(text) == 1 else text
    unit = voxel_unit(text) if isinstance(text, str) else ""
    if not unit:
        said = f"The unit {shown(str(text))} of the voxels is not known" if text else "No unit of the voxels"
        reading.missing.append(f"{said}.")
    return unit


def _beams(reading: _Reading, channels: int) -> tuple[Beam, ...]:
    entry = reading.get(str(reading.array.attributes.get("beam_fit_params", BEAM)))
    if entry is None or len(entry.shape) != 4 or (entry.shape[1], entry.shape[3]) != (channels, 3):
        reading.missing.append("No beam: fluxes stay in the unit of a voxel.")
        return ()
    degrees = np.degrees(np.asarray(entry.values()[0, :, 0, :], dtype=np.float64))
    if not (np.isfinite(degrees).all() and (degrees[:, :2] > 0).all()):
        reading.missing.append("Some channels have no usable beam: none is used.")
        return ()
    rows = degrees[:1] if (degrees == degrees[0]).all() else degrees
    return tuple(Beam(float(major), float(minor), float(pa)) for major, minor, pa in rows)


def _sky(reading: _Reading, shape: Shape, spectral: SpectralAxis) -> tuple[tuple[float, float] | None, str]:
    l_axis, m_axis = (reading.coordinate(name, n) for name, n in zip(("l", "m"), shape[1:], strict=True))
    info = reading.attributes.get("coordinate_system_info")
    if l_axis is None or m_axis is None or min(shape[1:]) < 2 or not isinstance(info, dict):
        reading.missing.append("No sky coordinates.")
        return None, ""
    header = wcs_header_of(info, l_axis[0], m_axis[0], spectral)
    if not header:
        reading.missing.append("The sky coordinates (coordinate_system_info) are not usable.")
        return None, ""
    size = tuple(float(np.degrees(abs(axis[0][1] - axis[0][0]))) for axis in (l_axis, m_axis))
    return (size[0], size[1]), header
