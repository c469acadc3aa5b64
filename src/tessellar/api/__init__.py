"""The verbs of Python: what `tessellar` does on the command line, as functions."""

from tessellar.api.catalogues import match, report, score
from tessellar.api.copies import convert, simulate
from tessellar.api.cubes import open_cube
from tessellar.api.denoising import DenoisedCube, denoise, plan_denoising
from tessellar.api.exports import export
from tessellar.api.finding import Run, find_sources
from tessellar.api.foregrounds import CleanCube, plan_foregrounds, separate_foregrounds
from tessellar.api.planning import plan
from tessellar.api.power import power_spectrum
from tessellar.api.proving import verify
from tessellar.api.training import Network, train
from tessellar.api.tuning import tune

__all__ = [
    "CleanCube",
    "DenoisedCube",
    "Network",
    "Run",
    "convert",
    "denoise",
    "export",
    "find_sources",
    "match",
    "open_cube",
    "plan",
    "plan_denoising",
    "plan_foregrounds",
    "power_spectrum",
    "report",
    "score",
    "separate_foregrounds",
    "simulate",
    "train",
    "tune",
    "verify",
]
