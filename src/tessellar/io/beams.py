"""The restoring beam of a cube: from the header, from CASA's table of beams, or from an AIPS history."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tessellar.io.cards import Cards
from tessellar.io.units import degrees_per
from tessellar.model import Beam, DoubleArray

_AIPS = re.compile(r"BMAJ=\s*([-+.\dEe]+)\s+BMIN=\s*([-+.\dEe]+)\s+BPA=\s*([-+.\dEe]+)")


@dataclass(frozen=True, slots=True)
class BeamTable:
    """CASA's ``BEAMS``: one row for a channel and polarisation, angles in degrees, float64 arrays (row)."""

    major: DoubleArray
    minor: DoubleArray
    pa: DoubleArray
    channel: DoubleArray
    polarisation: DoubleArray

    @classmethod
    def parse(cls, header: str, data: bytes) -> BeamTable:
        """Read a FITS binary table: arcsec, arcsec, deg unless ``TUNIT`` differs; no rows if it is broken."""
        from astropy.io import fits

        try:
            cards = fits.Header.fromstring(header, sep="\n")
            table = fits.BinTableHDU.fromstring(cards.tostring().encode() + data)
            columns = {
                c.name.upper(): (np.asarray(table.data[c.name], float), c.unit or "") for c in table.columns
            }
            return cls._of_columns(columns)
        except (
            Exception
        ):  # astropy raises of every kind for a broken table, and the header may hold a beam too
            return cls(*(np.zeros(0) for _ in range(5)))

    @classmethod
    def _of_columns(cls, columns: Mapping[str, tuple[DoubleArray, str]]) -> BeamTable:
        major, minor, pa = (columns[name] for name in ("BMAJ", "BMIN", "BPA"))
        rows = len(major[0])
        return cls(
            major[0] * (degrees_per(major[1]) or 1 / 3600),
            minor[0] * (degrees_per(minor[1]) or 1 / 3600),
            pa[0] * (degrees_per(pa[1]) or 1.0),
            columns["CHAN"][0] if "CHAN" in columns else np.arange(rows, dtype=np.float64),
            columns["POL"][0] if "POL" in columns else np.zeros(rows),
        )


def read_beams(cards: Cards, table: BeamTable | None, channels: int) -> tuple[tuple[Beam, ...], list[str]]:
    """Return one beam, one for each channel, or none, and sentences about what was assumed."""
    missing: list[str] = []
    if table is not None:
        beams = _of_table(table, channels, missing)
        if beams:
            return beams, missing
    beam = _of_header(cards, missing) or _of_history(cards, missing)
    if beam is None:
        missing.append("No beam (BMAJ, BMIN, BPA): fluxes stay in the unit of a voxel.")
        return (), missing
    return (beam,), missing


def _of_table(table: BeamTable, channels: int, missing: list[str]) -> tuple[Beam, ...]:
    """Return the beams of the first polarisation; a channel without one gets that of the nearest channel."""
    rows = (
        np.flatnonzero(table.polarisation == table.polarisation.min())
        if table.polarisation.size
        else np.array([])
    )
    if len(rows) != channels:
        missing.append(f"The table of beams has {len(rows)} rows for {channels} channels: ignored.")
        return ()
    rows = rows[np.argsort(table.channel[rows], kind="stable")]
    good = np.flatnonzero((table.major[rows] > 0) & (table.minor[rows] > 0) & np.isfinite(table.pa[rows]))
    if not good.size:
        missing.append("The table of beams has no beam above zero: ignored.")
        return ()
    if good.size < channels:
        missing.append(f"{channels - good.size} channels have no beam: that of the nearest channel is taken.")
    nearest = good[np.rint(np.interp(np.arange(channels), good, np.arange(good.size))).astype(np.intp)]
    return tuple(
        Beam(float(table.major[r]), float(table.minor[r]), float(table.pa[r])) for r in rows[nearest]
    )


def _of_header(cards: Cards, missing: list[str]) -> Beam | None:
    major, minor, pa = (cards.number(key) for key in ("BMAJ", "BMIN", "BPA"))
    if major is None or major <= 0:
        return None
    if minor is None or minor <= 0:
        missing.append("No BMIN: the beam is taken as round.")
        minor = major
    return Beam(major, minor, _position_angle(pa, missing))


def _position_angle(pa: float | None, missing: list[str]) -> float:
    if pa is None:
        missing.append("No BPA: the beam's position angle is taken as 0.")
        return 0.0
    if abs(pa) > 360:
        missing.append(
            f"BPA = {pa:g} is no angle in degrees: taken modulo 180, {pa % 180:.1f}; do not trust it."
        )
        return pa % 180
    return pa


def _of_history(cards: Cards, missing: list[str]) -> Beam | None:
    """Return the last clean beam that AIPS wrote in its history."""
    for line in reversed(cards.history()):
        match = _AIPS.search(line)
        if match:
            try:
                major, minor, pa = map(float, match.groups())
            except ValueError:
                continue
            if major > 0 and minor > 0:
                missing.append("No BMAJ: the beam is taken from the history that AIPS wrote.")
                return Beam(major, minor, pa)
    return None
