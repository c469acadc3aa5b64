"""Two optimisers as one: AdamW, and Muon for the kernels of convolutions if they have a rate of their own.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) makes every step of a matrix orthogonal, so that it learns
in all directions alike. A kernel is a matrix with one row for each map that it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

_MOMENTUM = 0.95  # of Muon
_OF_ADAM = {"first": "exp_avg", "second": "exp_avg_sq"}
_OF_MUON = {"momentum": "momentum_buffer"}


class Optimizer:
    """Weights, and what moves them.

    Parameters
    ----------
    values
        First weights, float32 arrays by name.
    rate
        Learning rate.
    kernel_rate
        That of the kernels that look beyond a voxel, by Muon; 0 treats them like the rest.
    decay
        Of the weights that AdamW moves, per unit of learning rate.
    device
        Where they are, as torch calls it.
    """

    def __init__(
        self,
        values: Mapping[str, FloatArray],
        rate: float,
        kernel_rate: float,
        decay: float,
        device: str = "cpu",
    ) -> None:
        torch = self._torch = load_torch()
        self._shapes = {name: array.shape for name, array in values.items()}
        self._leaves = {
            name: torch.from_numpy(_flat(array)).to(device).requires_grad_() for name, array in values.items()
        }
        kernels = {name for name, shape in self._shapes.items() if kernel_rate and _is_kernel(shape)}
        self._state = {name: _OF_MUON if name in kernels else _OF_ADAM for name in values}
        rest = [leaf for name, leaf in self._leaves.items() if name not in kernels]
        self._parts: list[tuple[Any, float]] = [
            (torch.optim.AdamW(rest, lr=rate, weight_decay=decay, foreach=False), rate)
        ]
        if kernels:
            moved = [self._leaves[name] for name in self._leaves if name in kernels]
            muon = torch.optim.Muon(moved, lr=kernel_rate, weight_decay=0.0, momentum=_MOMENTUM)
            self._parts.append((muon, kernel_rate))

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights by name, in the layout that convolutions want; what is made from them can be learnt."""
        return {name: _whole(leaf, self._shapes[name]) for name, leaf in self._leaves.items()}

    def forget(self) -> None:
        """Forget all gradients."""
        for leaf in self._leaves.values():
            leaf.grad = None

    def step(self, share: float, clip: float) -> None:
        """Move the weights against their gradients.

        Parameters
        ----------
        share
            Of the learning rates.
        clip
            Largest norm of all gradients together.
        """
        self._torch.nn.utils.clip_grad_norm_(list(self._leaves.values()), clip, foreach=False)
        for part, rate in self._parts:
            for group in part.param_groups:
                group["lr"] = share * rate
            part.step()

    def values(self) -> dict[str, FloatArray]:
        """Return the weights, float32 arrays by name."""
        return {name: _copy(tensor) for name, tensor in self.tensors().items()}

    def put(self, values: Mapping[str, FloatArray]) -> None:
        """Replace the weights."""
        with self._torch.no_grad():
            for name, leaf in self._leaves.items():
                leaf.copy_(self._torch.from_numpy(_flat(values[name])))

    def moments(self) -> dict[str, dict[str, FloatArray]]:
        """Return what the optimisers remember of earlier gradients: float32 arrays by kind and name."""
        kept: dict[str, dict[str, FloatArray]] = {}
        for kind, name, key in self._memories():
            kept.setdefault(kind, {})[name] = _copy(self._state_of(name)[key])
        return kept

    def restore(self, moments: Mapping[str, Mapping[str, FloatArray]], step: int) -> None:
        """Remember what `moments` returned after a number of steps."""
        for kind, name, key in self._memories():
            state = self._state_of(name)
            state["step"] = self._torch.tensor(float(step))
            kept = self._torch.from_numpy(moments[kind][name].copy())
            state[key] = kept.to(self._leaves[name].device)

    def _memories(self) -> Iterator[tuple[str, str, str]]:
        """Yield kind, name of the weight, and how the optimiser calls it."""
        for name, kinds in self._state.items():
            for kind, key in kinds.items():
                yield kind, name, key

    def _state_of(self, name: str) -> dict[str, Any]:
        part, _ = self._parts[1 if self._state[name] is _OF_MUON else 0]
        state: dict[str, Any] = part.state[self._leaves[name]]
        return state


def _is_kernel(shape: tuple[int, ...]) -> bool:
    return len(shape) == 5 and shape[-1] > 1


def _flat(array: FloatArray) -> FloatArray:
    """Return a kernel (out, in, side, side, side) as a matrix with rows ``out``, ``in`` fastest; the rest as it is."""
    if array.ndim == 5:
        array = array.transpose(0, 2, 3, 4, 1).reshape(len(array), -1)
    return np.array(array, dtype=np.float32, order="C")


def _whole(leaf: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return what `_flat` was given; no number is moved."""
    if len(shape) != 5:
        return leaf
    out, inputs, *sides = shape
    return leaf.view(out, *sides, inputs).permute(0, 4, 1, 2, 3)


def _copy(tensor: Tensor) -> FloatArray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy()).copy()
