"""Power by k_par and k_perp: that of plain transforms, of known skies, and with errors that say how far it lies off."""

from __future__ import annotations

import numpy as np
import pytest
from skies import ALL, FREQUENCIES, plain_power, sky_modes, voxel_lengths

from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import Bins, coherence, cross_power, power_of_covariance
from tessellar.kernels.power.tapers import taper

EDGES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4])
WIDE = Bins(np.array([0.1, 0.6, 1.2, 1.8]), np.array([0.05, 0.15, 0.25]))


def noise(shape: tuple[int, int, int], rms: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, rms, shape)


@pytest.mark.parametrize("name", ["none", "hann", "blackmanharris"])
@pytest.mark.parametrize("shape", [(20, 24, 17), (21, 15, 22)])
def test_the_power_is_that_of_the_whole_transform(shape: tuple[int, int, int], name: str) -> None:
    first = (50 + noise(shape)).astype(np.float32)
    second = (0.5 * first + noise(shape, seed=1)).astype(np.float32)
    bins = Bins(EDGES, EDGES, name)
    for other in (first, second):
        power, n_modes = plain_power(first, other, EDGES, taper(name, shape[0]))
        one = sky_modes(first)
        found = cross_power(one, one if other is first else sky_modes(second), ALL, bins)
        assert np.array_equal(found.n_modes, n_modes)
        assert found.power == pytest.approx(power, rel=1e-10, abs=1e-12, nan_ok=True)
    assert found.frequency == pytest.approx(FREQUENCIES[: shape[0]].mean())


def test_truncation_leaves_the_power_of_the_bins_as_it_is() -> None:
    voxels = noise((20, 30, 30)).astype(np.float32)
    bins = Bins(EDGES, EDGES[:3])
    whole, near = (cross_power(m, m, ALL, bins) for m in (sky_modes(voxels), sky_modes(voxels, 120.0)))
    assert sky_modes(voxels, 120.0).values.shape[1] < 0.6 * sky_modes(voxels).values.shape[1]
    assert np.array_equal(whole.power, near.power, equal_nan=True)


def test_a_bin_without_modes_has_no_power() -> None:
    modes = sky_modes(noise((6, 8, 8)))
    found = cross_power(modes, modes, ALL, Bins(np.array([0.0, 0.01, 90.0, 91.0]), np.array([0.0, 0.2])))
    assert found.n_modes[:, 0].tolist()[2] == 0
    assert np.isnan(found.power[2, 0])
    assert np.isnan(found.sigma[2, 0])


def test_white_noise_has_the_power_of_its_variance_times_a_voxel() -> None:
    shape, rms = (64, 48, 40), 3.0
    true = rms**2 * np.prod(voxel_lengths(shape[0]))
    for name, sky in (("none", "none"), ("blackmanharris", "none"), ("hann", "hann")):
        modes = sky_modes(noise(shape, rms), taper=sky)
        found = cross_power(modes, modes, ALL, Bins(WIDE.k_par_edges, WIDE.k_perp_edges, name))
        pulls = (found.power - true) / (true * found.sigma / found.power)
        assert np.abs(pulls).max() < 3.5
        assert (found.sigma / found.power).max() < 0.15


def test_a_plane_wave_lies_in_its_bin_with_its_power() -> None:
    shape = (30, 20, 24)
    z, x, y = np.indices(shape)
    wave = 2.0 * np.cos(2 * np.pi * (4 * z / 30 + 3 * x / 20 - 2 * y / 24))
    lengths = voxel_lengths(shape[0])
    k_par = 2 * np.pi * 4 / (30 * lengths[0])
    k_perp = 2 * np.pi * np.hypot(3 / (20 * lengths[1]), 2 / (24 * lengths[2]))
    bins = Bins(k_par + np.array([-0.3, -0.05, 0.05]), k_perp + np.array([-0.03, -0.01, 0.01, 0.03]), "none")
    modes = sky_modes(wave)
    found = cross_power(modes, modes, ALL, bins)
    volume = np.prod(lengths) * wave.size
    assert found.power[1, 1] * found.n_modes[1, 1] == pytest.approx(2 * 2.0**2 * volume / 4, rel=1e-6)
    assert np.delete(found.power.ravel(), 4) == pytest.approx(0, abs=1e-9 * volume)


