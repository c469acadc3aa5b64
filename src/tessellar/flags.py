"""What a source's quality flag means: one bit for each thing that may be wrong with a detection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """One bit of the ``flag`` column: its value, its name in code, and its meaning in words."""

    bit: int
    name: str
    words: str


SPATIAL_EDGE = Flag(1, "spatial_edge", "touches the edge of the sky area")
SPECTRAL_EDGE = Flag(2, "spectral_edge", "touches the first or the last channel")
BLANKED = Flag(4, "blanked", "touches blank voxels")
NEIGHBOUR = Flag(8, "neighbour", "its bounding box overlaps another source's")
TILE_FAILED = Flag(32, "tile_failed", "a tile next to it failed, so it may be cut")
DEBLENDED = Flag(64, "deblended", "was separated from a source that it overlaps")
NOT_LOOKED_AT = Flag(128, "not_looked_at", "had no second look, so rel is what negative detections tell")

FLAGS = (SPATIAL_EDGE, SPECTRAL_EDGE, BLANKED, NEIGHBOUR, TILE_FAILED, DEBLENDED)
"""The flags of every run, ascending; 1 to 8 are SoFiA's, 16 is reserved."""
FLAGS_OF_LOOKS = (*FLAGS, NOT_LOOKED_AT)
"""Those of a run with a second look."""


def flags_in(value: int) -> tuple[Flag, ...]:
    """Return the flags that are set in a value of the ``flag`` column."""
    return tuple(flag for flag in FLAGS_OF_LOOKS if value & flag.bit)


def flag_legend(flags: tuple[Flag, ...] = FLAGS) -> str:
    """Return flags in one line, for the column's description."""
    return "; ".join(f"{flag.bit} {flag.words}" for flag in flags)
