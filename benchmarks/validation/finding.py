"""Completeness at a reliability that the truth tells: detections ranked by S/N, cut where a tenth of them is false."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.finds import run_program
from benchmarks.sofia import NAME, parameters
from tessellar import api
from tessellar.challenge.match import match
from tessellar.challenge.tables import read_table
from tessellar.kernels.components import Linker
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import DoubleArray
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Shape

LEAST_SNR = 3.0  # of the galaxies that count as there to be found
LINKER = Linker(min_size_xy=3, min_size_z=3)


@dataclass(frozen=True, slots=True)
class Detections:
    """What a finder detected in some skies.

    Attributes
    ----------
    snr
        Of every detection, float64 array (detection).
    galaxy
        S/N of the galaxy that it is, float64 array (detection); 0 where it is none.
    n_galaxies
        How many galaxies there are to be found.
    """

    snr: DoubleArray
    galaxy: DoubleArray
    n_galaxies: int

    def completeness(self, reliability: float) -> float:
        """Return the share of the galaxies among the longest ranking with this share of true detections."""
        order = np.argsort(-self.snr, kind="stable")
        true = self.galaxy[order] > 0
        share = np.cumsum(true) / np.arange(1, true.size + 1)
        good = np.flatnonzero(share >= reliability)
        kept = order[: good[-1] + 1] if good.size else order[:0]
        return float((self.galaxy[kept] >= LEAST_SNR).sum() / max(self.n_galaxies, 1))


def detections_of_sofia(program: Path, finder: SmoothAndClip, shape: Shape, seeds: range) -> Detections:
    """Let SoFiA-2 search the same skies with the same scales, threshold and linking, ranked by flux over its error."""
    made = []
    for seed in seeds:
        sky = HiSky(shape, seed=seed)
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            api.simulate(sky, folder / "sky.fits")
            par = folder / "sofia.par"
            par.write_text(parameters(folder / "sky.fits", folder, 1, finder, LINKER), encoding="utf-8")
            run_program([str(program), str(par)], folder)
            found = read_table(folder / f"{NAME}_cat.txt")
        snr = np.asarray(found["f_sum"] / found["err_f_sum"], dtype=np.float64)
        made.append(_held(sky, found, snr))
    return _joined(made)


def detections(finder: SmoothAndClip | NetworkFinder, shape: Shape, seeds: range) -> Detections:
    """Search some skies, and return all that was detected."""
    made = []
    for seed in seeds:
        sky = HiSky(shape, seed=seed)
        found = api.find_sources(sky, finder, linker=LINKER, executor="serial", tile=shape).catalogue
        made.append(_held(sky, found, np.asarray(found["snr"], dtype=np.float64)))
    return _joined(made)


def _held(sky: HiSky, found: Any, snr: DoubleArray) -> Detections:
    """Return the detections of one sky, held against its truth."""
    truth = truth_table(sky)
    there = np.asarray(truth["snr"], dtype=np.float64)
    galaxy = np.zeros(len(found))
    if len(found):
        pairs = match(found, truth).pairs
        galaxy[pairs.catalogue] = there[pairs.reference]
    return Detections(snr, galaxy, int((there >= LEAST_SNR).sum()))


def _joined(made: list[Detections]) -> Detections:
    return Detections(
        np.concatenate([part.snr for part in made]),
        np.concatenate([part.galaxy for part in made]),
        sum(part.n_galaxies for part in made),
    )
