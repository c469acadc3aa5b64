"""The skies that networks learn from: galaxies, noise and artefacts are what their recipe says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tessellar.tiling.box import Box
from tessellar.training.artefacts import add_artefacts
from tessellar.training.augment import turned
from tessellar.training.noise import Noise
from tessellar.training.skies import SkyRecipe, local_weight, make_patch

SKIES = SkyRecipe(side=16, beam_pixels=(2.5, 3.0), scale_length=(0.4, 1.0))


def test_a_patch_is_a_function_of_its_number() -> None:
    first, again, other = (make_patch(SKIES, 0, number) for number in (7, 7, 8))
    assert first.voxels.tobytes() == again.voxels.tobytes()
    assert first.voxels.tobytes() != other.voxels.tobytes()


def test_galaxies_have_the_signal_to_noise_that_was_asked() -> None:
    recipe = replace(
        SKIES, side=32, snr=(10, 10), bright=0, empty=0, most=1, white=1, tied=0, artefacts=0, noise_error=0
    )
    for number in range(8):
        patch = make_patch(recipe, 3, number)
        if not patch.mask.any():
            continue
        core = patch.truth > 0.1 * patch.truth.max()
        assert patch.truth[core].sum() / np.sqrt(core.sum()) == pytest.approx(10, rel=1e-4)


def test_tied_channels_are_correlated_like_hanning_smoothed_ones() -> None:
    noise = Noise(None, 0.25)
    voxels = noise.draw(np.random.default_rng(0), Box.of_shape((400, 20, 20))).astype(np.float64)
    shifted = [(voxels[n:] * voxels[: len(voxels) - n]).mean() for n in range(4)]
    np.testing.assert_allclose(shifted, [1, 2 / 3, 1 / 6, 0], atol=0.012)  # four sigma
    assert noise.volume == pytest.approx(1 + 2 * (2 / 3 + 1 / 6))
    assert Noise(3.0, 0.0).volume == pytest.approx(1.1331 * 9, rel=1e-4)


def test_half_of_the_skies_are_shown_in_every_orientation() -> None:
    values = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    seen = set()
    for seed in range(200):
        first, second = turned((values, values + 1), np.random.default_rng(seed))
        np.testing.assert_array_equal(second, first + 1)
        seen.add(first.tobytes())
    assert len(seen) == 16  # four quarter turns, two mirrors


def test_a_continuum_that_was_taken_off_is_in_all_channels() -> None:
    voxels = Noise(None, 0.0, 0.3).draw(np.random.default_rng(0), Box.of_shape((40, 100, 100)))
    deviation = 0.01  # of a mean product over 10,000 pixels; less over many channels
    products = [(voxels[n:] * voxels[: 40 - n]).mean() for n in (0, 1, 10)]
    np.testing.assert_allclose(products[:2], [1.0, 0.3], atol=deviation)
    assert 0.2 < products[2] < 0.31  # an image that turns into another by 0.3 radians at most
    own = Noise(None, 0.0).draw(np.random.default_rng(0), Box.of_shape((40, 100, 100)))
    assert (own[10:] * own[:30]).mean() == pytest.approx(0.0, abs=deviation)


def test_imprints_of_continuum_sources_are_images_with_a_slope() -> None:
    least, most = 0.0, 0.0
    for seed in range(12):
        voxels = np.zeros((16, 24, 24), np.float32)
        add_artefacts(voxels, np.random.default_rng(seed), 1.0, 3.0)
        found = np.linalg.svd(voxels.reshape(16, -1), compute_uv=False)
        assert found[0] > 0.1
        assert found[2] < 1e-5 * found[0]  # a level and a slope, scaled in channels with interference
        least, most = min(least, voxels.min()), max(most, voxels.max())
    assert least < -1.0
    assert most > 1.0


def test_errors_count_less_near_a_bright_galaxy_and_nowhere_else() -> None:
    truth = np.zeros((40, 40, 40), np.float32)
    truth[5, 5, 5], truth[30, 30, 30] = 30.0, 1.0
    weight = local_weight(truth)
    assert weight[12, 12, 5] == pytest.approx(0.1)
    assert weight[13, 5, 5] == 1.0
    assert weight[30, 30, 30] == pytest.approx(1 / 1.01)
