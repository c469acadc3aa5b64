"""Pairs of rows from two catalogues that are the same source: one to one, nearest first."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.challenge.places import Places
from tessellar.model import DoubleArray

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Rows of a catalogue and the rows of the reference that they belong to.

    Attributes
    ----------
    catalogue, reference
        Row numbers of each pair, int64 arrays (pair), ascending in ``reference``.
    separation, depth
        Distance on the sky and difference in depth (catalogue minus reference), float64 arrays (pair).
    duplicates
        Rows of the catalogue that are left over although they lie within reach of a reference row.
    """

    catalogue: IndexArray
    reference: IndexArray
    separation: DoubleArray
    depth: DoubleArray
    duplicates: IndexArray


def pair(catalogue: Places, reference: Places) -> Pairs:
    """Return the one-to-one pairs of two catalogues.

    Candidates lie within ``radius`` and ``half_width`` of the reference row; the pair that is nearest in
    units of these is taken first, and equally near ones in the order of the rows.
    """
    found, wanted = _candidates(catalogue, reference)
    separation = np.linalg.norm(catalogue.position[found] - reference.position[wanted], axis=1)
    depth = catalogue.depth[found] - reference.depth[wanted]
    radius, half_width = reference.radius[wanted], reference.half_width[wanted]
    near = (separation <= radius) & (np.abs(depth) <= half_width)
    found, wanted, separation, depth = (values[near] for values in (found, wanted, separation, depth))
    distance = np.hypot(separation / radius[near], depth / half_width[near])
    taken = _take(found, wanted, np.lexsort((found, wanted, distance)))
    taken = taken[np.argsort(wanted[taken])]
    duplicates = np.setdiff1d(found, found[taken])
    return Pairs(found[taken], wanted[taken], separation[taken], depth[taken], duplicates)


def _candidates(catalogue: Places, reference: Places) -> tuple[IndexArray, IndexArray]:
    """Return row numbers of all pairs that may be within reach, with the help of a k-d tree."""
    from scipy.spatial import cKDTree

    ours, theirs = _whole(catalogue), _whole(reference)
    if ours.size == 0 or theirs.size == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    radius, half_width = reference.radius[theirs], reference.half_width[theirs]
    per_radius, per_width = 1.0 / radius.min(), 1.0 / half_width.min()
    tree = cKDTree(_scaled(catalogue, ours, per_radius, per_width))
    reach = math.sqrt(2.0) * np.maximum(radius * per_radius, half_width * per_width)
    near = tree.query_ball_point(_scaled(reference, theirs, per_radius, per_width), reach * (1 + 1e-9))
    wanted = np.repeat(theirs, [len(rows) for rows in near])
    found = ours[np.fromiter((row for rows in near for row in rows), dtype=np.int64)]
    return found, wanted


def _whole(places: Places) -> IndexArray:
    finite = np.isfinite(places.depth) & np.isfinite(places.position).all(axis=1)
    return np.flatnonzero(finite & np.isfinite(places.radius) & np.isfinite(places.half_width))


def _scaled(places: Places, rows: IndexArray, per_radius: float, per_width: float) -> DoubleArray:
    depth = places.depth[rows, np.newaxis] * per_width
    return np.concatenate([places.position[rows] * per_radius, depth], axis=1)


def _take(found: IndexArray, wanted: IndexArray, order: IndexArray) -> IndexArray:
    used: set[int] = set()
    met: set[int] = set()
    taken = []
    for index, ours, theirs in zip(
        order.tolist(), found[order].tolist(), wanted[order].tolist(), strict=True
    ):
        if ours not in used and theirs not in met:
            used.add(ours)
            met.add(theirs)
            taken.append(index)
    return np.array(taken, dtype=np.int64)
