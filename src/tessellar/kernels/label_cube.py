"""The label of every voxel of a box, painted from the runs of sources."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.kernels.runs import RunTable
from tessellar.model import IntArray
from tessellar.tiling.box import Box

Labels = npt.NDArray[np.int32]


def paint(labels: Labels, box: Box, runs: RunTable, label: IntArray) -> None:
    """Write the labels of runs inside a box into int32 array (frequency, l, m), in place.

    Parameters
    ----------
    labels
        What the box holds so far.
    box
        The box.
    runs
        Runs that lie in it.
    label
        int64 array (run).
    """
    _paint(labels, np.array(box.start, np.int64), runs, label)


@compiled
def _paint(labels: Labels, origin: IntArray, runs: RunTable, label: IntArray) -> None:
    for r in range(runs.shape[0]):
        z, x = runs[r, 0] - origin[0], runs[r, 1] - origin[1]
        labels[z, x, runs[r, 2] - origin[2] : runs[r, 3] - origin[2]] = label[r]
