"""Batches of candidates to learn from, mirrored and moved a little: views as likely as the candidate itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.kernels.look.network import VALUES
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray, IntArray

if TYPE_CHECKING:
    from torch import Tensor

_TURN, _SHIFT = VALUES.index("turn"), VALUES.index("shift")
TURNED_BACK = 27
"""Which feature of a disc changes its sign in a mirror: the sine of the angle between fit and measurement."""
_ALONG, _ACROSS = 3, 4  # axes of a batch of patches (candidate, channel, frequency, along, across)
_FREQUENCY = 2


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a network is shown, and what it should answer.

    Attributes
    ----------
    patches
        float16 array (example, channel, 32, 24, 24).
    features
        float32 array (example, feature).
    answers
        float32 array (example, answer): 1 for real candidates and 0 for others, or the six corrections of discs.
    """

    patches: npt.NDArray[np.float16]
    features: FloatArray
    answers: FloatArray

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def of_discs(self) -> bool:
        """Whether they are fitted discs, not candidates."""
        return bool(self.answers.shape[1] == len(VALUES))


@dataclass(frozen=True, slots=True, eq=False)
class LookLesson:
    """A batch: tensors of patches, features and answers."""

    patches: Tensor
    features: Tensor
    answers: Tensor


def lesson_at(examples: Examples, seed: int, step: int, batch: int) -> LookLesson:
    """Return the batch of a step: a function of these, in an order that shows each example once before any again."""
    places = np.arange(step * batch, (step + 1) * batch)
    epoch, place = np.divmod(places, len(examples))
    orders = {
        int(e): np.random.default_rng([seed, 2, int(e)]).permutation(len(examples)) for e in np.unique(epoch)
    }
    chosen = np.array([orders[int(e)][p] for e, p in zip(epoch, place, strict=True)], dtype=np.int64)
    return lesson_of(mirrored(_taken(examples, chosen), np.random.default_rng([seed, 3, step])))


def lesson_of(examples: Examples) -> LookLesson:
    """Return examples as a batch."""
    torch = load_torch()
    patches = torch.from_numpy(examples.patches.astype(np.float32))
    return LookLesson(
        patches.contiguous(memory_format=torch.channels_last_3d),
        torch.from_numpy(examples.features),
        torch.from_numpy(examples.answers),
    )


def mirrored(examples: Examples, rng: np.random.Generator) -> Examples:
    """Return examples as seen in mirrors: across the axis, or along it and in frequency, which keeps discs turning.

    Each is also moved by at most one step on the sky.
    """
    patches, features, answers = examples.patches.copy(), examples.features.copy(), examples.answers.copy()
    across, along = rng.random((2, len(examples))) < 0.5
    patches[across] = np.flip(patches[across], _ACROSS)
    patches[along] = np.flip(patches[along], (_FREQUENCY, _ALONG))
    for number, moves in enumerate(rng.integers(-1, 2, (len(examples), 2))):
        patches[number] = np.roll(patches[number], moves, (_ALONG - 1, _ACROSS - 1))
    if examples.of_discs:
        answers[across ^ along, _TURN] *= -1.0
        features[across ^ along, TURNED_BACK] *= -1.0
        answers[along, _SHIFT] *= -1.0
    return Examples(patches, features, answers)


def parts_of(examples: Examples, size: int) -> list[LookLesson]:
    """Return all examples in batches, as they are."""
    return [
        lesson_of(_taken(examples, np.arange(i, min(i + size, len(examples)))))
        for i in range(0, len(examples), size)
    ]


def _taken(examples: Examples, chosen: IntArray) -> Examples:
    return Examples(examples.patches[chosen], examples.features[chosen], examples.answers[chosen])
