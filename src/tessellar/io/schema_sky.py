"""The sky axes of a cube in the words of the xradio image schema, in radians, and back to a FITS header."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.model import CubeMeta, DoubleArray, SpectralAxis

if TYPE_CHECKING:
    from astropy.io.fits import Header

_NO_SKY = (
    "The header has no usable sky coordinates: this is the pixel index times the pixel size, or the index."
)
_FRAMES = {"FK5": "fk5", "FK4": "fk4", "FK4-NO-E": "fk4noterms", "ICRS": "icrs"}
_FRAME_OF_AXIS = {"GLON": "galactic", "ELON": "barycentricmeanecliptic", "SLON": "supergalactic"}
_AXES_OF_FRAME = {frame: (axis, axis[0] + "LAT") for axis, frame in _FRAME_OF_AXIS.items()}


def offsets(meta: CubeMeta) -> tuple[DoubleArray, DoubleArray, str | None]:
    """Return the ``l`` and ``m`` coordinates and a note where they are not what the schema means.

    Returns
    -------
    l, m : float64 arrays (l), (m)
        Projection-plane offset from the reference direction in radians: pixel offset times increment.
    note : str or None
        What they are instead, where the cube has no sky coordinates.
    """
    lengths = meta.shape[1:]
    if not meta.wcs_header:
        size = meta.pixel_size or (1.0, 1.0)
        scale = math.radians(1) if meta.pixel_size else 1.0
        return _indices(lengths[0], size[0] * scale), _indices(lengths[1], size[1] * scale), _NO_SKY
    wcs = _wcs(meta.wcs_header)
    increments, _ = _increments(wcs)
    reference = wcs.wcs.crpix
    l_axis, m_axis = (
        (_indices(n) + 1 - reference[i]) * np.radians(increments[i]) for i, n in enumerate(lengths)
    )
    return l_axis, m_axis, None


def coordinate_system(meta: CubeMeta) -> dict[str, Any] | None:
    """Return the schema's ``coordinate_system_info``, plain JSON values; None without sky coordinates."""
    if not meta.wcs_header:
        return None
    wcs = _wcs(meta.wcs_header)
    _, rotation = _increments(wcs)
    kind = str(wcs.wcs.ctype[0])
    frame = _FRAME_OF_AXIS.get(kind[:4]) or _FRAMES.get(str(wcs.wcs.radesys).strip().upper(), "icrs")
    attributes = {"type": "sky_coord", "units": "rad", "frame": frame}
    if frame.startswith("fk"):
        default = 2000.0 if frame == "fk5" else 1950.0
        equinox = float(wcs.wcs.equinox) if np.isfinite(wcs.wcs.equinox) else default
        attributes["equinox"] = f"{'j' if frame == 'fk5' else 'b'}{equinox:.1f}"
    labels = ["ra", "dec"] if kind.startswith("RA") else ["lon", "lat"]
    return {
        "reference_direction": _direction("sky_dir_label", labels, wcs.wcs.crval[:2], attributes),
        "native_pole_direction": _direction(
            "ellipsoid_dir_label",
            ["lon", "lat"],
            (wcs.wcs.lonpole, wcs.wcs.latpole),
            {"type": "location", "units": "rad", "frame": "NATIVE_PROJECTION"},
        ),
        "projection": kind[5:8] or "CAR",
        "projection_parameters": [float(value) for axis, _, value in wcs.wcs.get_pv() if axis == 2],
        "pixel_coordinate_transformation_matrix": [[float(v) for v in row] for row in rotation],
    }


def wcs_header_of(
    info: dict[str, Any], l_axis: DoubleArray, m_axis: DoubleArray, spectral: SpectralAxis
) -> str:
    """Return a three-axis FITS header for a foreign image, ``""`` where its coordinates do not give one.

    Parameters
    ----------
    info
        The image's ``coordinate_system_info``.
    l_axis, m_axis
        Its ``l`` and ``m`` coordinates, float64 arrays, radians.
    spectral
        Its spectral axis.

    Returns
    -------
    str
        80-column cards joined by newlines.
    """
    try:
        header = _header(info, l_axis, m_axis, spectral)
        _wcs(header.tostring(sep="\n", endcard=False, padding=False))
    except (KeyError, TypeError, ValueError, IndexError):
        return ""
    return str(header.tostring(sep="\n", endcard=False, padding=False))


