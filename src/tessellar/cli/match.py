"""``tessellar match``: one catalogue held against another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tessellar.cli.options import argument, option, quiet_option
from tessellar.cli.output import show
from tessellar.cli.values import path

if TYPE_CHECKING:
    from tessellar.challenge.agreement import MatchResult


@click.command("match")
@argument("a", "A")
@argument("b", "B")
@option("--json", "json_file", metavar="F", reads=path, about="Also write the figures to this file.")
@quiet_option
def command(a: str, b: str, json_file: str | None, *, quiet: bool) -> None:
    """Completeness and reliability of the catalogue A against the reference B.

    Both may be run folders, VOTable, Parquet or ECSV files, or the texts of SoFiA and of SKA Data Challenge 2; B may be
    the truth of a simulated cube.
    """
    from tessellar.api import match
    from tessellar.io.outputs import JSON, check_outputs, check_small_file

    check_small_file(json_file, JSON)
    check_outputs([json_file], [a, b])
    result = match(a, b)
    if json_file is not None:
        from tessellar.io.publish import write_text

        write_text(Path(json_file), json.dumps(match_record(result), indent=1) + "\n")
    if not quiet:
        show(str(result))


def match_record(result: MatchResult) -> dict[str, Any]:
    """Return a match as plain numbers, None where there is none: for JSON files and for ``run.json``."""
    spreads = [spread for spread in (result.flux_ratio, *result.offsets) if spread is not None]
    return {
        "n_catalogue": result.n_catalogue,
        "n_reference": result.n_reference,
        "n_matched": result.n_matched,
        "completeness": _finite(result.completeness),
        "reliability": _finite(result.reliability),
        "by_snr": [
            {
                "low": one.low,
                "high": _finite(one.high),
                "n_reference": one.n_reference,
                "n_matched": one.n_matched,
                "completeness": _finite(one.completeness),
            }
            for one in result.bins
        ],
        "spreads": [
            {
                "name": spread.name,
                "unit": spread.unit,
                "median": _finite(spread.median),
                "scatter": _finite(spread.scatter),
            }
            for spread in spreads
        ],
    }


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
