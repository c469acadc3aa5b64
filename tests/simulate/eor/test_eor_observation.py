"""What an observation adds: noise of two halves, lost voxels, and a beam with side lobes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from tessellar.simulate.eor.beam import beam_taps, reach
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box

SHAPE = (24, 48, 44)
BOX = Box.of_shape(SHAPE)
SKY = EorSky(SHAPE, 4)


def test_the_noise_of_the_whole_is_the_mean_of_the_halves() -> None:
    both, first, second = (SKY.only("noise", half).read(BOX) for half in (0, 1, 2))
    assert np.array_equal(both, (first.astype(float) + second).astype(np.float32) * np.float32(0.5))
    for noise, rms in ((both, 2.5e-3), (first, 2.5e-3 * 2**0.5), (second, 2.5e-3 * 2**0.5)):
        assert abs(noise.std() / rms - 1) < 4 / np.sqrt(2 * noise.size)
        assert abs(noise.mean()) < 4 * rms / np.sqrt(noise.size)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)


def test_both_halves_see_the_same_sky() -> None:
    assert np.array_equal(SKY.only("sky", 1).read(BOX), SKY.only("sky", 2).read(BOX))
    rest = SKY.only("all", 1).read(BOX).astype(float) - SKY.only("all", 2).read(BOX)
    noise = SKY.only("noise", 1).read(BOX).astype(float) - SKY.only("noise", 2).read(BOX)
    assert np.allclose(rest, noise, atol=1e-4)  # single precision of some hundred kelvin


def test_noise_follows_a_power_of_the_frequency() -> None:
    sky = EorSky((3, 200, 200), part="noise", noise_index=-2.6, first_frequency_hz=1e8, channel_hz=5e7)
    rms = sky.read(Box.of_shape(sky.shape)).std(axis=(1, 2), dtype=float)
    assert np.allclose(rms, 2.5e-3 * np.array([100, 150, 200]) ** -2.6 / 150**-2.6, rtol=4 / 280)
    assert not replace(sky, noise_mk=0).read(Box((0, 0, 0), (1, 9, 9))).any()


def test_interference_takes_the_share_that_was_asked_for() -> None:
    sky = EorSky((200, 24, 22), 4, rfi_fraction=0.2, rfi_channels=0.1)
    box = Box.of_shape(sky.shape)
    lost = np.isnan(sky.read(box))
    dead = lost.all(axis=(1, 2))
    assert 8 <= dead.sum() <= 35
    scattered = lost[~dead]
    assert abs(scattered.mean() - 0.2) < 4 * np.sqrt(0.16 / scattered.size)
    for half in (1, 2):
        for part in ("all", "noise"):
            assert np.array_equal(np.isnan(sky.only(part, half).read(box)), lost)
    for part in ("sky", "signal", "foregrounds"):
        assert not np.isnan(sky.only(part).read(Box((0, 0, 0), (200, 2, 2)))).any()


def test_nothing_or_everything_may_be_lost() -> None:
    assert np.isnan(replace(SKY, rfi_fraction=1.0).read(BOX)).all()
    assert np.isnan(replace(SKY, rfi_channels=1.0).read(BOX)).all()
    assert not np.isnan(SKY.read(BOX)).any()


def test_the_beam_smooths_the_sky_and_not_the_noise() -> None:
    sky = EorSky((1, 150, 150), 4, "sky", beam_arcsec=800.0)
    plain = replace(sky, beam_arcsec=0.0).read(Box.of_shape(sky.shape))[0].astype(float)
    seen = sky.read(Box.of_shape(sky.shape))[0]
    sigma = 800 / 225 / 2.3548200450309493
    smooth = ndimage.gaussian_filter(plain, sigma, truncate=4.5)
    inner = (slice(20, -20), slice(20, -20))
    assert np.allclose(seen[inner], smooth[inner], rtol=1e-4)
    noise = sky.only("noise").read(Box((0, 0, 0), (1, 9, 9)))
    assert np.array_equal(noise, replace(sky, part="noise", beam_arcsec=0.0).read(Box((0, 0, 0), (1, 9, 9))))


@pytest.mark.parametrize("sidelobe", [0.0, 0.05, -0.05])
def test_the_beam_is_a_gaussian_with_a_ring(sidelobe: float) -> None:
    fwhm = 12.0
    beam = beam_taps(fwhm, sidelobe)
    plane = np.einsum("p,pi,pj->ij", beam.weights, beam.rows, beam.rows)
    assert plane.shape == (2 * reach(fwhm, sidelobe) + 1,) * 2
    assert np.isclose(plane.sum(), 1.0)
    profile = plane[beam.radius, beam.radius :] / plane.max()
    assert profile[0] == 1.0
    ring = profile - np.exp(-4 * np.log(2) * (np.arange(profile.size) / fwhm) ** 2)
    highest = np.abs(ring).argmax()
    assert np.isclose(ring[highest], sidelobe, rtol=0.01, atol=1e-3)
    if sidelobe:
        assert abs(highest - 1.45 * fwhm) <= 1
        assert abs(ring[0]) < 1e-12


def test_a_chromatic_beam_is_told_channel_by_channel() -> None:
    sky = EorSky(SHAPE, beam_arcsec=600.0, chromatic=True, channel_hz=1e6)
    beams = np.array([beam.major * 3600 for beam in sky.meta.beams])
    frequencies = np.array(sky.meta.spectral.values)
    assert np.allclose(beams, 600.0 * sky.reference_hz / frequencies)
    assert len(EorSky(SHAPE, beam_arcsec=600.0).meta.beams) == 1
    assert EorSky(SHAPE).meta.beams == ()


def test_a_chromatic_beam_mixes_foregrounds_into_more_modes() -> None:
    left = {}
    for chromatic in (False, True):
        sky = EorSky((64, 48, 48), 4, "foregrounds", beam_arcsec=900.0, chromatic=chromatic, channel_hz=2e5)
        cube = sky.read(Box.of_shape(sky.shape)).reshape(64, -1).astype(float)
        strength = np.linalg.svd(cube - cube.mean(axis=1, keepdims=True), compute_uv=False)
        left[chromatic] = np.sqrt(np.sum(strength[3:] ** 2) / cube.size)
    assert left[True] > 2 * left[False]


def test_a_uniform_sky_keeps_its_brightness() -> None:
    sky = EorSky(
        (3, 8, 8), part="synchrotron", synchrotron_spread=0, index_spread=0, curvature_spread=0,
        beam_arcsec=700.0, sidelobe=0.1, chromatic=True,
    )  # fmt: skip
    plain = replace(sky, beam_arcsec=0, sidelobe=0, chromatic=False)
    box = Box.of_shape(sky.shape)
    assert np.allclose(sky.read(box), plain.read(box), rtol=1e-6)


def test_the_header_says_kelvin_and_the_beam() -> None:
    header = fits.Header.fromstring(EorSky(SHAPE, beam_arcsec=600.0).meta.header, sep="\n")
    assert header["BUNIT"] == "K"
    assert np.isclose(header["BMAJ"], 600 / 3600)
    assert header["CTYPE1"] == "RA---SIN"
    assert (header["CRVAL3"], header["CDELT3"], header["CUNIT3"]) == (151e6, 1e5, "Hz")
    assert "BMAJ" not in fits.Header.fromstring(EorSky(SHAPE).meta.header, sep="\n")
