"""How a cube on disk describes itself: a valid xradio image (schema 0.0.2) with the whole FITS header."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.io.meta_json import meta_from_json, meta_to_json
from tessellar.io.schema_observation import observation_mjd, polarization_label, sky_words
from tessellar.io.schema_sky import coordinate_system, offsets
from tessellar.io.schema_spectral import frequencies, frequency_attributes, velocities
from tessellar.model import CubeMeta

if TYPE_CHECKING:
    import xarray

SCHEMA_VERSION = "0.0.2"
SKY = "SKY"
BEAM = "BEAM_FIT_PARAMS_SKY"
DIMS = ("time", "frequency", "polarization", "l", "m")
OURS = "tessellar"


def dataset_template(meta: CubeMeta) -> xarray.Dataset:
    """Return the xradio image of a cube without its voxels: coordinates, beams and attributes.

    Cubes that the schema did not foresee are stored honestly and still validly:

    - A velocity axis becomes frequencies through the rest frequency; ``velocity`` keeps the original.
    - Without a rest frequency, or without any spectral axis, ``frequency`` is NaN in every channel and
      ``rest_frequency`` 0 Hz, with a ``note`` that says so; ``velocity`` is there where it is known.
    - Without sky coordinates there is no ``coordinate_system_info``, and ``l`` and ``m`` carry a ``note``.
    - Without an observing date ``time`` is NaN; without a Stokes axis the polarization is ``I``.

    The attribute ``tessellar`` holds everything of ``meta`` as JSON, so nothing is lost in any of these.

    Parameters
    ----------
    meta
        The cube; its voxels are stored as variable ``SKY`` with dimensions ``DIMS``.

    Returns
    -------
    xarray.Dataset
        In memory; float64 coordinates in the schema's units (Hz, radians, days, m/s).
    """
    import xarray

    dataset = xarray.Dataset(coords=_coordinates(meta), attrs=_attributes(meta))
    if meta.beams:
        dataset = dataset.assign_coords(beam_params_label=["major", "minor", "pa"])
        dims = (*DIMS[:3], "beam_params_label")
        dataset[BEAM] = (dims, _beam_parameters(meta), {"type": "beam_fit_params_sky", "units": "rad"})
    return dataset


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


def _attributes(meta: CubeMeta) -> dict[str, Any]:
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


def _coordinates(meta: CubeMeta) -> dict[str, Any]:
    l_axis, m_axis, note = offsets(meta)
    sky_note = {} if note is None else {"note": note}
    time = {"type": "time", "units": "d", "scale": "utc", "format": "mjd"}
    coordinates: dict[str, Any] = {
        "time": ("time", [observation_mjd(meta.header)], time),
        "frequency": ("frequency", frequencies(meta.spectral), frequency_attributes(meta.spectral)),
        "polarization": ("polarization", [polarization_label(meta.header)]),
        "l": ("l", l_axis, sky_note),
        "m": ("m", m_axis, sky_note),
    }
    known = velocities(meta.spectral)
    if known is not None:
        values, doppler = known
        words = {"type": "doppler", "units": "m/s", "doppler_type": doppler}
        coordinates["velocity"] = ("frequency", values, words)
    return coordinates


def _beam_parameters(meta: CubeMeta) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the beam of every channel, float64 array (time, frequency, polarization, 3), radians."""
    degrees = np.array([(beam.major, beam.minor, beam.pa) for beam in meta.beams])
    per_channel = np.broadcast_to(degrees * math.radians(1), (meta.shape[0], 3))
    return per_channel[np.newaxis, :, np.newaxis, :].copy()
