"""One catalogue held against another: which rows are the same source, and how well they agree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.agreement import MatchResult, Spread, snr_bins, spread
from tessellar.challenge.columns import numbers
from tessellar.challenge.pairing import Pairs, pair
from tessellar.challenge.places import Places, Scales, has_pixels, nowhere, pixel_places, sky_places

if TYPE_CHECKING:
    from astropy.table import QTable


def match(
    catalogue: QTable,
    reference: QTable,
    *,
    beam_arcsec: float | None = None,
    pixel_arcsec: float | None = None,
    channel_hz: float | None = None,
) -> MatchResult:
    """Return how a catalogue agrees with a reference, row by row, one to one, nearest first.

    Two rows may be the same source if they lie within the larger of the beam and the source's radius, and
    within the larger of half its line width and four channels, size and width being the reference's. Rows
    are compared in pixels where both tables have ``x y z``, else by ``ra dec`` and frequency (or velocity).

    Parameters
    ----------
    catalogue, reference
        Tables with SoFiA's column names, units respected; rows without a position match nothing.
    beam_arcsec, pixel_arcsec, channel_hz
        Scales that neither table's ``meta`` tells under these names; the reference's are asked first. Pixels
        are compared without them as if the beam were four pixels wide.

    Returns
    -------
    result
        Its text is a small table.

    Raises
    ------
    InputError
        If a table lacks positions, or sky positions are compared and nobody says the scales.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> truth = QTable({"x": [10.0, 50.0], "y": [10.0, 50.0], "z": [5.0, 9.0]})
    >>> found = QTable({"x": [10.4], "y": [9.9], "z": [5.2]})
    >>> match(found, truth).completeness
    0.5
    """
    asked = {"beam_arcsec": beam_arcsec, "pixel_arcsec": pixel_arcsec, "channel_hz": channel_hz}
    scales = _scales(asked, reference, catalogue)
    in_pixels = all(has_pixels(table) for table in (catalogue, reference) if len(table))
    locate = pixel_places if in_pixels else sky_places
    ours, theirs = (
        locate(table, scales) if len(table) else nowhere(in_pixels) for table in (catalogue, reference)
    )
    snr = numbers(reference, ("snr",), "")
    pairs = pair(ours, theirs)
    offsets = _pixel_offsets(ours, theirs, pairs) if in_pixels else _sky_offsets(ours, theirs, pairs)
    return MatchResult(
        n_catalogue=len(catalogue),
        n_reference=len(reference),
        pairs=pairs,
        bins=() if snr is None else snr_bins(snr, pairs.reference),
        flux_ratio=_flux_ratio(catalogue, reference, pairs),
        offsets=offsets,
    )


def _scales(asked: dict[str, float | None], *tables: QTable) -> Scales:
    scales = Scales()
    for meta in (*(table.meta for table in reversed(tables)), asked):
        known = {
            name: float(meta[name]) for name in Scales.__slots__ if isinstance(meta.get(name), int | float)
        }
        scales = replace(scales, **known)
    return scales


def _flux_ratio(catalogue: QTable, reference: QTable, pairs: Pairs) -> Spread | None:
    """Return the ratio of fluxes where both tables tell them in units of one kind."""
    names = ("f_sum", "line_flux_integral")
    name = next((name for name in names if name in reference.colnames), "")
    unit = str(getattr(reference[name], "unit", None) or "") if name else ""
    ours, theirs = numbers(catalogue, names, unit), numbers(reference, names, unit)
    if ours is None or theirs is None:
        return None
    ours, theirs = ours[pairs.catalogue], theirs[pairs.reference]
    return spread("flux ratio", "", ours[theirs != 0] / theirs[theirs != 0])


def _pixel_offsets(catalogue: Places, reference: Places, pairs: Pairs) -> tuple[Spread, ...]:
    step = catalogue.position[pairs.catalogue] - reference.position[pairs.reference]
    return (
        spread("x", "pixels", step[:, 0]),
        spread("y", "pixels", step[:, 1]),
        spread("z", "channels", pairs.depth),
    )


def _sky_offsets(catalogue: Places, reference: Places, pairs: Pairs) -> tuple[Spread, ...]:
    centre = reference.position[pairs.reference]
    step = catalogue.position[pairs.catalogue] - centre
    up = centre / np.linalg.norm(centre, axis=1, keepdims=True)
    east = np.stack([-up[:, 1], up[:, 0], np.zeros(len(up))], axis=1)
    east /= np.maximum(np.linalg.norm(east, axis=1, keepdims=True), 1e-12)
    north = np.cross(up, east)
    return (
        spread("east", "arcsec", np.sum(step * east, axis=1)),
        spread("north", "arcsec", np.sum(step * north, axis=1)),
        spread("frequency", "Hz", pairs.depth),
    )
