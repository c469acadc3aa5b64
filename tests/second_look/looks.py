"""Candidates in a small cube, and a network that has learned nothing but answers something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.look.features import ROW_FEATURES
from tessellar.kernels.look.frame import PATCH, Frame
from tessellar.kernels.look.network import DISC_HEADS, PROBABILITY_HEADS
from tessellar.kernels.look.patch import patch_of
from tessellar.model import FloatArray
from tessellar.training.look.lessons import Examples
from tessellar.training.look.publish import save_look

SMALL = LookArchitecture(PROBABILITY_HEADS, len(ROW_FEATURES), 2, base=1)
SMALL_DISCS = LookArchitecture(DISC_HEADS, 29, 1, base=1)
FRAME = Frame.around((40.25, 30.5, 33.75), turn=0.7, beam=2.5, width=20.0, radius=4.0)


@dataclass
class Looked:
    """A cube, its noise and its mask, as far as a patch needs them."""

    voxels: FloatArray
    noise: FloatArray
    mask: np.ndarray

    def patch(self, frame: Frame = FRAME) -> FloatArray:
        box = frame.box(self.voxels.shape)
        return patch_of(frame, box, *(np.ascontiguousarray(a[box.slices()]) for a in self.parts))

    @property
    def parts(self) -> tuple[np.ndarray, ...]:
        return self.voxels, self.noise, self.mask

    def within(self, before: tuple[int, int, int], after: tuple[int, int, int]) -> Looked:
        """The same inside a larger cube that is blank elsewhere."""
        widths = tuple(zip(before, after, strict=True))
        voxels = np.pad(self.voxels, widths, constant_values=np.nan)
        return Looked(voxels, np.pad(self.noise, widths, mode="edge"), np.pad(self.mask, widths))


def some_cube(shape: tuple[int, int, int] = (80, 64, 68), seed: int = 0) -> Looked:
    rng = np.random.default_rng(seed)
    noise = np.broadcast_to(np.linspace(1e-3, 2e-3, shape[0], dtype=np.float32)[:, None, None], shape)
    voxels = (noise * rng.normal(size=shape)).astype(np.float32)
    voxels[38:44, 28:33, 30:38] += 0.01
    voxels[50, :, 3] = np.nan
    return Looked(voxels, noise.copy(), voxels > 0.006)


def some_examples(discs: bool, count: int = 40) -> Examples:
    """Candidates of which the brighter ones are real; discs whose flux is off by how bright they are."""
    rng = np.random.default_rng(3)
    design = SMALL_DISCS if discs else SMALL
    patches = rng.normal(0, 0.3, (count, design.channels, *PATCH)).astype(np.float16)
    bright = rng.random(count) < 0.5
    patches[bright, 0, 12:20, 8:16, 8:16] += 2.0
    features = rng.normal(0, 1, (count, design.features)).astype(np.float32)
    answers = np.zeros((count, 6 if discs else 1), np.float32)
    answers[:, 0] = bright
    answers[:, 1:] += rng.normal(0, 0.1, answers[:, 1:].shape)
    return Examples(patches, features, answers)


def write_look(folder: Path, design: LookArchitecture = SMALL) -> Path:
    """A network on disk whose last layer answers something."""
    out, weights = folder / "look.safetensors", design.initial(1)
    rng = np.random.default_rng(1)
    weights["head.weight"] = rng.normal(0, 0.5, weights["head.weight"].shape).astype(np.float32)
    save_look(out, design, weights, name="look")
    return out


def shown(design: LookArchitecture, count: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(5)
    patches = rng.normal(size=(count, design.channels, *PATCH)).astype(np.float32)
    return patches, rng.normal(size=(count, design.features)).astype(np.float32)
