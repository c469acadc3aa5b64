"""Writing a cube as one FITS file, piece by piece, with its original header; it appears when it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.io.axes import CubeAxes
from tessellar.io.digest import digest_of, size_in
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
        return self._draft.workspace

    @property
    def resumable(self) -> bool:
        """Whether an interrupted run left a hidden file of the same content."""
        return self._draft.resumable(self._fingerprint(plan_file(self.meta)))

    def claim(self) -> None:
        """Refuse an output that cannot be written, and make room for a run's journal.

        Raises
        ------
        OutputError
            The file cannot be written there.
        """
        self._draft.claim()

    def begin(self, *, fresh: bool = False) -> None:
        """Make the hidden file at its full size, or go on with that of an interrupted run.

        Parameters
        ----------
        fresh
            Whether to start again in any case.

        Raises
        ------
        OutputError
            The file cannot be written there, or the disk has not enough room for it.
        """
        draft, plan = self._draft, plan_file(self.meta)
        fingerprint = self._fingerprint(plan)
        goes_on = draft.open(fingerprint, fresh=fresh)
        with output_errors(self.path):
            _make(draft.payload, plan)
            flush(draft.payload)
        if not goes_on:
            draft.seal(fingerprint)

    def write(self, index: int, voxels: FloatArray) -> bytes:
        """Write piece ``index`` durably, float32 array (frequency, l, m); return the digest of its bytes.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        self.pieces.check(index, voxels)
        plan = plan_file(self.meta)
        offsets, _ = self._slabs(index, plan)
        block = voxels.transpose(_slow_to_fast(plan.axes)).astype(">f4", order="C", copy=False)
        slabs = [memoryview(slab).cast("B") for slab in np.ascontiguousarray(block.reshape(len(offsets), -1))]
        with output_errors(self.path), _opened(self._draft.payload, os.O_WRONLY) as handle:
            # Now that it is open: should another run begin the file anew, that is another file.
            self._draft.check(self._fingerprint(plan))
            for offset, slab in zip(offsets, slabs, strict=True):
                _write_at(handle, offset, slab)
            os.fsync(handle)
        return digest_of(slabs)

    def verify(self, index: int, digest: bytes) -> bool:
        """Return whether the bytes of piece ``index`` still are those whose digest this is."""
        offsets, size = self._slabs(index, plan_file(self.meta))
        if size_in(digest) != size * len(offsets):
            return False
        try:
            with _opened(self._draft.payload, os.O_RDONLY) as handle:
                return digest_of(os.pread(handle, size, offset) for offset in offsets) == digest
        except OSError:
            return False

    def publish(self, digests: Iterable[bytes]) -> None:
        """Give the finished file its name, atomically.

        Parameters
        ----------
        digests
            What `write` returned for every piece, in order.

        Raises
        ------
        OutputError
            Pieces are missing, or the name cannot be given.
        """
        self.pieces.check_whole(self.path, digests)
        self._draft.publish()

    def tidy(self) -> None:
        """Remove the hidden folder unless an interrupted run can go on with it."""
        self._draft.tidy()

    @property
    def _draft(self) -> Draft:
        return Draft(self.path, overwrite=self.overwrite)

    def _fingerprint(self, plan: FitsPlan) -> str:
        return hashlib.sha256(plan.header + plan.tail + self.content.encode()).hexdigest()

    def _slabs(self, index: int, plan: FitsPlan) -> tuple[list[int], int]:
        """Return where in the file the stretches of a piece begin, and how many bytes each has."""
        box, order = self.pieces[index], _slow_to_fast(plan.axes)
        planes, rows, row = (box.shape[axis] for axis in order)
        first_plane, first_row = (box.start[axis] for axis in order[:2])
        middle = self.meta.shape[order[1]]
        if rows == middle:  # whole planes lie one behind the other
            planes, rows = 1, planes * rows
        voxels = [((first_plane + number) * middle + first_row) * row for number in range(planes)]
        return [len(plan.header) + 4 * voxel for voxel in voxels], 4 * rows * row


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
    """Write header and tail, and reserve the room between them, so that a full disk shows at once.

    In a file that goes on they are written anew, for no digest tells whether they are still sound.
    """
    size = len(plan.header) + plan.voxel_bytes + len(plan.tail)
    path.touch()
    with path.open("r+b") as file:
        file.truncate(size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        file.write(plan.header)
        file.seek(len(plan.header) + plan.voxel_bytes)
        file.write(plan.tail)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    handle = os.open(path, flags)
    try:
        yield handle
    finally:
        os.close(handle)


def _write_at(handle: int, offset: int, content: memoryview) -> None:
    while content:
        written = os.pwrite(handle, content, offset)
        content, offset = content[written:], offset + written
