"""Where pixels lie: pixel coordinates in, ICRS degrees and frequencies or velocities out."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.io.cards import Cards
from tessellar.model import CubeMeta, DoubleArray

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def sky_position(meta: CubeMeta, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> dict[str, DoubleArray]:
    """Return the positions of pixels.

    Parameters
    ----------
    meta
        The cube.
    x, y, z
        Pixel coordinates from 0 along l, m and frequency, float64 arrays of one shape; fractions are allowed.

    Returns
    -------
    dict
        ``ra``, ``dec``: ICRS degrees, whatever the frame of the header; ``l``, ``b`` in addition for a
        galactic cube; and the spectral coordinate under its kind (``freq`` in Hz; ``v_rad``, ``v_opt``,
        ``v_app`` in m/s), interpolated linearly between channel centres. What the cube has not is left out;
        a pixel outside the sky of the projection is NaN.
    """
    x, y, z = (np.asarray(a, dtype=np.float64) for a in (x, y, z))
    columns = _sky(meta, x, y) if meta.wcs_header else {}
    if meta.spectral.kind != "channel":
        columns[meta.spectral.kind] = _spectral(meta, z)
    return columns


def pixel_position(meta: CubeMeta, longitude: ArrayLike, latitude: ArrayLike) -> DoubleArray:
    """Return where sky positions lie, float64 array (position, 2): pixels along l and m from 0.

    Parameters
    ----------
    meta
        A cube with sky coordinates.
    longitude, latitude
        Degrees in the cube's own sky system, float64 arrays (position).

    Returns
    -------
    DoubleArray
        NaN where a position is not on the cube's side of the sky.
    """
    x, y = np.full((2, np.size(longitude)), np.nan)
    wcs = _wcs(meta).celestial
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if x.size:
            x, y = wcs.wcs_world2pix(np.asarray(longitude), np.asarray(latitude), 0)
    return np.stack([x, y], axis=1).astype(np.float64)


def own_position(meta: CubeMeta, ra: ArrayLike, dec: ArrayLike) -> tuple[DoubleArray, DoubleArray]:
    """Return where ICRS positions are in the cube's own sky system, longitude and latitude; all in degrees."""
    from astropy import units
    from astropy.coordinates import SkyCoord

    own = SkyCoord(ra, dec, unit=units.deg, frame="icrs").transform_to(_frame(_wcs(meta))).spherical
    return _degrees(own.lon), _degrees(own.lat)


def frame_record(meta: CubeMeta) -> tuple[str, str] | None:
    """Return the sky frame of a cube, ``icrs``, ``galactic``, ``fk5`` and the like, and its equinox (``J2000``)."""
    if not meta.wcs_header:
        return None
    frame = _frame(_wcs(meta))
    equinox = getattr(frame, "equinox", None)
    name = str(frame.name)
    return name, "" if equinox is None else f"{'B' if name.startswith('fk4') else 'J'}{equinox.value:g}"


def north_of(frame: tuple[str, str], ra: ArrayLike, dec: ArrayLike) -> DoubleArray:
    """Return the position angle of a frame's north at ICRS positions, from ICRS north through east; all in degrees.

    Parameters
    ----------
    frame
        As `frame_record` tells it.
    ra, dec
        Positions, float64 arrays (position).
    """
    from astropy import units
    from astropy.coordinates import SkyCoord, frame_transform_graph

    name, equinox = frame
    kind = frame_transform_graph.lookup_name(name)
    here = SkyCoord(ra, dec, unit=units.deg, frame="icrs")
    own = here.transform_to(kind(equinox=equinox) if equinox else kind())
    north = own.directional_offset_by(0.0 * units.deg, 1.0 * units.arcsec).icrs
    return np.asarray((here.position_angle(north).deg + 180.0) % 360.0 - 180.0, dtype=np.float64)


def frame_name(meta: CubeMeta) -> str:
    """Return the sky frame of a cube (``ICRS``, ``FK4 B1950``, ``Galactic``), ``""`` where it has none."""
    if not meta.wcs_header:
        return ""
    frame = _frame(_wcs(meta))
    if frame.name == "galactic":
        return "Galactic"
    name = str(frame.name).upper()
    equinox = getattr(frame, "equinox", None)
    return name if equinox is None else f"{name} {'B' if name.startswith('FK4') else 'J'}{equinox.value:g}"


def sky_matrix(meta: CubeMeta) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the degrees of a step along l and of one along m, rows (longitude, latitude); None without coordinates."""
    if not meta.wcs_header:
        return None
    cards = Cards.from_text(meta.wcs_header)
    rows = []
    for i in (1, 2):
        step = cards.number(f"CDELT{i}", 1.0)
        turns = (cards.number(f"PC{i}_{j}", float(i == j)) for j in (1, 2))
        rows.append([(step or 0.0) * (turn or 0.0) for turn in turns])
    return (rows[0][0], rows[0][1]), (rows[1][0], rows[1][1])


def projection_name(meta: CubeMeta) -> str:
    """Return the three letters of the projection, ``""`` without one."""
    return _wcs(meta).wcs.ctype[0][-3:] if meta.wcs_header else ""


def _sky(meta: CubeMeta, x: DoubleArray, y: DoubleArray) -> dict[str, DoubleArray]:
    from astropy import units
    from astropy.coordinates import SkyCoord

    wcs = _wcs(meta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        longitude, latitude = wcs.celestial.wcs_pix2world(x, y, 0)
        native = SkyCoord(longitude * units.deg, latitude * units.deg, frame=_frame(wcs))
        icrs = native.icrs
    columns = {"ra": _degrees(icrs.ra), "dec": _degrees(icrs.dec)}
    if native.frame.name == "galactic":
        columns |= {"l": _degrees(native.l), "b": _degrees(native.b)}
    return columns


def _degrees(angle: Any) -> DoubleArray:  # astropy's angles carry no types
    return np.asarray(angle.deg, dtype=np.float64)


def _spectral(meta: CubeMeta, z: DoubleArray) -> DoubleArray:
    values = np.asarray(meta.spectral.values)
    return np.asarray(np.interp(z, np.arange(len(values)), values), dtype=np.float64)


def _wcs(meta: CubeMeta) -> Any:
    """Return astropy's WCS; made anew for each use, because it is not safe to share between threads."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(Header.fromstring(meta.wcs_header, sep="\n"))


def _frame(wcs: Any) -> Any:
    from astropy.wcs.utils import wcs_to_celestial_frame

    return wcs_to_celestial_frame(wcs)
