"""The verbs: open a cube, plan, find its sources, measure power, convert, simulate, verify, match, score, export."""

from tessellar.api.catalogues import match, report, score
from tessellar.api.copies import convert, simulate
from tessellar.api.cubes import open_cube
from tessellar.api.exports import export
from tessellar.api.finding import Run, find_sources
from tessellar.api.planning import plan
from tessellar.api.power import power_spectrum
from tessellar.api.proving import verify

__all__ = [
    "Run",
    "convert",
    "export",
    "find_sources",
    "match",
    "open_cube",
    "plan",
    "power_spectrum",
    "report",
    "score",
    "simulate",
    "verify",
]
