"""The U-Net: its size, how far it sees, and that cutting early changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from network.small import some_weights

from tessellar.errors import UsageError
from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.folding import folded, unfolded
from tessellar.kernels.network.receptive_field import measured_reach, refuse_dishonest
from tessellar.kernels.network.runner import as_tensors
from tessellar.kernels.network.unet import UNet

FOLDED = Architecture(base=3, levels=2, fold=2, depth=3, join="add")


def test_the_shipped_size() -> None:
    # by hand: (8*32 + 32*32 + 32*64 + 2 * 64*64 + 2 * 32*32) * 27 + 256*64 + biases + 24 * 33
    shipped = UNet().card.architecture
    design = Architecture(**{name: value for name, value in shipped.items() if name != "kind"})
    weights = 27 * (256 + 1024 + 2048 + 2 * 4096 + 2 * 1024) + 256 * 64
    assert design.n_parameters == weights + 4 * 32 + 3 * 64 + 256 + 24 * 33 == 384088
    assert (design.margin, design.stride) == (24, 4)


def test_the_size_of_a_network_that_does_not_fold() -> None:
    # by hand: (1*8 + 8*8 + 8*16 + 16*16 + 16*32 + 32*32) * 27 + (48*16 + 16*16 + 24*8 + 8*8) * 27 + biases + 3 * 9
    weights = 27 * (8 + 64 + 128 + 256 + 512 + 1024 + 768 + 256 + 192 + 64)
    biases = 2 * (8 + 16 + 32 + 16 + 8)
    assert Architecture().n_parameters == weights + biases + 3 * 9 == 88531
    assert (Architecture().margin, Architecture().stride) == (24, 4)


@pytest.mark.parametrize(
    ("design", "margin"),
    [(Architecture(base=1, levels=2), 10), (Architecture(base=1), 24), (FOLDED, 24)],
)
def test_it_sees_as_far_as_it_declares_and_no_farther(design: Architecture, margin: int) -> None:
    network = design.network(as_tensors(some_weights(design), "cpu"))
    assert design.margin == margin
    assert measured_reach(network, margin, design.stride) == margin - 1


def test_folding_takes_blocks_as_one_and_loses_nothing() -> None:
    voxels = torch.arange(2 * 3 * 4 * 6 * 2).reshape(2, 3, 4, 6, 2)
    blocks = folded(voxels, 2)
    assert blocks.shape == (2, 24, 2, 3, 1)
    assert blocks.is_contiguous(memory_format=torch.channels_last_3d)
    places = torch.stack([voxels[1, 2, 2 + z, 4 + x, y] for z in (0, 1) for x in (0, 1) for y in (0, 1)])
    assert torch.equal(blocks[1, 2::3, 1, 2, 0], places)
    assert torch.equal(unfolded(blocks, 2), voxels)


def test_sizes_out_of_range_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"base is 0, needed is 1 to 256; fold is 4.*join is 'glue'"):
        Architecture(base=0, fold=4, join="glue")


def test_a_dishonest_margin_is_refused() -> None:
    design = Architecture(base=1, levels=2)
    network = design.network(as_tensors(some_weights(design), "cpu"))
    refuse_dishonest(network, design.margin, design.stride, "honest")
    with pytest.raises(UsageError, match="declares a margin of 6 voxels and sees 9 voxels away"):
        refuse_dishonest(network, 6, design.stride, "boastful")


def test_statistics_of_the_patch_are_refused() -> None:
    network = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3, padding=1), torch.nn.InstanceNorm3d(2))
    with pytest.raises(UsageError, match="sees everywhere in the patch"):
        refuse_dishonest(network, 4, 1, "normalised")


@pytest.mark.parametrize(
    "design",
    [
        FOLDED,
        Architecture(base=2, levels=2),
        Architecture(base=1, levels=3, fold=2, depth=1, join="add"),
        Architecture(base=2, levels=4, depth=1),
    ],
)
def test_what_is_cut_early_is_what_would_be_cut_late(design: Architecture) -> None:
    tensors = as_tensors(some_weights(design), "cpu")
    extra = design.margin + design.stride
    side = 2 * extra + 2 * design.stride
    voxels = torch.from_numpy(
        np.random.default_rng(0).normal(size=(1, 1, side, side, side)).astype(np.float32)
    )
    with torch.inference_mode():
        late = design.network(tensors)(voxels)[:, :, extra:-extra, extra:-extra, extra:-extra]
        early = design.network(tensors, extra)(voxels)
    np.testing.assert_allclose(early.numpy(), late.numpy(), atol=2e-6)


def test_a_margin_that_is_too_small_or_unaligned_is_refused() -> None:
    design = Architecture(base=1, levels=2)
    for margin in (6, 9):
        with pytest.raises(UsageError, match="this network needs 10"):
            design.network({}, margin)


def test_first_weights_are_a_function_of_the_seed() -> None:
    first, again, other = (Architecture().initial(seed) for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["encoder.0.0.weight"], other["encoder.0.0.weight"])
