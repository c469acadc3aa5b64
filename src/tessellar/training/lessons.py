"""Batches to learn from: made-up skies, hard negatives among them, and pairs of real observations if there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray
from tessellar.training.augment import turned
from tessellar.training.losses import Lesson
from tessellar.training.negatives import HardNegatives
from tessellar.training.noise2noise import Pairs
from tessellar.training.skies import SkyPatch
from tessellar.training.skies_ahead import SkiesAhead

if TYPE_CHECKING:
    from torch import Tensor

_AGAIN = 0.125  # share of the patches that are hard negatives
_PAIRED = 0.5  # share of the patches that are real, where there are pairs


@dataclass(frozen=True, slots=True)
class Item:
    """One patch of a batch: array (frequency, l, m) each, and the number of the sky if it is made up and empty."""

    voxels: FloatArray
    truth: FloatArray
    mask: FloatArray
    weight: float
    known: bool
    empty: int | None


@dataclass(frozen=True, slots=True)
class Curriculum:
    """What is shown at which step; a step's batch is a function of these and of the hard negatives so far.

    Attributes
    ----------
    skies
        Made-up skies, by number.
    batch
        Patches of a step.
    easy_steps
        How many steps show bright galaxies only.
    pairs
        Real observations to learn from as well.
    """

    skies: SkiesAhead
    batch: int
    easy_steps: int
    pairs: Pairs | None = None

    def items(self, step: int, negatives: HardNegatives) -> list[Item]:
        """Return the patches of a step."""
        first = step * self.batch
        self.skies.expect(range(first, first + self.batch + self.skies.room), self._is_easy)
        rng = np.random.default_rng([self.skies.seed, 1, step])
        return [self._item(first + slot, negatives, rng) for slot in range(self.batch)]

    def _is_easy(self, number: int) -> bool:
        return number // self.batch < self.easy_steps

    def _item(self, number: int, negatives: HardNegatives, rng: np.random.Generator) -> Item:
        if self.pairs is not None and rng.random() < _PAIRED:
            voxels, truth = turned(self.pairs.draw(rng, self.skies.recipe.side), rng)
            return Item(voxels, truth, np.zeros_like(truth), 1.0, False, None)
        easy = self._is_easy(number)
        again = negatives.pick(rng.random()) if not easy and rng.random() < _AGAIN else None
        chosen = number if again is None else again
        return item_of(self.skies.patch(chosen, easy=easy), chosen, rng)


def item_of(patch: SkyPatch, number: int, rng: np.random.Generator | None = None) -> Item:
    """Return a made-up sky as part of a batch, turned and mirrored at random if ``rng`` is given."""
    arrays: tuple[Any, ...] = (patch.voxels, patch.truth, patch.mask.astype(np.float32))
    voxels, truth, mask = arrays if rng is None else turned(arrays, rng)
    return Item(voxels, truth, mask, patch.weight, True, None if patch.mask.any() else number)


def lesson_of(items: list[Item]) -> Lesson:
    """Return patches as the tensors of a batch."""
    torch = load_torch()

    def stack(arrays: list[FloatArray]) -> Tensor:
        tensor = torch.from_numpy(np.stack(arrays)[:, None])
        return tensor.contiguous(memory_format=torch.channels_last_3d)

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).reshape(-1, 1, 1, 1, 1)

    return Lesson(
        stack([item.voxels for item in items]),
        stack([item.truth for item in items]),
        stack([item.mask for item in items]),
        column([item.weight for item in items]),
        column([float(item.known) for item in items]),
    )
