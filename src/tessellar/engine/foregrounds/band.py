"""A band of a cube as a cube of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tessellar.engine.foregrounds.learn import checked_frequencies
from tessellar.engine.precondition.region import RegionSource
from tessellar.errors import UsageError
from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import Box


class BandSource(RegionSource):
    """Some channels of a cube; its header is made anew, since the original one tells of all of them."""

    @property
    def meta(self) -> CubeMeta:
        """What is known of the band."""
        return replace(super().meta, header="")


def band_of(source: Source, band: tuple[float, float] | None) -> Source:
    """Return the channels between two frequencies, the cube itself where none are given.

    Parameters
    ----------
    source
        The cube.
    band
        MHz; a channel belongs to the band if its centre lies at the first frequency or above and below the second.

    Raises
    ------
    UsageError
        The band is none, or the cube has no channel in it.
    """
    if band is None:
        return source
    low, high = (1e6 * edge for edge in band)
    hertz = checked_frequencies(source.meta)
    inside = np.flatnonzero((hertz >= low) & (hertz < high))
    if not low < high or not inside.size:
        raise UsageError(
            f"The cube has no channel in the band {band[0]:g},{band[1]:g} MHz: its channels lie between "
            f"{hertz.min() / 1e6:g} and {hertz.max() / 1e6:g} MHz. Give the lower frequency first."
        )
    shape = source.meta.shape
    box = Box((int(inside[0]), 0, 0), (int(inside[-1]) + 1, *shape[1:]))
    return source if box == Box.of_shape(shape) else BandSource(source, box)
