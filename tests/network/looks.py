"""Networks of the second look that have learned nothing but answer something, on disk as trained ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.look.features import ROW_FEATURES
from tessellar.kernels.look.network import PROBABILITY_HEADS
from tessellar.training.look.publish import save_look


def write_look(
    folder: Path, heads: tuple[str, ...] = PROBABILITY_HEADS, features: int = len(ROW_FEATURES)
) -> Path:
    """Write a network; return its file."""
    design = LookArchitecture(heads, features, base=1)
    weights = design.initial(5)
    weights["head.weight"] = (
        np.random.default_rng(5).normal(0, 5.0, weights["head.weight"].shape).astype(np.float32)
    )
    weights["head.bias"] += np.float32(4.0)
    out = folder / f"{heads[0]}.safetensors"
    save_look(out, design, weights, name="random")
    return out
