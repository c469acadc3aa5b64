"""Flags: the boxes, discs, channels and sky pixels of a cube that are blank because somebody said so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tessellar.engine.precondition.view import View
from tessellar.model import FloatArray, IntArray, Source
from tessellar.tiling.box import Box


def _none() -> IntArray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """What is flagged, in pixels of the cube that is searched.

    Attributes
    ----------
    boxes
        Boxes; they may reach beyond the cube.
    centres
        Pixels (l, m) in the middle of discs that reach through all channels, int64 array (n, 2).
    radius
        Radius of the discs in pixels; a pixel is inside when its centre is.
    channels
        Whole channels, int64 array, ascending.
    pixels
        Whole spectra: ``x ny + y`` of their sky pixels, int64 array, ascending.
    """

    boxes: tuple[Box, ...] = ()
    centres: IntArray = field(default_factory=lambda: np.empty((0, 2), np.int64))
    radius: int = 0
    channels: IntArray = field(default_factory=_none)
    pixels: IntArray = field(default_factory=_none)

    def __bool__(self) -> bool:
        """Whether anything is flagged."""
        return bool(self.boxes or len(self.centres) or self.channels.size or self.pixels.size)

    @property
    def digest(self) -> str:
        """A hash of all flags."""
        arrays = (self.centres, self.channels, self.pixels)
        text = repr((self.boxes, self.radius, *(array.shape for array in arrays)))
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        return hashlib.sha256(text.encode() + content).hexdigest()[:16]

    def cover(self, box: Box) -> bool:
        """Return whether one of the flagged boxes covers a box, which then needs not be read."""
        return any(flagged.contains(box) for flagged in self.boxes)

    def blank(self, voxels: FloatArray, box: Box, sky: tuple[int, int]) -> None:
        """Blank what is flagged of a box of the cube, in place.

        Parameters
        ----------
        voxels
            float32 array (frequency, l, m).
        box
            Where it lies.
        sky
            Pixels of the cube along l and m.
        """
        for flagged in self.boxes:
            voxels[(flagged & box).relative_to(box.start).slices()] = np.nan
        first, last = np.searchsorted(self.channels, [box.start[0], box.stop[0]])
        voxels[self.channels[first:last] - box.start[0]] = np.nan
        voxels[:, self._spectra(box, sky)] = np.nan

    def _spectra(self, box: Box, sky: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Return the pixels of a box's sky that are flagged in all channels, bool array (l, m)."""
        (_, x0, y0), (_, x1, y1) = box.start, box.stop
        flagged = np.zeros((x1 - x0, y1 - y0), np.bool_)
        first, last = np.searchsorted(self.pixels, [x0 * sky[1], x1 * sky[1]])
        x, y = np.divmod(self.pixels[first:last], sky[1])
        inside = (y >= y0) & (y < y1)
        flagged[x[inside] - x0, y[inside] - y0] = True
        for i, j in self._discs_near(box):
            dx, dy = np.arange(x0, x1)[:, None] - i, np.arange(y0, y1)[None, :] - j
            flagged |= dx * dx + dy * dy <= self.radius * self.radius
        return flagged

    def _discs_near(self, box: Box) -> Iterator[tuple[int, int]]:
        low = np.array(box.start[1:]) - self.radius
        high = np.array(box.stop[1:]) + self.radius
        near = ((self.centres >= low) & (self.centres < high)).all(axis=1)
        yield from self.centres[near].tolist()


@dataclass(frozen=True, slots=True, eq=False)
class FlaggedSource(View):
    """A cube whose flagged voxels are blank."""

    source: Source
    flags: Flags

    @property
    def identity(self) -> str:
        """That of the cube, and a hash of the flags."""
        return f"{self.source.identity} flags {self.flags.digest}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m), NaN = blank or flagged."""
        if self.flags.cover(box):
            return np.full(box.shape, np.nan, np.float32)
        voxels = self.source.read(box).copy()
        self.flags.blank(voxels, box, self.meta.shape[1:])
        return voxels
