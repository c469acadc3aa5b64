"""Candidates that the finder made of a simulated sky, and what the truth says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.io.publish import atomic_file
from tessellar.model import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What networks learn from.

    Attributes
    ----------
    patches
        float16 array (candidate, 2, 32, 24, 24).
    features
        float32 array (candidate, feature).
    real
        Whether a true galaxy matches, float32 array (candidate).
    classical
        Reliability from negative detections, float32 array (candidate).
    disc_patches
        float16 array (disc, 1, 32, 24, 24), of the discs fitted to the real ones.
    disc_features
        float32 array (disc, feature).
    disc_truth
        What the corrections should be, float32 array (disc, 6).
    """

    patches: npt.NDArray[np.float16]
    features: FloatArray
    real: FloatArray
    classical: FloatArray
    disc_patches: npt.NDArray[np.float16]
    disc_features: FloatArray
    disc_truth: FloatArray

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        with atomic_file(path) as draft, draft.open("wb") as file:
            np.savez(file, **{one.name: getattr(self, one.name) for one in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Candidates:
        """Return what was written."""
        with np.load(path, allow_pickle=False) as found:
            return cls(**{one.name: found[one.name] for one in fields(cls)})

    @staticmethod
    def together(parts: Sequence[Candidates], name: str) -> npt.NDArray[Any]:
        """Return one of the arrays, of several skies."""
        return np.concatenate([getattr(part, name) for part in parts])
