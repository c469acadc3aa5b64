"""The loops of our own for networks: the same function as the library's, and the same bits whatever lies around."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network.small import some_weights

from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.compiled_unet import compiled_network
from tessellar.kernels.network.places import halved
from tessellar.kernels.network.runner import as_tensors
from tessellar.kernels.network.winograd import Convolution
from tessellar.lanes.room import roomy
from tessellar.model import FloatArray

DESIGNS = [
    Architecture(base=24, levels=2, fold=2, depth=3, join="add"),
    Architecture(base=3, levels=3, fold=2, depth=1, join="add"),
    Architecture(base=5, levels=2, fold=1, join="add"),
    Architecture(base=2, levels=3),
]


def _numbers(shape: tuple[int, ...], seed: int = 0) -> FloatArray:
    out = roomy(shape)
    out[:] = np.random.default_rng(seed).normal(size=shape)
    return out


@pytest.mark.parametrize("shape", [(3, 3, 1, 3), (4, 9, 3, 6), (5, 4, 8, 35), (3, 12, 2, 68)])
@pytest.mark.parametrize("outs", [1, 9, 24])
def test_a_convolution_is_that_of_the_library(shape: tuple[int, ...], outs: int) -> None:
    x, weight, bias = _numbers(shape), _numbers((outs, shape[2], 3, 3, 3), 1), _numbers((outs,), 2)
    found = Convolution.of(weight, bias, 0.1)(x)
    given = torch.from_numpy(x.transpose(2, 0, 1, 3).astype(np.float64))
    wanted = torch.conv3d(given, torch.from_numpy(weight).double(), torch.from_numpy(bias).double())
    wanted = torch.nn.functional.leaky_relu(wanted, 0.1).numpy().transpose(1, 2, 0, 3)
    np.testing.assert_allclose(found, wanted, atol=2e-6 * np.abs(wanted).max())


def test_a_blank_that_is_not_needed_harms_nobody() -> None:
    x, weight = _numbers((3, 5, 2, 40)), _numbers((2, 2, 3, 3, 3), 1)
    convolve = Convolution.of(weight, np.zeros(2, np.float32), 0.1)
    right = convolve(x)
    x[:, 4:], x[..., 39] = np.nan, np.nan
    np.testing.assert_array_equal(convolve(x)[:, :2, :, :36], right[:, :2, :, :36])


@pytest.mark.parametrize("shape", [(2, 2, 1, 2), (4, 6, 3, 36), (6, 4, 2, 7)])
def test_means_of_neighbours(shape: tuple[int, ...]) -> None:
    x = _numbers(shape)
    z, x_, maps, y = (n // 2 for n in shape)
    blocks = x[..., : 2 * y].reshape(z, 2, x_, 2, shape[2], y, 2)
    np.testing.assert_allclose(halved(x), blocks.mean((1, 3, 6)), atol=1e-6)
    assert maps == shape[2] // 2


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("extra", [0, 1])
def test_the_network_is_that_of_the_library(design: Architecture, extra: int) -> None:
    weights, margin = some_weights(design), design.margin + extra * design.stride
    sides = [n * design.stride + 2 * margin for n in (1, 2, 5)]
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, *sides)).astype(np.float32))
    exact = {name: torch.from_numpy(values).double() for name, values in weights.items()}
    with torch.inference_mode():
        library = design.network(as_tensors(weights, "cpu"), margin)(x)
        truth = design.network(exact, margin)(x.double())
    found = compiled_network(design, weights, margin)(x)
    assert found.shape == truth.shape
    assert (found - truth).abs().max() < 5 * (library - truth).abs().max()


@pytest.mark.parametrize("design", DESIGNS[:2])
def test_a_patch_of_another_shape_and_place_gives_the_same_bits(design: Architecture) -> None:
    network, step = compiled_network(design, some_weights(design), design.margin), 2 * design.stride
    sides = [n * step + 2 * design.margin for n in (2, 3, 3)]
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, *sides)).astype(np.float32))
    whole = network(x)
    part = network(x[..., step:, : 2 * step + 2 * design.margin, step:].contiguous())
    assert torch.equal(part, whole[..., step:, : 2 * step, step:])
