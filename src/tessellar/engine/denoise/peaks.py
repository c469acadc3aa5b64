"""The brightest voxels of a cube, found while its pieces pass by: the same for every tiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tessellar.io.zarr_layout import CHUNK
from tessellar.model import FloatArray, IntArray, Payload
from tessellar.tiling.box import Shape

KEPT = 32  # cells of each piece, and of all of them


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The brightest voxel of each of the brightest cells, the brightest first.

    Attributes
    ----------
    places
        Voxels ``(frequency, l, m)``, int64 array (peak, 3).
    snr
        Their values in units of the noise, float32 array (peak).
    """

    places: IntArray
    snr: FloatArray

    def apart(self, pixels: int, most: int) -> list[Shape]:
        """Return the places of the brightest peaks that lie so far from each other on the sky."""
        chosen: list[Shape] = []
        for z, x, y in self.places.tolist():
            if all(max(abs(x - other[1]), abs(y - other[2])) >= pixels for other in chosen):
                chosen.append((z, x, y))
        return chosen[:most]


def brightest(values: FloatArray, noise: FloatArray, origin: Shape) -> Payload:
    """Return the brightest voxels of a piece that is made of whole cells, one for each cell, at most `KEPT`.

    Parameters
    ----------
    values, noise
        float32 arrays (frequency, l, m).
    origin
        First voxel of the piece.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        snr = np.where(noise > 0, values / noise, np.float32(np.nan))
    snr = np.where(np.isfinite(snr), snr, np.float32(-np.inf))
    places, found = [], []
    for z in range(0, snr.shape[0], CHUNK[0]):
        for x in range(0, snr.shape[1], CHUNK[1]):
            for y in range(0, snr.shape[2], CHUNK[2]):
                cell = snr[z : z + CHUNK[0], x : x + CHUNK[1], y : y + CHUNK[2]]
                inside = np.unravel_index(int(cell.argmax()), cell.shape)
                found.append(cell[inside])
                places.append([a + b + int(c) for a, b, c in zip(origin, (z, x, y), inside, strict=True)])
    return _kept(np.array(places, np.int64), np.array(found, np.float32))


def merged(payloads: Sequence[Payload]) -> Peaks:
    """Return the brightest voxels of all pieces."""
    if not payloads:
        return Peaks(np.empty((0, 3), np.int64), np.empty(0, np.float32))
    places, snr = (np.concatenate([payload[key] for payload in payloads]) for key in ("places", "snr"))
    kept = _kept(places, snr)
    return Peaks(kept["places"], kept["snr"])


def _kept(places: IntArray, snr: FloatArray) -> Payload:
    """Return the brightest, those of equal value by their place, without cells that hold nothing."""
    order = np.lexsort((places[:, 2], places[:, 1], places[:, 0], -snr))
    order = order[np.isfinite(snr[order])][:KEPT]
    return {"places": places[order], "snr": snr[order]}
