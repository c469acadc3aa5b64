"""What moves weights: kernels by steps that are alike in all directions, the rest by AdamW; nothing is lost on disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tessellar.model import FloatArray
from tessellar.training.optimizer import Optimizer

RATE, KERNEL_RATE = 1e-3, 0.02
SHAPES = {"kernel": (4, 3, 3, 3, 3), "mixture": (4, 3, 1, 1, 1), "bias": (4,)}


def some(seed: int) -> dict[str, FloatArray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def step(optimizer: Optimizer, target: dict[str, FloatArray]) -> None:
    """Take one step towards other weights."""
    optimizer.forget()
    tensors = optimizer.tensors()
    sum(((tensors[name] - torch.from_numpy(target[name])) ** 2).sum() for name in SHAPES).backward()
    optimizer.step(1.0, 5.0)


def test_weights_come_back_as_they_were_given_in_the_layout_of_convolutions() -> None:
    optimizer = Optimizer(some(0), RATE, KERNEL_RATE, 0.0)
    for name, values in some(0).items():
        np.testing.assert_array_equal(optimizer.values()[name], values)
    assert optimizer.tensors()["kernel"].is_contiguous(memory_format=torch.channels_last_3d)
    optimizer.put(some(1))
    np.testing.assert_array_equal(optimizer.values()["kernel"], some(1)["kernel"])


def test_the_step_of_a_kernel_is_alike_in_all_directions() -> None:
    first = some(0)
    target = {name: values.copy() for name, values in first.items()}
    target["kernel"] += (
        np.array([100.0, 10.0, 3.0, 1.0], np.float32).reshape(-1, 1, 1, 1, 1) * some(2)["kernel"]
    )
    optimizer = Optimizer(first, RATE, KERNEL_RATE, 0.0)
    step(optimizer, target)
    moved = (optimizer.values()["kernel"] - first["kernel"]).reshape(4, -1) / KERNEL_RATE
    towards = (target["kernel"] - first["kernel"]).reshape(4, -1)
    assert np.linalg.cond(towards) > 50
    singular = np.linalg.svd(moved, compute_uv=False)
    assert singular.min() > 0.5
    assert singular.max() < 1.5
    assert (np.sum(moved * towards, axis=1) > 0).all()


def test_without_a_rate_of_their_own_kernels_move_like_the_rest() -> None:
    optimizer = Optimizer(some(0), RATE, 0.0, 0.0)
    step(optimizer, some(1))
    for name, values in some(0).items():  # the first step of Adam is the rate, whatever the gradient
        np.testing.assert_allclose(np.abs(optimizer.values()[name] - values), RATE, rtol=0.01)


@pytest.mark.parametrize("kernel_rate", [0.0, KERNEL_RATE])
def test_an_optimizer_that_was_put_away_goes_on_to_the_bit(kernel_rate: float) -> None:
    calm, first = (Optimizer(some(0), RATE, kernel_rate, 1e-2) for _ in range(2))
    for _ in range(3):
        step(calm, some(1))
    step(first, some(1))
    again = Optimizer(some(3), RATE, kernel_rate, 1e-2)
    again.put(first.values())
    again.restore(first.moments(), 1)
    for _ in range(2):
        step(again, some(1))
    for name, values in calm.values().items():
        assert values.tobytes() == again.values()[name].tobytes()
