"""The verbs: open a cube, plan, find, clean, convert, simulate, train, verify, match, score, report, export."""

from tessellar.api.catalogues import match, report, score
from tessellar.api.copies import convert, simulate
from tessellar.api.cubes import open_cube
from tessellar.api.exports import export
from tessellar.api.finding import Run, find_sources
from tessellar.api.foregrounds import CleanCube, plan_foregrounds, separate_foregrounds
from tessellar.api.planning import plan
from tessellar.api.proving import verify
from tessellar.api.training import Network, train

__all__ = [
    "CleanCube",
    "Network",
    "Run",
    "convert",
    "export",
    "find_sources",
    "match",
    "open_cube",
    "plan",
    "plan_foregrounds",
    "report",
    "score",
    "separate_foregrounds",
    "simulate",
    "train",
    "verify",
]
