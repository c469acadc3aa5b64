"""Mirrors and quarter turns: views of a sky that are as likely as the sky itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def turned(arrays: tuple[npt.NDArray[Any], ...], rng: np.random.Generator) -> tuple[npt.NDArray[Any], ...]:
    """Return arrays (frequency, l, m) turned about the line of sight and mirrored, all in the same way."""
    quarters, mirrors = int(rng.integers(4)), rng.random(2) < 0.5
    axes = tuple(axis for axis, mirrored in enumerate(mirrors) if mirrored)
    return tuple(np.ascontiguousarray(np.flip(np.rot90(a, quarters, (1, 2)), axes)) for a in arrays)
