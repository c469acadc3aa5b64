"""Noise: the asked rms, the correlation of the beam, the same bits in every box."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box

BEAM = 4.0
WHOLE = Box((0, 0, 0), (6, 200, 180))


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return correlated_noise(Box.of_shape((64, 128, 128)), seed=1, beam_pixels=BEAM, rms=2.0)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return correlated_noise(WHOLE, seed=5, beam_pixels=BEAM, rms=1e-4)


def boxes(shape: tuple[int, int, int]) -> st.SearchStrategy[Box]:
    spans = [st.tuples(st.integers(0, n), st.integers(0, n)).filter(lambda s: s[0] != s[1]) for n in shape]
    return st.tuples(*spans).map(
        lambda s: Box(tuple(min(a) for a in s), tuple(max(a) for a in s))  # type: ignore[arg-type]
    )


@settings(max_examples=30, deadline=None)
@given(boxes(WHOLE.shape))
def test_every_box_is_a_part_of_the_whole(whole: np.ndarray, box: Box) -> None:
    assert np.array_equal(correlated_noise(box, 5, BEAM, 1e-4), whole[box.slices()])


def test_rms_is_the_asked_one(noise: np.ndarray) -> None:
    independent = noise.size / (2 * math.pi * (BEAM / 2.3548) ** 2 * 2)
    assert noise.std() == pytest.approx(2.0, rel=4 / math.sqrt(2 * independent))


def test_rms_is_the_same_at_the_edge(noise: np.ndarray) -> None:
    rim = np.concatenate(
        [noise[:, 0].ravel(), noise[:, -1].ravel(), noise[..., 0].ravel(), noise[..., -1].ravel()]
    )
    independent = rim.size / (math.sqrt(math.pi) * 2 * BEAM / 2.3548)
    assert rim.std() == pytest.approx(2.0, rel=4 / math.sqrt(2 * independent))


@pytest.mark.parametrize("lag", [1, 2, 4])
@pytest.mark.parametrize("axis", [1, 2])
def test_correlation_is_that_of_the_beam(noise: np.ndarray, axis: int, lag: int) -> None:
    """As in an image from an interferometer."""
    ahead = np.moveaxis(noise, axis, 0).astype(np.float64)
    correlation = np.mean(ahead[lag:] * ahead[:-lag]) / np.mean(ahead**2)
    assert correlation == pytest.approx(math.exp(-4 * math.log(2) * lag**2 / BEAM**2), abs=0.02)


def test_channels_are_independent(noise: np.ndarray) -> None:
    correlation = np.mean(noise[1:].astype(np.float64) * noise[:-1]) / 4.0
    independent = noise.size / (4 * math.pi * (BEAM / 2.3548) ** 2)
    assert abs(correlation) < 4 / math.sqrt(independent)


def test_seeds_differ() -> None:
    box = Box.of_shape((2, 16, 16))
    assert not np.array_equal(correlated_noise(box, 0, BEAM, 1.0), correlated_noise(box, 1, BEAM, 1.0))


def test_bits_never_change() -> None:
    voxels = correlated_noise(Box((3, 5, 7), (5, 15, 17)), seed=0, beam_pixels=BEAM, rms=30e-6)
    assert (
        hashlib.sha256(voxels.astype("<f4").tobytes()).hexdigest()
        == "a6d5b593e175323ce5909e16c7fbea4e0f88817d33133874e62f716b30034ae6"
    )
