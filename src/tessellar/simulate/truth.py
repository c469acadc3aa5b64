"""What a made-up sky really holds: a table of its galaxies, to score a catalogue against."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.errors import InputError, OutputError
from tessellar.model import DoubleArray
from tessellar.simulate.header import rest_frequency
from tessellar.simulate.measured import BOUNDS, MEASURED, SkyOfGalaxies, measure

if TYPE_CHECKING:
    from astropy.table import QTable

_ECSV = "ascii.ecsv"
_SUFFIXES = (".gz", ".fz", ".fits", ".fit", ".zarr")

UNITS: Mapping[str, str] = {
    **dict.fromkeys(("x", "y", "z", *BOUNDS), "pix"),
    **dict.fromkeys(("ra", "dec", "pa", "i"), "deg"),
    **dict.fromkeys(("freq", "w20_freq"), "Hz"),
    "f_sum": "Jy Hz",
    "hi_size": "arcsec",
    "w20": "km / s",
}
DESCRIPTIONS: Mapping[str, str] = {
    "id": "number of the galaxy, from 0",
    "x": "centre along l (FITS axis 1), 0-based",
    "y": "centre along m (FITS axis 2), 0-based",
    "z": "systemic channel, 0-based",
    "ra": "right ascension of the centre, ICRS",
    "dec": "declination of the centre, ICRS",
    "freq": "systemic frequency",
    "f_sum": "line flux integral inside the cube",
    "hi_size": "diameter of the HI disc, where 1 Msun/pc² is left by the relations of its population",
    "w20": "line width at 20 % of the peak, c rest width / freq², without noise",
    "w20_freq": "line width at 20 % of the peak, without noise",
    "pa": "position angle of the receding side, anticlockwise from north",
    "i": "inclination, 0 is face on",
    "snr": "0.9 flux / (rms √(n90 × beam area)): voxel sums over the brightest 90 % of the flux",
    "n90": "voxels that hold the brightest 90 % of the flux",
    **{name: f"{name[2:]}imum of {name[0]} over these voxels" for name in BOUNDS},
}
OF_SOME: Mapping[str, str] = {
    "pb": "response of the primary beam at the centre; fluxes and S/N are those behind it",
}
"""Columns that only some skies have."""
SDC2_COLUMNS: Mapping[str, tuple[str, str]] = {
    "id": ("id", ""),
    "ra": ("ra", "deg"),
    "dec": ("dec", "deg"),
    "hi_size": ("hi_size", "arcsec"),
    "line_flux_integral": ("f_sum", "Jy Hz"),
    "central_freq": ("freq", "Hz"),
    "pa": ("pa", "deg"),
    "i": ("i", "deg"),
    "w20": ("w20", "km / s"),
}


def truth_table(sky: SkyOfGalaxies) -> QTable:
    """Return the galaxies of a sky with units, one row each, in the order of their numbers.

    Flux, line width, S/N and bounding box are those of the part inside the cube, without noise (see
    ``measure``).

    Parameters
    ----------
    sky
        The sky; every galaxy is drawn once.

    Returns
    -------
    truth
        QTable with the columns of ``DESCRIPTIONS``, and those of ``OF_SOME`` that the sky has; ``meta`` tells beam,
        pixel, channel and rest frequency.
    """
    from astropy.table import QTable

    drawn = _drawn(sky)
    rows = [measure(sky, number) for number in range(drawn["x"].size)]
    columns: dict[str, Any] = {"id": np.arange(len(rows)), **drawn}
    columns |= {name: np.array([row[name] for row in rows]) for name in MEASURED}
    known = {**DESCRIPTIONS, **{name: text for name, text in OF_SOME.items() if name in columns}}
    table = QTable({name: columns[name] for name in known}, units=dict(UNITS), meta=_meta(sky))
    for name, text in known.items():
        table[name].info.description = text
    return table


def truth_path(cube: str | os.PathLike[str]) -> Path:
    """Return where the truth of a cube stands: ``sky.fits`` has ``sky.truth.ecsv`` beside it.

    In the columns of SKA Data Challenge 2 it is ``sky.truth.txt``.
    """
    path = Path(cube)
    stem = path.name
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return path.with_name(f"{stem}.truth.ecsv")


def check_truth(truth: QTable, cube: str | os.PathLike[str]) -> None:
    """Refuse to write the truth of a cube over that of another one: ``sky.zarr`` and ``sky.fits`` share a name for it.

    Raises
    ------
    OutputError
        The other cube is there, and its truth is another one.
    """
    path = truth_path(cube)
    beside = sorted(other for other in path.parent.iterdir() if other.name.endswith(_SUFFIXES))
    others = [other for other in beside if other != Path(cube) and truth_path(other) == path]
    if others and path.is_file() and path.read_text(encoding="utf-8") != _text_of(truth, _ECSV):
        raise OutputError(
            f"{path} is the truth of {others[0]}, which is another sky. Choose another name, or remove both."
        )


def write_truth(truth: QTable, path: str | os.PathLike[str]) -> None:
    """Write a truth table as ECSV, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(truth, Path(path), _ECSV)


def read_truth(path: str | os.PathLike[str]) -> QTable:
    """Return a truth table that ``write_truth`` wrote.

    Raises
    ------
    InputError
        If there is none, or the file is something else.
    """
    from astropy.table import QTable

    try:
        table = QTable.read(path, format=_ECSV)
    except FileNotFoundError as error:
        raise InputError(f"There is no truth table {path}; `tessellar simulate` writes one.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a truth table in ECSV ({error}); make it anew.") from error
    lacking = [name for name in DESCRIPTIONS if name not in table.colnames]
    if lacking:
        raise InputError(f"{path} is not a truth table: it lacks {', '.join(lacking)}; make it anew.")
    return table


def sdc2_table(truth: QTable) -> QTable:
    """Return the columns of SKA Data Challenge 2, in its order and units, of a truth table."""
    from astropy.table import QTable

    table = QTable()
    for name, (ours, unit) in SDC2_COLUMNS.items():
        table[name] = truth[ours].to_value(unit) if unit else truth[ours]
    return table


def write_sdc2(truth: QTable, path: str | os.PathLike[str]) -> None:
    """Write a truth table as the text that the scorer of SKA Data Challenge 2 reads.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write(sdc2_table(truth), Path(path), "ascii.basic")


def _text_of(table: QTable, table_format: str) -> str:
    text = io.StringIO()
    table.write(text, format=table_format)
    return text.getvalue()


def _write(table: QTable, path: Path, table_format: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(_text_of(table, table_format), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)


def _meta(sky: SkyOfGalaxies) -> dict[str, Any]:
    return {
        "sky": sky.identity,
        "shape": list(sky.shape),
        "rms_jy": sky.rms_jy or float(getattr(sky, "middle_rms_jy", 0.0)),
        "beam_arcsec": sky.beam_arcsec,
        "pixel_arcsec": sky.pixel_arcsec,
        "channel_hz": sky.channel_hz,
        "rest_frequency_hz": rest_frequency(sky),
    }


def _drawn(sky: SkyOfGalaxies) -> dict[str, DoubleArray]:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    places = sky.places()
    wcs = WCS(Header.fromstring(sky.meta.wcs_header, sep="\n"))
    ra, dec, freq = wcs.all_pix2world(places["x"], places["y"], places["z"], 0)
    return {**places, "ra": ra, "dec": dec, "freq": freq}
