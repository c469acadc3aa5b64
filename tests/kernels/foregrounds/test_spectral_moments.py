"""Sums of blocks are the covariance of the whole, and single precision would not do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from blanked_spectra import blanked, foreground, frequencies, places, signal

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.fill import Filled, fill_blanks
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.model import DoubleArray

N, PIXELS = 40, 3000


def spectra() -> DoubleArray:
    return foreground(N, PIXELS) + signal(N, PIXELS)


def filled(first: int = 0, last: int = PIXELS) -> Filled:
    return fill_blanks(spectra().astype(np.float32)[:, first:last], places(N))


def centre() -> DoubleArray:
    return filled(0, 50).voxels.mean(axis=1)


def blocks() -> list[SpectralMoments]:
    edges = [0, 1, 700, 1300, 1301, PIXELS]
    return [SpectralMoments.of_block(filled(a, b), centre()) for a, b in pairwise(edges)]


def merged(parts: list[SpectralMoments]) -> SpectralMoments:
    total = SpectralMoments.nothing(parts[0].centre)
    for part in parts:
        total = total.merge(part)
    return total


def relative(covariance: DoubleArray, right: DoubleArray) -> float:
    """Return the largest error, in units of the rms of the two channels."""
    rms = np.sqrt(np.diag(right))
    return float(np.abs((covariance - right) / np.outer(rms, rms)).max())


def test_blocks_add_up_to_the_covariance_of_another_library() -> None:
    voxels = filled().voxels
    found = merged(blocks()).statistics(frequencies(N))
    right = np.cov(voxels, ddof=0)
    assert relative(found.covariance, right) < 1e-12
    np.testing.assert_allclose(found.mean, voxels.mean(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(found.frequencies, frequencies(N))
    np.testing.assert_array_equal(found.covariance, found.covariance.T)
    assert found.n_pixels == PIXELS


def test_single_precision_about_zero_would_be_wrong() -> None:
    voxels = filled().voxels.astype(np.float32)
    right = np.cov(filled().voxels, ddof=0)
    mean = voxels.mean(axis=1)
    single = voxels @ voxels.T / PIXELS - np.outer(mean, mean)
    noise = signal(N, PIXELS).var()
    assert np.trace(right) / N > 1e7 * noise
    assert np.abs(single - right).max() > noise
    assert np.abs(merged(blocks()).statistics(frequencies(N)).covariance - right).max() < 1e-3 * noise


def test_any_order_agrees_to_rounding_and_one_order_to_the_bit() -> None:
    parts = blocks()
    forward, backward = (merged(p).statistics(frequencies(N)) for p in (parts, parts[::-1]))
    assert relative(backward.covariance, forward.covariance) < 1e-13
    np.testing.assert_allclose(backward.mean, forward.mean, rtol=1e-14)
    again = merged(blocks()).statistics(frequencies(N))
    assert again.covariance.tobytes() == forward.covariance.tobytes()
    assert again.mean.tobytes() == forward.mean.tobytes()


def test_weights_count_pixels_more_than_once_or_not_at_all() -> None:
    few = filled(0, 60)
    weights = np.arange(60) % 4
    voxels = np.repeat(few.voxels, weights, axis=1)
    made = SpectralMoments.of_block(few, centre(), weights.astype(float))
    found = made.statistics(frequencies(N))
    np.testing.assert_allclose(found.mean, voxels.mean(axis=1), rtol=1e-13)
    assert relative(found.covariance, np.cov(voxels, ddof=0)) < 1e-12
    assert (made.n_pixels, made.weight) == (45, 90.0)


def test_dropped_pixels_do_not_count() -> None:
    block = blanked(spectra()[:, :300], 0.1)
    block[4:, ::3] = np.nan
    some = fill_blanks(block, places(N))
    found = SpectralMoments.of_block(some, centre())
    right = SpectralMoments.of_block(fill_blanks(block[:, some.kept], places(N)), centre())
    assert found.n_pixels == 200
    assert found.second.tobytes() == right.second.tobytes()


def test_a_payload_gives_the_sums_back_in_half_the_bytes() -> None:
    made = blocks()[1]
    payload = made.payload()
    again = SpectralMoments.from_payload(payload)
    assert payload["second"].size == N * (N + 1) // 2
    for name in ("centre", "first", "second"):
        assert getattr(again, name).tobytes() == getattr(made, name).tobytes()
    assert (again.n_pixels, again.weight) == (made.n_pixels, made.weight)


def test_what_cannot_be_done_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="No pixel"):
        SpectralMoments.nothing(centre()).statistics(frequencies(N))
    with pytest.raises(UsageError, match="centres"):
        blocks()[0].merge(SpectralMoments.nothing(centre() + 1))