def test_the_cross_power_of_halves_is_free_of_noise() -> None:
    shape = (48, 32, 32)
    sky = noise(shape, 1.0, seed=5)
    halves = [sky_modes(sky + noise(shape, 2.0, seed)) for seed in (6, 7)]
    true = sky_modes(sky)
    truth = cross_power(true, true, ALL, WIDE)
    found = cross_power(*halves, ALL, WIDE, sample_variance=False)
    pulls = (found.power - truth.power) / found.sigma
    assert np.abs(pulls).max() < 3.5
    assert abs(pulls.mean()) < 3 / np.sqrt(pulls.size)
    alone = cross_power(halves[0], halves[0], ALL, WIDE)
    assert (alone.power / truth.power).min() > 3.5  # the noise has four times the variance of the sky
    assert (found.sigma < cross_power(*halves, ALL, WIDE).sigma).all()
    together = coherence(*halves, ALL, WIDE)
    assert together.mean() == pytest.approx(0.2, abs=0.1)  # 1 of sky in 5 of both
    assert together.shape == truth.power.shape
    assert coherence(true, true, ALL, WIDE) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["plain", "tapered", "beam", "scattered"])
def test_errors_have_the_right_scatter(kind: str) -> None:
    """The share of bins within 1 sigma of the true power is that of a Gaussian, over many skies."""
    shape = (24, 40, 40)
    true = np.prod(voxel_lengths(shape[0]))
    x, y = np.indices(shape[1:])
    beyond = np.hypot(x - 20, y - 20) > 19  # blank, as beyond a primary beam
    blank = np.random.default_rng(7).random(shape) < 0.4
    inside = []
    for seed in range(60):
        voxels = noise(shape, 1.0, 100 + seed)
        if kind == "beam":
            voxels[:, beyond] = np.nan
        if kind == "scattered":
            voxels[blank] = np.nan
        modes = sky_modes(voxels, 300.0, "hann" if kind == "tapered" else "none")
        found = cross_power(modes, modes, ALL, WIDE)
        inside.append(np.abs(found.power - true) <= found.sigma)
    assert 0.6 < np.mean(inside) < 0.75


def test_errors_about_one_sky_have_the_right_scatter() -> None:
    shape = (36, 20, 20)
    sky = noise(shape, 1.5, seed=1)
    true = sky_modes(sky, 300.0)
    truth = cross_power(true, true, ALL, WIDE).power
    inside = []
    for seed in range(60):
        halves = [sky_modes(sky + noise(shape, 1.0, 2 * seed + half), 300.0) for half in (10, 11)]
        found = cross_power(*halves, ALL, WIDE, sample_variance=False)
        inside.append(np.abs(found.power - truth) <= found.sigma)
    assert 0.6 < np.mean(inside) < 0.75


def test_a_smooth_foreground_goes_on_through_missing_channels() -> None:
    """Filled, the foreground stays where it was along k_par; set to zero it would be spread all over."""
    shape = (60, 16, 16)
    x = np.linspace(-1, 1, shape[0])[:, None, None]
    foreground = 1e4 * (1 - 0.4 * x + 0.2 * x**2 - 0.1 * x**3) * noise((1, 16, 16))
    gap = foreground.copy()
    gap[[20, 21, 40]] = np.nan
    whole, found = (cross_power(m, m, ALL, WIDE) for m in map(sky_modes, (foreground, gap)))
    assert (whole.n_filled, found.n_filled) == (0, 3)
    kept = sum(taper("blackmanharris", 60)[[20, 21, 40]] ** 2) / sum(taper("blackmanharris", 60) ** 2)
    assert found.power * (1 - kept) == pytest.approx(whole.power, rel=1e-6, abs=1e-12 * whole.power.max())
    zeroed = sky_modes(np.nan_to_num(gap))
    assert cross_power(zeroed, zeroed, ALL, WIDE).power[1:].min() > 1e3 * found.power[1:].max()


def test_missing_channels_take_no_power_from_noise() -> None:
    shape = (40, 16, 16)
    true = np.prod(voxel_lengths(shape[0]))
    powers = []
    for seed in range(25):
        voxels = noise(shape, 1.0, seed)
        voxels[[15, 16, 17, 25]] = np.nan
        modes = sky_modes(voxels)
        powers.append(cross_power(modes, modes, ALL, WIDE).power[1:].mean())
    error = np.std(powers) / np.sqrt(len(powers))
    assert error < 0.02 * true
    assert np.mean(powers) == pytest.approx(true, abs=3 * error)


