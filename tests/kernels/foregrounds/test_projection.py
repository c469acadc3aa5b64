"""What a separation takes out of a pixel is its least-squares fit, to the bit the same whatever pixels come with it."""

from __future__ import annotations

import numpy as np
import pytest
from blanked_spectra import blanked, foreground, frequencies, places, signal
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.by_basis import SPARE_CHANNELS
from tessellar.kernels.foregrounds.fill import fill_blanks
from tessellar.kernels.foregrounds.legendre import legendre
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.project import Projection
from tessellar.model import DoubleArray, FloatArray

N, SKY = 41, (19, 21)
PIXELS = SKY[0] * SKY[1]
USED = np.arange(N) % 10 != 4
RNG = np.random.default_rng(5)
MEAN = foreground(N, 1)[USED, 0]
BASIS = RNG.normal(size=(USED.sum(), 6)) * 10.0 ** np.arange(6)  # neither orthogonal nor of one length
MATRIX = RNG.normal(size=(USED.sum(), USED.sum()))


def cube(share: float, blank_channels: bool = True) -> FloatArray:
    spectra = blanked(foreground(N, PIXELS), share)
    if share:
        spectra[:, 33] = np.nan
        spectra[: N - 8, 34] = np.nan
    if blank_channels:
        spectra[~USED] = np.nan
    return spectra.reshape(N, *SKY)


def by_basis(basis: DoubleArray = BASIS, mean: DoubleArray = MEAN) -> Projection:
    return Projection(SpectralOperator(mean, basis), USED, places(N))


def by_matrix() -> Projection:
    return Projection(SpectralOperator(MEAN, residual=MATRIX), USED, places(N))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.6])
def test_a_basis_is_the_least_squares_fit_of_another_library(share: float) -> None:
    block = cube(share)
    found = by_basis().separate(block, foreground=True, amplitudes=True)
    for pixel in (0, 1, 130, PIXELS - 1):
        spectrum = block.reshape(N, -1)[USED, pixel].astype(float)
        good = np.isfinite(spectrum)
        amplitudes = np.linalg.lstsq(BASIS[good], (spectrum - MEAN)[good], rcond=None)[0]
        model = MEAN + BASIS @ amplitudes
        of = {name: getattr(found, name).reshape(-1, PIXELS)[:, pixel] for name in found.__slots__}
        np.testing.assert_allclose(of["amplitudes"], amplitudes, rtol=1e-6)
        np.testing.assert_allclose(of["foreground"][USED], model, rtol=1e-6)
        np.testing.assert_allclose(of["residual"][USED][good], (spectrum - model)[good], atol=1e-6)
        assert np.isnan(of["residual"][USED][~good]).all()
        assert np.isnan(of["residual"][~USED]).all()
        assert np.isnan(of["foreground"][~USED]).all()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_a_polynomial_leaves_nothing(share: float) -> None:
    basis = legendre(places(N), 3)[USED]
    whole = np.zeros((N, PIXELS))
    whole[USED] = basis @ np.random.default_rng(6).normal(size=(4, PIXELS))
    block = blanked(whole, share).reshape(N, *SKY)
    projection = by_basis(basis, np.zeros(USED.sum()))
    found = projection.separate(block, foreground=True)
    scale = np.abs(whole).max()
    good = np.isfinite(block) & USED[:, None, None]
    np.testing.assert_array_equal(np.isfinite(found.residual), good)
    assert np.abs(found.residual[good]).max() < 1e-6 * scale
    np.testing.assert_allclose(found.foreground[USED], whole.reshape(block.shape)[USED], atol=1e-6 * scale)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_matrix_is_applied_to_filled_spectra(share: float) -> None:
    block = cube(share)
    found = by_matrix().separate(block, foreground=True)
    filled = fill_blanks(block.reshape(N, -1)[USED], places(N)[USED])
    residual = MATRIX @ (filled.voxels - MEAN[:, None])
    good = np.isfinite(block.reshape(N, -1)[USED]) & filled.kept
    left, taken = (a.reshape(N, -1)[USED] for a in (found.residual, found.foreground))
    np.testing.assert_allclose(left[good], residual[good], atol=1e-6 * np.abs(residual).max())
    assert np.isnan(left[~good]).all()
    expected = (filled.voxels - residual)[:, filled.kept]
    np.testing.assert_allclose(taken[:, filled.kept], expected, atol=1e-6 * np.abs(residual).max())
    assert np.isnan(taken[:, ~filled.kept]).all()
    assert filled.kept.all() == (share == 0)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 12, 16, 17])