def _header(info: dict[str, Any], l_axis: DoubleArray, m_axis: DoubleArray, spectral: SpectralAxis) -> Header:
    from astropy.io.fits import Header

    direction, pole = info["reference_direction"], info["native_pole_direction"]
    frame = direction["attrs"]["frame"]
    lon, lat = _AXES_OF_FRAME.get(frame, ("RA--", "DEC-"))
    header = Header()
    sky = zip((lon, lat), (l_axis, m_axis), direction["data"], strict=True)
    for i, (name, values, centre) in enumerate(sky, start=1):
        increment = _step(values)
        header[f"CTYPE{i}"] = f"{name}-{info['projection']}"
        header[f"CUNIT{i}"] = "deg"
        header[f"CRVAL{i}"] = math.degrees(centre)
        header[f"CDELT{i}"] = math.degrees(increment)
        header[f"CRPIX{i}"] = 1 - values[0] / increment
    for i, row in enumerate(info["pixel_coordinate_transformation_matrix"], start=1):
        for j, value in enumerate(row, start=1):
            header[f"PC{i}_{j}"] = value
    for i, value in enumerate(info["projection_parameters"]):
        if value:
            header[f"PV2_{i if info['projection'] == 'ZPN' else i + 1}"] = value
    header["LONPOLE"], header["LATPOLE"] = (math.degrees(angle) for angle in pole["data"])
    _add_frame(header, frame, direction["attrs"].get("equinox"))
    _add_spectral_axis(header, spectral)
    return header


def _add_frame(header: Header, frame: str, equinox: str | None) -> None:
    names = {name: radesys for radesys, name in _FRAMES.items()}
    if frame in names:
        header["RADESYS"] = names[frame]
    if equinox:
        header["EQUINOX"] = float(equinox.lstrip("jJbB"))


def _add_spectral_axis(header: Header, spectral: SpectralAxis) -> None:
    values = spectral.values
    header["CTYPE3"] = "FREQ"
    header["CUNIT3"] = "Hz"
    header["CRVAL3"] = values[0]
    header["CDELT3"] = (values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0
    header["CRPIX3"] = 1.0
    if spectral.rest_frequency:
        header["RESTFRQ"] = spectral.rest_frequency
    if spectral.frame:
        header["SPECSYS"] = spectral.frame


def _indices(length: int, scale: float = 1.0) -> DoubleArray:
    return np.arange(length, dtype=np.float64) * scale


def _step(values: DoubleArray) -> float:
    steps = np.diff(values)
    if not np.allclose(steps, steps[0], rtol=1e-6, atol=0) or steps[0] == 0:
        raise ValueError("the pixels are not evenly spaced")
    return float(steps[0])


def _direction(dim: str, labels: list[str], degrees: Any, attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "data": [float(angle) for angle in np.radians(np.asarray(degrees, dtype=np.float64))],
        "dims": [dim],
        "coords": {dim: {"data": labels, "dims": [dim]}},
        "attrs": attributes,
    }


def _increments(wcs: Any) -> tuple[DoubleArray, DoubleArray]:
    """Return the increments along l and m in degrees, and the rotation matrix that goes with them."""
    matrix = np.asarray(wcs.pixel_scale_matrix, dtype=np.float64)[:2, :2]
    if wcs.wcs.has_cd():
        increments = np.sign(np.diag(matrix)) * np.hypot(matrix[:, 0], matrix[:, 1])
        increments[increments == 0] = 1.0
    else:
        increments = np.asarray(wcs.wcs.cdelt, dtype=np.float64)[:2]
    return increments, matrix / increments[:, np.newaxis]


def _wcs(header: str) -> Any:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(Header.fromstring(header, sep="\n"))
        wcs.wcs.set()
    return wcs