def test_a_channel_that_one_cube_lacks_is_filled_in_both() -> None:
    first, second = noise((30, 8, 8)), noise((30, 8, 8), seed=1)
    gap = first.copy()
    gap[7] = np.nan
    both = second.copy()
    both[7] = np.nan
    one, other = (cross_power(sky_modes(gap), sky_modes(v), ALL, WIDE) for v in (second, both))
    assert one.n_filled == 1
    assert one.power == pytest.approx(other.power, rel=1e-12)


def test_a_mostly_blank_channel_is_filled_and_many_are_refused() -> None:
    voxels = noise((20, 10, 10))
    voxels[3, 1:] = np.nan
    modes = sky_modes(voxels)
    found = cross_power(modes, modes, ALL, WIDE)
    assert found.n_filled == 1
    voxels[3] = np.nan
    modes = sky_modes(voxels)
    assert cross_power(modes, modes, ALL, WIDE).power == pytest.approx(found.power, rel=1e-12)
    voxels[5:9] = np.nan
    modes = sky_modes(voxels)
    with pytest.raises(InputError, match=r"5 of 20 channels in the band .* are blank; at most 20%"):
        cross_power(modes, modes, ALL, WIDE)


def test_bands_partition_the_channels() -> None:
    frequencies = 106e6 + 1e5 * np.arange(901)
    bands = [Band.of_mhz(low, low + 15) for low in range(106, 196, 15)]
    parts = [band.channels(frequencies) for band in bands]
    assert [part.stop - part.start for part in parts] == [150] * 6
    assert [part.start for part in parts] == [0, 150, 300, 450, 600, 750]
    assert all(band.is_covered(frequencies) for band in bands)
    assert bands[0].channels(frequencies[::-1]) == slice(751, 901)
    assert not bands[0].is_covered(frequencies[2:])
    assert bands[0].is_covered(frequencies + 5e4)
    assert not Band.of_mhz(90, 100).is_covered(frequencies)
    with pytest.raises(UsageError, match="is none"):
        Band.of_mhz(121, 106)


def test_a_falling_frequency_axis_gives_the_same_power() -> None:
    from dataclasses import replace

    modes = sky_modes(noise((30, 8, 8)))
    turned = replace(
        modes, frequencies=modes.frequencies[::-1], values=modes.values[::-1], squares=modes.squares[::-1]
    )
    up, down = (cross_power(m, m, ALL, WIDE).power for m in (modes, turned))
    assert down == pytest.approx(up, rel=1e-10)


@pytest.mark.parametrize(
    ("edges", "name", "expected"),
    [
        ([0.1], "none", "k_par do not ascend"),
        ([0.2, 0.1], "none", "k_par do not ascend"),
        ([-0.1, 0.1], "none", "k_par do not ascend"),
        ([np.nan, 0.1], "none", "k_par do not ascend"),
        ([0.1, 0.2], "boxcar", "no taper 'boxcar'"),
    ],
)
def test_bins_that_are_none_are_refused(edges: list[float], name: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        Bins(np.array(edges), EDGES, name)


def test_what_cannot_be_measured_is_refused() -> None:
    modes = sky_modes(noise((10, 8, 8)))
    with pytest.raises(UsageError, match="differ in their pixels or channels"):
        cross_power(modes, sky_modes(noise((10, 8, 9))), ALL, WIDE)
    with pytest.raises(UsageError, match="needs two cubes"):
        cross_power(modes, modes, ALL, WIDE, sample_variance=False)
    with pytest.raises(InputError, match="has 1 channels in the band"):
        cross_power(modes, modes, Band(150e6, 150.1e6), WIDE)


def test_a_covariance_has_the_power_of_the_spectra_drawn_from_it() -> None:
    lags = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    covariance = 4.0 * np.exp(-lags / 3.0) + np.diag(np.linspace(0.1, 2.0, 40))
    spectra = np.linalg.cholesky(covariance) @ noise((40, 48 * 40, 1))[..., 0]
    modes = sky_modes(spectra.reshape(40, 48, 40))
    found = cross_power(modes, modes, ALL, WIDE)
    expected = power_of_covariance(covariance, modes.field, modes.frequencies, ALL, WIDE)
    assert np.abs((found.power - expected[:, None]) / found.sigma).max() < 3.5
    white = power_of_covariance(9.0 * np.eye(40), modes.field, modes.frequencies, ALL, WIDE)
    assert white == pytest.approx(9.0 * np.prod(voxel_lengths(40)))
    assert np.isnan(
        power_of_covariance(
            covariance, modes.field, modes.frequencies, ALL, Bins(np.array([90.0, 91.0]), EDGES)
        )
    ).all()