def test_any_number_of_channels_and_modes_will_do(n: int) -> None:
    rng = np.random.default_rng(n)
    block = rng.normal(size=(n, 3, 50)).astype(np.float32)
    mean, matrix, every = rng.normal(size=n), rng.normal(size=(n, n)), np.ones(n, bool)
    deviations = block - mean[:, None, None]
    left = Projection(SpectralOperator(mean, residual=matrix), every, places(n)).residual(block)
    np.testing.assert_allclose(left, np.tensordot(matrix, deviations, 1), atol=1e-5)
    for n_modes in range(n + 1):
        basis = matrix[:, :n_modes]
        left = Projection(SpectralOperator(mean, basis), every, places(n)).residual(block)
        fit = basis @ np.linalg.lstsq(basis, deviations.reshape(n, -1), rcond=None)[0]
        np.testing.assert_allclose(left, deviations - fit.reshape(block.shape), atol=1e-6)


def test_blocks_without_a_pixel_give_none() -> None:
    found = by_basis().separate(cube(0.0)[:, :0], foreground=True, amplitudes=True)
    assert [a.shape for a in (found.residual, found.foreground, found.amplitudes)] == [
        (N, 0, SKY[1]),
        (N, 0, SKY[1]),
        (BASIS.shape[1], 0, SKY[1]),
    ]


def test_the_identity_leaves_the_cube_and_no_mode_its_mean() -> None:
    block, n = cube(0.0), int(USED.sum())
    same = Projection(SpectralOperator(np.zeros(n), residual=np.eye(n)), USED, places(N))
    np.testing.assert_array_equal(same.residual(block), block)
    found = by_basis(np.empty((n, 0))).foreground(block)
    np.testing.assert_array_equal(
        found[USED], np.broadcast_to(MEAN.astype(np.float32)[:, None, None], (n, *SKY))
    )


def test_pixels_with_too_few_good_channels_are_blank() -> None:
    n_modes = BASIS.shape[1]
    block = cube(0.0)
    channels = np.flatnonzero(USED)
    block[channels[n_modes + SPARE_CHANNELS :], 0, 0] = np.nan
    block[channels[n_modes + SPARE_CHANNELS - 1 :], 0, 1] = np.nan
    found = by_basis().separate(block, foreground=True, amplitudes=True)
    assert np.isfinite(found.amplitudes[:, 0, 0]).all()
    for values in (found.residual, found.foreground, found.amplitudes):
        assert np.isnan(values[:, 0, 1]).all()
        assert np.isfinite(values[:, 0, 2]).any()


def test_a_mode_that_no_good_channel_sees_makes_the_pixel_blank() -> None:
    basis = np.zeros((USED.sum(), 2))
    basis[:3, 0], basis[3:, 1] = 1.0, 1.0
    block = cube(0.0)
    block[np.flatnonzero(USED)[:3], 2, 3] = np.nan
    found = by_basis(basis).residual(block)
    assert np.isnan(found[:, 2, 3]).all()
    assert np.isfinite(found[USED, 2, 4]).all()


@given(st.data(), st.sampled_from(["basis", "matrix"]), st.sampled_from([0.0, 0.01, 0.4]))
@settings(max_examples=60)
def test_any_cut_has_the_bits_of_the_whole(data: st.DataObject, kind: str, share: float) -> None:
    projection = PREPARED[kind]
    wanted = {"residual": True, "foreground": True, "amplitudes": kind == "basis"}
    block = cube(share)
    whole = projection.separate(block, **wanted)
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in SKY]
    cut = (slice(None), *(slice(a, b + 1) for a, b in ends))
    part = projection.separate(block[cut], **wanted)
    for name, asked in wanted.items():
        if asked:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[cut])


@pytest.mark.parametrize("n_modes", [1, 6, 9])
@pytest.mark.parametrize(
    "n_pixels", [1520, 1511]
)  # rows that begin alike in their lines of the cache, and others
def test_long_rows_anywhere_in_memory_have_the_bits_of_single_pixels(n_modes: int, n_pixels: int) -> None:
    rng, used = np.random.default_rng(n_modes), np.ones(N, bool)
    projection = Projection(SpectralOperator(np.ones(N), rng.normal(size=(N, n_modes))), used, places(N))
    spectra = rng.normal(size=(N, 1, n_pixels)).astype(np.float32)
    spectra[7, 0, 1203] = np.nan
    every = {"foreground": True, "amplitudes": True}
    room = np.empty(spectra.size + 16, np.float32)
    for start in (0, 3, 12):
        block = room[start : start + spectra.size].reshape(spectra.shape)
        block[:] = spectra
        found = projection.separate(block, **every)
        for pixel in (0, 15, 16, 1023, 1024, 1203, 1204, n_pixels - 1):
            alone = projection.separate(spectra[:, :, pixel : pixel + 1], **every)
            for name in found.__slots__:
                np.testing.assert_array_equal(getattr(found, name)[..., pixel], getattr(alone, name)[..., 0])


