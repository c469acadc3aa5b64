"""Writing a cube as one FITS file, piece by piece, with its original header; it appears when it is whole."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.io.axes import CubeAxes
from tessellar.io.draft import Draft
from tessellar.io.fits_cards import FitsPlan, plan_file
from tessellar.io.pieces import Pieces
from tessellar.io.publish import flush, output_errors
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

PIECE_VOXELS = 16 * 2**20  # 64 MiB
_DEPTH = 16  # planes of a piece where planes are cut: as many as a Zarr chunk is deep
_ROWS = 32  # rows are cut at multiples of this: a Zarr chunk's width


@dataclass(frozen=True, slots=True)
class FitsSink:
    """A cube that is written as one FITS file: big-endian float32, blank where NaN.

    The original header and axis order come back, degenerate axes included, so FITS -> Zarr -> FITS gives
    the same header and the same voxels. Integers with ``BSCALE`` and ``BZERO`` become the physical values
    that they stand for, rounded to float32, and ``BLANK`` becomes NaN: the file is then larger, and the
    scaling cards are gone. A table of beams comes back; other extensions of the original do not.

    Parameters
    ----------
    path
        The file.
    meta
        The cube.
    content
        Text that changes with what is written (the source's identity); an unfinished file of other content
        is started again.
    overwrite
        Whether a file that is already there may be replaced.
    """

    path: Path
    meta: CubeMeta
    content: str = ""
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @property
    def pieces(self) -> Pieces:
        """Runs of whole planes of about 64 MiB, or runs of rows in 16 planes where planes are larger."""
        return Pieces(Grid(self.meta.shape, self.piece_shape))

    @property
    def piece_shape(self) -> Shape:
        """Shape of a piece inside the cube, ``(frequency, l, m)``."""
        return _piece(self.meta.shape, _slow_to_fast(plan_file(self.meta).axes))

    @property
    def workspace(self) -> Path:
        """A hidden folder that lives until the file is published: room for a run's journal."""
        return self._draft.folder

    def begin(self) -> None:
        """Make the hidden file at its full size, or go on with that of an interrupted run.

        Raises
        ------
        OutputError
            The file cannot be written there, or the disk has not enough room for it.
        """
        draft, plan = self._draft, plan_file(self.meta)
        fingerprint = hashlib.sha256(plan.header + plan.tail + self.content.encode()).hexdigest()
        if draft.open(fingerprint):
            return
        with output_errors(self.path):
            _make(draft.payload, plan)
            flush(draft.payload)
        draft.seal(fingerprint)

    def is_done(self, index: int) -> bool:
        """Return whether piece ``index`` is written."""
        return self._draft.is_done(index)

    def write(self, index: int, voxels: FloatArray) -> None:
        """Write piece ``index`` durably, float32 array (frequency, l, m).

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        box = self.pieces.check(index, voxels)
        plan = plan_file(self.meta)
        order = _slow_to_fast(plan.axes)
        _, middle, fast = (self.meta.shape[axis] for axis in order)
        first_plane, first_row = box.start[order[0]], box.start[order[1]]
        block = voxels.transpose(order).astype(">f4", order="C", copy=False)
        slabs = block.reshape(1 if block.shape[1] == middle else block.shape[0], -1)
        with output_errors(self.path):
            handle = os.open(self._draft.payload, os.O_WRONLY)
            try:
                for number, slab in enumerate(np.ascontiguousarray(slabs)):
                    voxel = ((first_plane + number) * middle + first_row) * fast
                    _write_at(handle, len(plan.header) + 4 * voxel, memoryview(slab).cast("B"))
                os.fsync(handle)
            finally:
                os.close(handle)
        self._draft.mark(index)

    def publish(self, *, incomplete: bool = False) -> None:
        """Give the finished file its name, atomically.

        Parameters
        ----------
        incomplete
            Publish also where pieces are missing; their voxels become blank.

        Raises
        ------
        OutputError
            Pieces are missing, or the name cannot be given.
        """
        if incomplete:
            for index in np.flatnonzero(~self._draft.done()):
                self.write(int(index), np.full(self.pieces[int(index)].shape, np.nan, dtype=np.float32))
        self._draft.publish()

    @property
    def _draft(self) -> Draft:
        return Draft(self.path, len(self.pieces), overwrite=self.overwrite)


def _slow_to_fast(axes: CubeAxes) -> Shape:
    """Return the array axes (0 frequency, 1 l, 2 m) in the order of the file, the slowest first."""
    numbers = (axes.spectral, axes.l, axes.m)
    slow, middle, fast = sorted(range(3), key=lambda axis: -numbers[axis])
    return (slow, middle, fast)


def _piece(shape: Shape, order: Shape) -> Shape:
    """Return a box that is long along the file's fast axis and holds about 64 MiB."""
    planes, rows, row = (shape[axis] for axis in order)
    depth = min(planes, _DEPTH)
    height = max(1, PIECE_VOXELS // (depth * row))
    if height >= rows:
        height, depth = rows, min(planes, max(1, PIECE_VOXELS // (rows * row)))
    elif height > _ROWS:
        height -= height % _ROWS
    sizes = dict(zip(order, (depth, height, row), strict=True))
    return (sizes[0], sizes[1], sizes[2])


def _make(path: Path, plan: FitsPlan) -> None:
    """Write header and tail, and reserve the room between them, so that a full disk shows at once."""
    with path.open("wb") as file:
        file.write(plan.header)
        file.flush()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, len(plan.header) + plan.voxel_bytes + len(plan.tail))
        file.seek(len(plan.header) + plan.voxel_bytes)
        file.write(plan.tail)


def _write_at(handle: int, offset: int, content: memoryview) -> None:
    while content:
        written = os.pwrite(handle, content, offset)
        content, offset = content[written:], offset + written
