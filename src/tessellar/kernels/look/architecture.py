"""The network of the second look: four convolutions that see a patch as a whole, and what its row tells beside it.

Strides in place of pooling and no normalisation layers, so that what it says of a candidate depends on no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from tessellar.errors import UsageError
from tessellar.kernels.look.frame import PATCH
from tessellar.kernels.network.architecture import SLOPE, first_weights
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

STRIDES = ((1, 2, 2), (2, 2, 2), (2, 1, 1), (2, 2, 2))
_WIDTHS = (2, 4, 6, 6)  # feature maps of the convolutions, in units of ``base``


@dataclass(frozen=True, slots=True)
class LookArchitecture:
    """The size of a network, and what it is shown and answers.

    Parameters
    ----------
    heads
        What it answers, in order.
    features
        How many numbers it is told beside the patch.
    channels
        What a patch shows of the candidate: 2 for voxels and mask, 1 for voxels alone.
    base
        Half of the feature maps of the first convolution.
    """

    heads: tuple[str, ...]
    features: int
    channels: int = 2
    base: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "heads", tuple(self.heads))
        if not (1 <= self.base <= 64 and self.channels in (1, 2) and self.features >= 1 and self.heads):
            raise UsageError(
                f"a network of base {self.base} with {self.channels} channels, {self.features} features and "
                f"{len(self.heads)} answers; base runs from 1 to 64, channels from 1 to 2, the others from 1."
            )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs, size = self.channels, list(PATCH)
        for number, (width, stride) in enumerate(zip(_WIDTHS, STRIDES, strict=True)):
            shapes[f"convolution.{number}.weight"] = (width * self.base, inputs, 3, 3, 3)
            shapes[f"convolution.{number}.bias"] = (width * self.base,)
            inputs = width * self.base
            size = [n // step for n, step in zip(size, stride, strict=True)]
        dense = {
            "seen": (8 * self.base, 2 * self.base * prod(size)),
            "told": (4 * self.base, self.features),
            "both": (8 * self.base, 12 * self.base),
            "head": (len(self.heads), 8 * self.base),
        }
        shapes["narrow.weight"], shapes["narrow.bias"] = (2 * self.base, inputs, 1, 1, 1), (2 * self.base,)
        for name, shape in dense.items():
            shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
        return shapes

    @property
    def n_parameters(self) -> int:
        """How many numbers training decides."""
        return sum(map(prod, self.shapes.values()))

    def initial(self, seed: int) -> dict[str, FloatArray]:
        """Return the weights before training, whose answers are all 0, a pure function of the seed."""
        return first_weights(self.shapes, seed)

    def network(self, weights: Mapping[str, Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """Return what takes patches (n, channel, 32, 24, 24) and features (n, f), and answers (n, head)."""
        torch = load_torch()
        functional = torch.nn.functional

        def part(name: str) -> tuple[Tensor, Tensor]:
            return weights[f"{name}.weight"], weights[f"{name}.bias"]

        def dense(x: Tensor, name: str) -> Tensor:
            y: Tensor = functional.leaky_relu(functional.linear(x, *part(name)), SLOPE)
            return y

        def forward(patches: Tensor, features: Tensor) -> Tensor:
            x = torch.asinh(patches)
            for number, stride in enumerate(STRIDES):
                x = functional.conv3d(x, *part(f"convolution.{number}"), stride=stride, padding=1)
                x = functional.leaky_relu(x, SLOPE)
            x = functional.leaky_relu(functional.conv3d(x, *part("narrow")), SLOPE)
            both = torch.cat([dense(x.flatten(1), "seen"), dense(features, "told")], 1)
            result: Tensor = functional.linear(dense(both, "both"), *part("head"))
            return result

        return forward