def test_what_is_infinite_is_blank() -> None:
    endless, blank = cube(0.0), cube(0.0)
    places = (np.flatnonzero(USED)[[3, 8, 20]], [2, 2, 5], [1, 1, 7])
    endless[places], blank[places] = [np.inf, -np.inf, np.nan], np.nan
    for projection in PREPARED.values():
        assert projection.residual(endless).tobytes() == projection.residual(blank).tobytes()


POWERS = np.vander(np.linspace(-1, 1, USED.sum()), 9, increasing=True)
PREPARED = {"basis": by_basis(), "matrix": by_matrix()}


def test_what_is_asked_alone_is_what_is_asked_together() -> None:
    block, projection = cube(0.2), by_basis()
    together = projection.separate(block, foreground=True, amplitudes=True)
    np.testing.assert_array_equal(projection.residual(block), together.residual)
    np.testing.assert_array_equal(projection.foreground(block), together.foreground)
    np.testing.assert_array_equal(projection.amplitudes(block), together.amplitudes)
    assert projection.separate(block).foreground is None
    assert projection.residual(block).dtype == np.float32


@pytest.mark.parametrize("sky", [SKY, (1, 2)])  # the second is narrower than what is in work at once
def test_a_residual_can_be_written_into_given_memory(sky: tuple[int, int]) -> None:
    block, projection = np.ascontiguousarray(cube(0.2)[:, : sky[0], : sky[1]]), by_basis()
    room = np.zeros_like(block)
    assert np.shares_memory(projection.residual(block, room), room)
    assert room.tobytes() == projection.residual(block).tobytes()
    with pytest.raises(UsageError, match="C-contiguous float32"):
        projection.residual(block, room.astype(np.float64))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["basis", "few", "many", "matrix"])
@pytest.mark.parametrize("sky", [SKY, (1, 2), (1, 1520)])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3])
def test_a_residual_can_take_the_place_of_its_spectra(kind: str, sky: tuple[int, int], share: float) -> None:
    spectra = blanked(foreground(N, sky[0] * sky[1]), share).reshape(N, *sky)
    basis = POWERS[:, : {"few": 2, "many": 9}.get(kind, 0)]
    projection = PREPARED[kind] if kind in PREPARED else by_basis(basis)
    wanted = {"foreground": True, "amplitudes": kind != "matrix"}
    apart = projection.separate(spectra, **wanted)
    room = np.empty(spectra.size + 16, np.float32)
    for start in (0, 4, 13):
        block = room[start : start + spectra.size].reshape(spectra.shape)
        block[:] = spectra
        found = projection.separate(block, **wanted, out=block)
        assert np.shares_memory(found.residual, block)
        assert block.tobytes() == apart.residual.tobytes()
        np.testing.assert_array_equal(found.foreground, apart.foreground)
        if apart.amplitudes is not None:
            np.testing.assert_array_equal(found.amplitudes, apart.amplitudes)


def test_what_cannot_be_done_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="no modes"):
        by_matrix().amplitudes(cube(0.0))
    with pytest.raises(UsageError, match="whole spectra"):
        by_basis().residual(cube(0.0)[:-1])
    with pytest.raises(UsageError, match="statistics of this cube"):
        Projection(SpectralOperator(MEAN, BASIS), np.ones(N, bool), places(N))
    with pytest.raises(UsageError, match="Mode 2 of 3"):
        by_basis(np.stack([MEAN, MEAN**2, 3 * MEAN - MEAN**2], axis=1))
    with pytest.raises(UsageError, match="Mode 0 of 1"):
        by_basis(np.full((USED.sum(), 1), np.nan))


def error_of_three_modes(share: float) -> float:
    """Return the rms of what PCA with three modes leaves beyond signal and noise, in units of their rms."""
    n, pixels = 128, 48 * 48
    behind = signal(n, pixels)
    block = blanked(foreground(n, pixels) + behind, share)
    filled = fill_blanks(block, places(n))
    found = SpectralMoments.of_block(filled, filled.voxels[:, :100].mean(axis=1)).statistics(frequencies(n))
    vectors = np.linalg.eigh(found.covariance)[1][:, ::-1]
    operator = SpectralOperator(found.mean, vectors[:, :3])
    left = Projection(operator, np.ones(n, bool), places(n)).residual(block.reshape(n, 48, 48))
    wrong = left.reshape(n, -1) - behind
    return float(np.sqrt(np.nanmean(wrong**2)) / behind.std())


def test_a_fifth_of_the_voxels_may_be_blank() -> None:
    unmasked = error_of_three_modes(0.0)
    assert 0.05 < unmasked < 0.5
    assert error_of_three_modes(0.2) == pytest.approx(unmasked, rel=0.02)
