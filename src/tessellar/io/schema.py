"""How a cube on disk describes itself: a valid xradio image (schema 0.0.2) with the whole FITS header."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tessellar.io.meta_json import meta_from_json, meta_to_json
from tessellar.io.schema_observation import observation_mjd, polarization_label, sky_words
from tessellar.io.schema_sky import coordinate_system, offsets
from tessellar.io.schema_spectral import frequencies, frequency_attributes, velocities
from tessellar.model import CubeMeta

SCHEMA_VERSION = "0.0.2"
SKY = "SKY"
BEAM = "BEAM_FIT_PARAMS_SKY"
DIMS = ("time", "frequency", "polarization", "l", "m")
OURS = "tessellar"
VELOCITY = "velocity"
_BEAM_AXIS = "beam_params_label"


class Variable(NamedTuple):
    """A small array of an image, as xarray takes it: a coordinate, or the beams.

    Attributes
    ----------
    dims
        Names of its axes.
    values
        Float64 in the schema's units (Hz, radians, days, m/s), or words.
    attributes
        What it says about itself, plain JSON values.
    """

    dims: tuple[str, ...]
    values: npt.NDArray[Any]
    attributes: dict[str, Any]


def coordinates(meta: CubeMeta) -> dict[str, Variable]:
    """Return the coordinates of the xradio image of a cube by their names.

    Cubes that the schema did not foresee are stored honestly and still validly:

    - A velocity axis becomes frequencies through the rest frequency; ``velocity`` keeps the original.
    - Without a rest frequency, or without any spectral axis, ``frequency`` is NaN in every channel and
      ``rest_frequency`` 0 Hz, with a ``note`` that says so; ``velocity`` is there where it is known.
    - Without sky coordinates there is no ``coordinate_system_info``, and ``l`` and ``m`` carry a ``note``.
    - Without an observing date ``time`` is NaN; without a Stokes axis the polarization is ``I``.
    """
    l_axis, m_axis, note = offsets(meta)
    sky_note = {} if note is None else {"note": note}
    time = {"type": "time", "units": "d", "scale": "utc", "format": "mjd"}
    found = {
        "time": (np.array([observation_mjd(meta.header)]), time),
        "frequency": (frequencies(meta.spectral), frequency_attributes(meta.spectral)),
        "polarization": (np.array([polarization_label(meta.header)]), {}),
        "l": (l_axis, sky_note),
        "m": (m_axis, sky_note),
    }
    if meta.beams:
        found[_BEAM_AXIS] = (np.array(["major", "minor", "pa"]), {})
    axes = {name: Variable((name,), *about) for name, about in found.items()}
    known = velocities(meta.spectral)
    if known is None:
        return axes
    words = {"type": "doppler", "units": "m/s", "doppler_type": known[1]}
    return {**axes, VELOCITY: Variable(("frequency",), known[0], words)}


def beam_fits(meta: CubeMeta) -> dict[str, Variable]:
    """Return the variable with the beam of every channel by its name; empty where the cube has no beam."""
    if not meta.beams:
        return {}
    says = {"type": "beam_fit_params_sky", "units": "rad"}
    return {BEAM: Variable((*DIMS[:3], _BEAM_AXIS), _beam_parameters(meta), says)}


def image_attributes(meta: CubeMeta) -> dict[str, Any]:
    """Return the attributes of the image, plain JSON values.

    The attribute ``tessellar`` holds everything of ``meta`` as JSON, so nothing of a cube that the schema did not
    foresee is lost.
    """
    group = {"sky": SKY}
    if meta.beams:
        group["beam_fit_params_sky"] = BEAM
    attributes: dict[str, Any] = {
        "type": "image_dataset",
        "schema_version": SCHEMA_VERSION,
        "data_groups": {"base": group},
        OURS: meta_to_json(meta),
    }
    info = coordinate_system(meta)
    if info is not None:
        attributes["coordinate_system_info"] = info
    return attributes


def sky_attributes(meta: CubeMeta) -> dict[str, Any]:
    """Return the attributes of variable ``SKY``, plain JSON values."""
    attributes: dict[str, Any] = {"type": "sky", **sky_words(meta.header)}
    if meta.unit:
        attributes["units"] = meta.unit.replace(" / ", "/")
    if meta.beams:
        attributes["beam_fit_params"] = BEAM
    return attributes


def meta_from_attributes(attributes: dict[str, Any]) -> CubeMeta | None:
    """Return the description that the attributes of a store of ours hold, None for a foreign store.

    Raises
    ------
    InputError
        The description is there but damaged, or written by a newer version.
    """
    return meta_from_json(attributes[OURS]) if OURS in attributes else None


def _beam_parameters(meta: CubeMeta) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the beam of every channel, float64 array (time, frequency, polarization, 3), radians."""
    degrees = np.array([(beam.major, beam.minor, beam.pa) for beam in meta.beams])
    per_channel = np.broadcast_to(degrees * math.radians(1), (meta.shape[0], 3))
    return per_channel[np.newaxis, :, np.newaxis, :].copy()
