"""Networks of the second look, ready to run: one tells how likely a candidate is real, one how far off its disc is.

On the processor candidates are shown one by one, on one thread: libraries choose the order of their sums by the size of
a batch, and even by the place in it, and a candidate's answer must have the same bits in whatever company it is asked
for. On a GPU, which needs many at once, batches have one size, and whoever asks sees to it that the same ones come
together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.devices import CPU, CUDA, device_type, torch_name
from tessellar.kernels.logit import probability_of
from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.network.design import LOOK
from tessellar.kernels.network.runner import arithmetic
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import (
    Card,
    check_shapes,
    digest_of_card,
    find_weights,
    read_card,
    read_weights,
)
from tessellar.model import DoubleArray, FloatArray

if TYPE_CHECKING:
    from torch import Tensor

REAL = "real"
VALUES = ("flux", "size", "width", "turn", "tilt", "shift")
"""Corrections of a disc: natural logarithms of true over given flux, diameter and line width at 20 %; position angle
and inclination in radians, true minus given; and of the central frequency, in widths of the line."""
PROBABILITY_HEADS = (REAL,)
DISC_HEADS = (*VALUES, *(f"error_{name}" for name in VALUES))
CANDIDATES, DISCS = "hi-look-s", "hi-disc-s"
BATCH_ON_GPU = 32


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """By how much discs are off.

    Attributes
    ----------
    values
        What to add to the logarithms, angles and the frequency of the discs, float64 array (n, 6) as `VALUES` names
        them.
    errors
        Half of the interval around the corrected value that holds the truth in 68 % of cases, in the same units,
        float64 array (n, 6).
    """

    values: DoubleArray
    errors: DoubleArray


@dataclass(frozen=True, slots=True)
class Look:
    """A network that looks at candidates one by one.

    Parameters
    ----------
    weights
        ``hi-look-s``, ``hi-disc-s``, or the path of a .safetensors file with its card beside it.

    Raises
    ------
    UsageError
        There are no such weights, or torch is not installed.
    InputError
        The weights or their card cannot be used, or are of a network that does something else.
    """

    weights: str = CANDIDATES

    def __post_init__(self) -> None:
        look_of(self.card, find_weights(self.weights))

    @property
    def card(self) -> Card:
        """What is known of the network."""
        return read_card(find_weights(self.weights))

    @property
    def identity(self) -> str:
        """The SHA-256 of the card, which holds that of the weights."""
        return digest_of_card(find_weights(self.weights))

    @property
    def heads(self) -> tuple[str, ...]:
        """What it answers."""
        return self.card.heads

    def check_tells_probabilities(self) -> None:
        """Refuse a network that does not tell how likely candidates are real.

        Raises
        ------
        UsageError
            It tells something else.
        """
        self._need(PROBABILITY_HEADS, "how likely candidates are real", CANDIDATES)

    def probability(self, patches: FloatArray, features: FloatArray, device: str = CPU) -> DoubleArray:
        """Return how likely candidates are real, float64 array (n).

        Parameters
        ----------
        patches
            float32 array (n, 2, 32, 24, 24), as `tessellar.kernels.look.patch.patch_of` makes them.
        features
            float32 array (n, f), as `tessellar.kernels.look.features.row_features` makes them.
        device
            ``cpu``, ``cuda`` or ``cuda:1``.

        Raises
        ------
        UsageError
            The network does not tell that.
        """
        self.check_tells_probabilities()
        calibration = self.card.calibration
        logit = (
            calibration.mask_slope * self._answers(patches, features, device)[:, 0] + calibration.mask_offset
        )
        return probability_of(logit)

    def corrections(self, patches: FloatArray, features: FloatArray) -> Corrections:
        """Return by how much the discs of candidates are off.

        Parameters
        ----------
        patches
            float32 array (n, 1 or 2, 32, 24, 24); the first of each is looked at.
        features
            float32 array (n, f).

        Raises
        ------
        UsageError
            The network does not tell that.
        """
        self._need(DISC_HEADS, "by how much discs are off", DISCS)
        answers = self._answers(patches, features)
        n = len(VALUES)
        return Corrections(answers[:, :n], np.exp(np.clip(answers[:, n:], -30.0, 30.0)))

    def _need(self, heads: tuple[str, ...], what: str, name: str) -> None:
        if self.heads != heads:
            raise UsageError(
                f"the network {self.weights} answers {', '.join(self.heads)}, not {what}. Use {name} for that."
            )

    def _answers(self, patches: FloatArray, features: FloatArray, device: str = CPU) -> DoubleArray:
        return run_look(_loaded(self.weights, self.identity, torch_name(device)), patches, features)


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A network with its weights.

    Attributes
    ----------
    design
        The network.
    network
        What takes patches and features.
    device
        Where it works, as torch calls it.
    """

    design: LookArchitecture
    network: Callable[[Tensor, Tensor], Tensor]
    device: str = CPU


def run_look(loaded: Loaded, patches: FloatArray, features: FloatArray) -> DoubleArray:
    """Return the raw answers of a network, float64 array (n, head)."""
    torch, design, device = load_torch(), loaded.design, loaded.device
    answers = np.empty((len(patches), len(design.heads)))
    size = BATCH_ON_GPU if device_type(device) == CUDA else 1
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(), arithmetic(torch, device):
            for first in range(0, len(patches), size):
                part = slice(first, min(first + size, len(patches)))
                given = (_batch(values[part], size) for values in (patches[:, : design.channels], features))
                found = loaded.network(*(torch.from_numpy(values).to(device) for values in given))
                answers[part] = found.cpu().numpy()[: part.stop - part.start]
    finally:
        torch.set_num_threads(before)
    return answers


def _batch(values: FloatArray, size: int) -> FloatArray:
    """Return what some candidates are shown by, filled up with nothing to a batch of one size."""
    batch = np.zeros((size, *values.shape[1:]), np.float32)
    batch[: len(values)] = values
    return batch


def look_of(card: Card, file: Path) -> LookArchitecture:
    """Return the network that a card names.

    Raises
    ------
    InputError
        It is of another kind, or the card describes it wrongly.
    """
    settings = dict(card.architecture)
    kind = settings.pop("kind", None)
    if kind != LOOK:
        raise InputError(
            f"{file} holds a network of the kind '{kind}', which does not look at candidates. Use {CANDIDATES}, or one "
            f"that `tessellar train {CANDIDATES}` made."
        )
    try:
        design = LookArchitecture(**settings)
    except TypeError as error:
        raise InputError(f"the card of {file} describes the network wrongly: {error}.") from error
    if design.heads != card.heads:
        raise InputError(
            f"the card of {file} declares the answers {', '.join(card.heads)} and the network has "
            f"{', '.join(design.heads)}. Make the card anew."
        )
    return design


@lru_cache(maxsize=4)
def _loaded(weights: str, identity: str, device: str) -> Loaded:
    """Return a network with its weights; ``identity`` is that of the card that was read before."""
    file = find_weights(weights)
    card = read_card(file)
    if digest_of_card(file) != identity:
        raise UsageError(f"{file} was changed since the run began. Begin again with --fresh.")
    design = look_of(card, file)
    arrays = read_weights(file, card)
    check_shapes(arrays, design.shapes, file)
    torch = load_torch()
    tensors = {name: torch.from_numpy(values.copy()).to(device) for name, values in arrays.items()}
    return Loaded(design, design.network(tensors), device)
