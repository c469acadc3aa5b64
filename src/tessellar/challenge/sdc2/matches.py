"""Which true source each row of a submission stands for: near on the sky and in frequency, and alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.challenge.sdc2.field import Rows
from tessellar.model import DoubleArray, IntArray

LARGEST_DIFFERENCE = 5.0  # of a match, in the space of position, frequency, flux, size and width


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of a submitted and a true source.

    Attributes
    ----------
    submitted, true
        Row numbers of each pair, int64 arrays (pair).
    separation
        On the sky, arcsec, float64 array (pair).
    sharers
        How many rows of the submission stand for the same true source, int64 array (pair); they share its score.
    n_rejected
        Rows near a true source that are too unlike it.
    """

    submitted: IntArray
    true: IntArray
    separation: DoubleArray
    sharers: IntArray
    n_rejected: int


def find_matches(submitted: Rows, true: Rows) -> Matches:
    """Return the best match of every submitted source that has one.

    A candidate lies within the submitted source's own reach in space, nearer on the sky than the true source's
    convolved size, and nearer in frequency than its line width. The candidate that is most alike in position,
    frequency, flux, size and width wins, and counts if it is alike enough.
    """
    ours, theirs = _candidates(submitted, true)
    separation = _separation(submitted, true, ours, theirs)
    apart = separation / true.conv_size[theirs]
    with np.errstate(divide="ignore", invalid="ignore"):  # of a true line without a width
        off = (
            np.abs(submitted["central_freq"][ours] - true["central_freq"][theirs])
            / true.spectral_size[theirs]
        )
    near = (apart < 1.0) & (off < 1.0)
    ours, theirs, separation = ours[near], theirs[near], separation[near]
    difference = np.sqrt(
        apart[near] ** 2
        + off[near] ** 2
        + _relative(submitted, true, ours, theirs, "line_flux_integral") ** 2
        + ((submitted["hi_size"][ours] - true["hi_size"][theirs]) / true.conv_size[theirs]) ** 2
        + _relative(submitted, true, ours, theirs, "w20") ** 2
    )
    order = np.lexsort((difference, submitted.id[ours]))
    _, first = np.unique(submitted.id[ours][order], return_index=True)
    best = order[first]
    _, group, sizes = np.unique(true.id[theirs[best]], return_inverse=True, return_counts=True)
    alike = difference[best] < LARGEST_DIFFERENCE
    kept = best[alike]
    return Matches(
        ours[kept], theirs[kept], separation[kept], sizes[group][alike], int(np.count_nonzero(~alike))
    )


def _candidates(submitted: Rows, true: Rows) -> tuple[IntArray, IntArray]:
    """Return the row numbers of all pairs within the submitted source's reach in space."""
    from scipy.spatial import cKDTree

    nothing = np.empty(0, dtype=np.int64)
    if not (len(submitted) and len(true)):
        return nothing, nothing
    reach = np.where(submitted.reach >= 0, submitted.reach, 0.0)
    near = cKDTree(true.position).query_ball_point(submitted.position, reach)
    counts = np.fromiter(map(len, near), dtype=np.int64, count=len(near))
    theirs = np.fromiter((row for rows in near for row in rows), dtype=np.int64, count=int(counts.sum()))
    return np.repeat(np.arange(len(submitted)), counts), theirs


def _separation(submitted: Rows, true: Rows, ours: IntArray, theirs: IntArray) -> DoubleArray:
    from astropy.coordinates import angular_separation

    places = (submitted["ra"][ours], submitted["dec"][ours], true["ra"][theirs], true["dec"][theirs])
    return np.asarray(np.degrees(angular_separation(*map(np.radians, places))) * 3600.0)


def _relative(submitted: Rows, true: Rows, ours: IntArray, theirs: IntArray, name: str) -> DoubleArray:
    """Return the difference in a column relative to the truth."""
    wanted = true[name][theirs]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a truth of nothing is like nothing
        return (submitted[name][ours] - wanted) / wanted
