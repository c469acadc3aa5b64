"""Frames of zstd are decoded into memory that is there, and what is wrong with one is told."""

from __future__ import annotations

import numpy as np
import pytest
from numcodecs.zstd import compress

from tessellar.io.zstd_frames import decompress
from tessellar.model import FloatArray

VOXELS: FloatArray = np.random.default_rng(1).normal(size=(4, 8, 16)).astype(np.float32)


def frame(checksum: bool = True, voxels: FloatArray = VOXELS) -> np.ndarray:
    return np.frombuffer(compress(voxels, 1, checksum), np.uint8).copy()


@pytest.mark.parametrize("checksum", [False, True])
def test_frames_are_decoded_one_after_the_other(checksum: bool) -> None:
    for sign in (1, -1):
        out = np.zeros_like(VOXELS)
        decompress(frame(checksum, sign * VOXELS), out)
        np.testing.assert_array_equal(out, sign * VOXELS)


@pytest.mark.parametrize("place", [1, 30, -1])
def test_a_damaged_frame_is_told_and_the_next_one_is_sound(place: int) -> None:
    damaged, out = frame(), np.zeros_like(VOXELS)
    damaged[place] ^= 1
    with pytest.raises(ValueError, match="cannot be decoded"):
        decompress(damaged, out)
    decompress(frame(), out)
    np.testing.assert_array_equal(out, VOXELS)


@pytest.mark.parametrize("shape", [(4, 8, 15), (4, 8, 17)])
def test_a_frame_of_another_length_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not as long as its voxels"):
        decompress(frame(), np.zeros(shape, np.float32))


@pytest.mark.parametrize("length", [0, 5, 200])
def test_a_frame_that_breaks_off_is_told(length: int) -> None:
    with pytest.raises(ValueError, match="not as long as its voxels"):
        decompress(frame()[:length], np.zeros_like(VOXELS))
