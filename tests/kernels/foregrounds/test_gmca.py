"""GMCA: known sparse sources are unmixed, also with noise and blanks, and a small sky is cleaned."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from foreground_sky import principal, projected_out, sky
from numpy.testing import assert_array_equal

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.gmca import GMCA
from tessellar.kernels.foregrounds.morphological import GmcaMixing, generalised_morphological, gmca_bytes

SPECTRA = np.array([[1.0, 0.8], [0.1, 0.7], [0.3, -0.3], [0.0, 0.2]])
SPECTRA = SPECTRA / np.linalg.norm(SPECTRA, axis=0)


def sparse_maps(noise: float = 0.01, n: int = 64) -> np.ndarray:
    """Return maps of points of one spectrum and smooth blobs of another one, far from orthogonal."""
    random = np.random.default_rng(2)
    points, blobs = np.zeros((n, n)), np.zeros((n, n))
    points[tuple(random.integers(0, n, (2, 40)))] = 6.0 * random.exponential(size=40)
    x = np.arange(n)
    for x0, y0 in random.integers(0, n, (12, 2)):
        blobs += random.exponential() * np.exp(-((x[:, None] - x0) ** 2 + (x - y0) ** 2) / 18.0)
    return np.tensordot(SPECTRA, np.array([points, blobs]), 1) + noise * random.normal(size=(4, n, n))


def angles(found: GmcaMixing) -> np.ndarray:
    """Return by how many degrees the nearest column misses each true spectrum."""
    return np.degrees(np.arccos(np.clip(np.abs(found.mixing.T @ SPECTRA).max(axis=0), 0.0, 1.0)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_sources_are_unmixed(dtype: type) -> None:
    found = generalised_morphological(sparse_maps().astype(dtype), 2)
    assert angles(found).max() < 2.0
    assert found.converged
    assert found.active == 2


def test_sources_that_never_overlap_are_unmixed_as_far_as_noise_allows() -> None:
    points = np.zeros((2, 64, 64))
    points[0, 4:60:8, 4:28:8] = np.random.default_rng(0).exponential(size=(7, 3))
    points[1, 4:60:8, 36:60:8] = np.random.default_rng(1).exponential(size=(7, 3))
    maps = np.tensordot(SPECTRA, points, 1) + 1e-3 * np.random.default_rng(2).normal(size=(4, 64, 64))
    assert angles(generalised_morphological(maps, 2, scales=1)).max() < 0.1


def test_principal_components_do_not_unmix_them() -> None:
    maps = sparse_maps().reshape(4, -1)
    axes = np.linalg.eigh(np.cov(maps))[1][:, :-3:-1]
    assert angles(GmcaMixing(axes, 0.0, 2)).max() > 10.0


def test_blank_pixels_are_left_out() -> None:
    maps = sparse_maps()
    maps[0, 20:24, 10:30] = np.nan
    maps[:, 50, :] = np.nan
    assert angles(generalised_morphological(maps, 2)).max() < 2.0
    loud = maps.copy()
    loud[1:, 20:24, 10:30] = 1e6  # blank in one map is blank in all
    assert_array_equal(
        generalised_morphological(loud, 2, iterations=5).mixing,
        generalised_morphological(maps, 2, iterations=5).mixing,
    )


def test_it_is_repeatable_to_the_bit() -> None:
    one, two = (generalised_morphological(sparse_maps(), 2) for _ in range(2))
    assert_array_equal(one.mixing, two.mixing)


def test_columns_have_length_1_and_a_positive_largest_element() -> None:
    mixing = generalised_morphological(-sparse_maps(), 2).mixing
    assert np.linalg.norm(mixing, axis=0) == pytest.approx(1.0)
    assert (mixing[np.abs(mixing).argmax(axis=0), [0, 1]] > 0).all()


def test_sources_that_do_not_stand_out_keep_their_component_and_that_is_said() -> None:
    found = generalised_morphological(np.zeros((3, 8, 8)), 2)
    assert_array_equal(found.mixing, np.eye(3, 2))
    assert found.active == 0
    assert "0 of 2 components" in found.doubts()[0]


def test_components_that_still_turn_are_named() -> None:
    found = generalised_morphological(sparse_maps(), 2, iterations=1)
    assert not found.converged
    assert "still turned" in found.doubts()[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_about_as_good_as_three_principal_components(seed: int) -> None:
    truth = sky(seed)
    maps, basis = principal(truth.cube, 20)
    found = GMCA(3).operator(truth.statistics, maps.astype(np.float32), basis)
    error = truth.error(projected_out(truth.cube, found.operator.basis))
    assert error == pytest.approx(truth.error(projected_out(truth.cube, basis[:, :3])), rel=0.04)
    assert found.modes == 3
    assert found.report["rank"] == 20
    assert found.warnings == ()


@pytest.mark.parametrize("shape", [(300, 200)])
def test_memory_is_what_it_says(shape: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    generalised_morphological(maps[:, :8, :8], 3, iterations=1)
    tracemalloc.start()
    generalised_morphological(maps, 3, iterations=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.6 < peak / gmca_bytes(8, 3, shape, 4) < 1.0


def test_every_problem_of_the_settings_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        GMCA(modes=0, rank=100, scales=0, iterations=0, threshold=-1.0)
    for word in ("0 modes", "rank 100", "0 scales", "0 iterations", "threshold -1.0"):
        assert word in str(caught.value)
    with pytest.raises(UsageError, match="rank 2 is not from the number of modes, 4"):
        GMCA(rank=2)


def test_maps_that_cannot_be_unmixed() -> None:
    with pytest.raises(UsageError, match="need the maps"):
        GMCA().operator(sky(0, 4).statistics, None, None)
    with pytest.raises(InputError, match="4 pixels"):
        generalised_morphological(np.ones((4, 2, 2)), 2)


def test_modes_that_leave_nothing_are_refused() -> None:
    statistics = sky(0, 4, 4).statistics
    with pytest.raises(UsageError, match="Removing 4 modes leaves nothing of 4 channels"):
        GMCA(modes=4).operator(statistics, np.zeros((4, 8, 8), np.float32), np.eye(4))


def test_how_many_maps_it_needs() -> None:
    assert GMCA().map_modes(901) == 20
    assert GMCA().map_modes(12) == 12
