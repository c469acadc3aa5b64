"""Completeness at a reliability that the truth tells: detections ranked by S/N, cut where a tenth of them is false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar import api
from tessellar.challenge.match import match
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


def detections(finder: SmoothAndClip | NetworkFinder, shape: Shape, seeds: range) -> Detections:
    """Search some skies, and return all that was detected."""
    snr: list[float] = []
    galaxy: list[float] = []
    count = 0
    for seed in seeds:
        sky = HiSky(shape, seed=seed)
        found = api.find_sources(sky, finder, linker=LINKER, executor="serial", tile=shape).catalogue
        truth = truth_table(sky)
        there = np.asarray(truth["snr"], dtype=np.float64)
        count += int((there >= LEAST_SNR).sum())
        matched = np.zeros(len(found))
        if len(found):
            pairs = match(found, truth).pairs
            matched[pairs.catalogue] = there[pairs.reference]
            snr += np.asarray(found["snr"], dtype=np.float64).tolist()
            galaxy += matched.tolist()
    return Detections(np.array(snr), np.array(galaxy), count)
