"""Submissions of every kind to a made-up field of SKA Data Challenge 2: good and bad, doubled, shifted, out of band."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
from astropy.table import Table, vstack

N_TRUE = 400

Random = np.random.Generator


def truth() -> Table:
    """Return the true sources, in the columns of the challenge."""
    rng = np.random.default_rng(0)
    flux = 10 ** rng.uniform(0.5, 2.5, N_TRUE)
    return Table(
        {
            "id": np.arange(N_TRUE),
            "ra": 180.0 + rng.uniform(-0.6, 0.6, N_TRUE),
            "dec": -30.0 + rng.uniform(-0.5, 0.5, N_TRUE),
            "hi_size": 2.0 * np.sqrt(flux) * np.exp(0.1 * rng.normal(size=N_TRUE)),
            "line_flux_integral": flux,
            "central_freq": rng.uniform(0.951e9, 1.149e9, N_TRUE),
            "pa": rng.uniform(0, 360, N_TRUE),
            "i": np.degrees(np.arccos(rng.uniform(0, 1, N_TRUE))),
            "w20": rng.uniform(30, 400, N_TRUE),
        }
    )


def cases() -> dict[str, Table]:
    """Return the submissions by name."""
    return {name: make(np.random.default_rng(seed)) for seed, (name, make) in enumerate(_CASES.items())}


def _measured(rng: Random, errors: float, rows: slice = slice(None)) -> Table:
    """Return the truth with errors of that many tolerances or so."""
    table = truth()[rows]

    def error(scale: float) -> npt.NDArray[np.float64]:
        return errors * scale * rng.normal(size=len(table))

    table["ra"] += error(3 / 3600)
    table["dec"] += error(3 / 3600)
    table["central_freq"] += error(2e5)
    table["pa"] = (table["pa"] + error(40.0)) % 360
    table["i"] = np.clip(table["i"] + error(20.0), 0, 90)
    for name in ("hi_size", "line_flux_integral", "w20"):
        table[name] *= np.exp(error(0.4))
    return table


def _junk(rng: Random, rows: int = 200) -> Table:
    """Return sources that are not there."""
    table = truth()[rng.integers(0, N_TRUE, rows)]
    table["id"] = 10**6 + np.arange(rows)
    table["ra"] = 180.0 + rng.uniform(-0.6, 0.6, rows)
    table["dec"] = -30.0 + rng.uniform(-0.5, 0.5, rows)
    table["central_freq"] = rng.uniform(0.951e9, 1.149e9, rows)
    return table


def _again(rng: Random, shift: int) -> Table:
    """Return the truth and a quarter of it once more, under other numbers or under the same."""
    more = _measured(rng, 0.3, slice(0, N_TRUE // 4))
    more["id"] += shift
    return vstack([truth(), more])


def _scaled(rng: Random, **factors: float) -> Table:
    table = _measured(rng, 0.5)
    for name, factor in factors.items():
        table[name] *= factor
    return table


def _changed(rng: Random, name: str, change: Callable[[Table], object]) -> Table:
    table = _measured(rng, 0.2)
    table[name] = change(table[name])
    return table


_CASES: dict[str, Callable[[Random], Table]] = {
    "perfect": lambda _: truth(),
    **{f"errors {size:g}": partial(_measured, errors=size) for size in (0.05, 0.2, 0.5, 1, 2, 4)},
    "half": partial(_measured, errors=0.3, rows=slice(0, None, 2)),
    "one": partial(_measured, errors=0.3, rows=slice(5, 6)),
    "junk": _junk,
    "with junk": lambda rng: vstack([_measured(rng, 0.3), _junk(rng)]),
    "doubled": partial(_again, shift=5000),
    "doubled, same numbers": partial(_again, shift=0),
    "fluxes too large": partial(_scaled, line_flux_integral=8.0),
    "sizes too large": partial(_scaled, hi_size=30.0),
    "lines too wide": partial(_scaled, w20=10.0),
    "too small and narrow": partial(_scaled, hi_size=0.01, w20=0.05),
    "turned by half": partial(_changed, name="pa", change=lambda pa: (pa + 180.0) % 360.0),
    "shifted": partial(_changed, name="ra", change=lambda ra: ra - 0.002),
    "out of band": partial(_changed, name="central_freq", change=lambda f: np.where(f > 1.05e9, 1.2e9, f)),
    "at the band's edge": partial(_changed, name="central_freq", change=lambda f: np.full(len(f), 0.95e9)),
    "wrong flux, doubled": lambda rng: vstack([_scaled(rng, line_flux_integral=7.0), _again(rng, 9000)]),
}
