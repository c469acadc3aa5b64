"""A drawn disc: no flux lost, the right line width, and a receding side where its position angle says."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.model import GAUSSIAN_AREA
from tessellar.simulate.cache import CubeletCache
from tessellar.simulate.discs import DISPERSION, SPEED_OF_LIGHT, Cubelet, Disc, Sampling, draw, extent
from tessellar.simulate.measured import line_width
from tessellar.tiling.box import Box

SAMPLING = Sampling(beam_pixels=4.0, first_frequency_hz=950e6, channel_hz=30e3)
GALAXY = Disc(
    z=40.0,
    x=30.0,
    y=33.0,
    flux=5.0,
    scale_length=3.0,
    hole=0.0,
    speed=150e3,
    turnover=1.0,
    inclination=60.0,
    pa=0.0,
)

discs = st.builds(
    Disc,
    z=st.floats(0, 200),
    x=st.floats(-20, 80),
    y=st.floats(-20, 80),
    flux=st.floats(1e-4, 10),
    scale_length=st.floats(0.2, 5),
    hole=st.floats(0, 1),
    speed=st.floats(0, 300e3),
    turnover=st.floats(0.05, 3),
    inclination=st.floats(0, 90),
    pa=st.floats(0, 360),
)


@settings(max_examples=40, deadline=None)
@given(discs)
def test_flux_is_conserved_and_ends_inside_the_box(disc: Disc) -> None:
    cubelet = draw(disc, SAMPLING)
    area = GAUSSIAN_AREA * SAMPLING.beam_pixels**2
    assert cubelet.box == extent(disc, SAMPLING)
    assert cubelet.voxels.shape == cubelet.box.shape
    assert cubelet.voxels.sum(dtype=np.float64) / area == pytest.approx(disc.flux, rel=1e-3)
    assert cubelet.voxels.min() >= 0.0


@settings(max_examples=20, deadline=None)
@given(discs)
def test_the_flux_weighted_centre_is_the_centre(disc: Disc) -> None:
    cubelet = draw(disc, SAMPLING)
    weights = cubelet.voxels.astype(np.float64) / cubelet.voxels.sum(dtype=np.float64)
    for axis, centre in ((1, disc.x), (2, disc.y)):
        index = np.arange(cubelet.box.shape[axis]) + cubelet.box.start[axis]
        profile = weights.sum(axis=tuple(a for a in range(3) if a != axis))
        assert profile @ index == pytest.approx(centre, abs=0.1)


def test_spectrum_is_that_of_the_gas() -> None:
    """An independent spectrum: the profile of random gas clouds, their speeds summed over a fine grid."""
    random = np.random.default_rng(0)
    radius = random.gamma(2.0, GALAXY.scale_length, 2_000_000)
    radius = radius[radius < 6 * GALAXY.scale_length]
    speed = GALAXY.speed * 2 / math.pi * np.arctan(radius / GALAXY.turnover)
    radial = speed * math.sin(math.radians(60)) * np.cos(random.uniform(0, 2 * math.pi, radius.size))
    radial += random.normal(0, DISPERSION, radius.size)
    frequency = SAMPLING.frequency(GALAXY.z) / (1 + radial / SPEED_OF_LIGHT)
    channel = (frequency - 950e6) / 30e3
    edges = np.arange(0, 81) - 0.5
    expected = np.histogram(channel, edges)[0] / radius.size * GALAXY.flux
    cubelet = draw(GALAXY, SAMPLING)
    spectrum = np.zeros(80)
    spectrum[cubelet.box.start[0] : cubelet.box.stop[0]] = cubelet.voxels.sum(axis=(1, 2)) / (
        GAUSSIAN_AREA * 16
    )
    assert spectrum == pytest.approx(expected, abs=0.02 * expected.max())
    assert line_width(spectrum, 0.2) == pytest.approx(line_width(expected, 0.2), abs=0.3)


def test_line_width_of_a_gaussian_is_known() -> None:
    channel = np.arange(200)
    spectrum = np.exp(-0.5 * ((channel - 99.3) / 12.0) ** 2)
    assert line_width(spectrum, 0.2) == pytest.approx(2 * 12.0 * math.sqrt(2 * math.log(5)), abs=0.05)


def test_line_width_of_a_single_channel() -> None:
    assert line_width(np.array([0.0, 1.0, 0.0]), 0.2) == pytest.approx(1.6)
    assert line_width(np.array([1.0]), 0.2) == pytest.approx(1.6)


def test_a_face_on_disc_is_as_wide_as_its_dispersion() -> None:
    cubelet = draw(replace(GALAXY, inclination=0.0, z=40.2), SAMPLING)
    spectrum = cubelet.voxels.sum(axis=(1, 2), dtype=np.float64)
    channel = np.arange(spectrum.size) + cubelet.box.start[0]
    mean = spectrum @ channel / spectrum.sum()
    variance = spectrum @ (channel - mean) ** 2 / spectrum.sum()
    sigma = DISPERSION / SPEED_OF_LIGHT * SAMPLING.frequency(40.2) / SAMPLING.channel_hz
    assert mean == pytest.approx(40.2, abs=0.01)
    assert variance == pytest.approx(sigma**2 + 1 / 12, rel=0.01)


@pytest.mark.parametrize(("pa", "towards"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1)), (270, (1, 0))])
def test_the_receding_side_lies_towards_its_position_angle(pa: float, towards: tuple[int, int]) -> None:
    """Receding gas has the lower frequency; north is up (y), east is to the left (minus x)."""
    cubelet = draw(replace(GALAXY, pa=float(pa)), SAMPLING)
    low = cubelet.voxels[: int(GALAXY.z) - cubelet.box.start[0]].sum(axis=0, dtype=np.float64)
    x, y = (np.arange(n) + s for n, s in zip(low.shape, cubelet.box.start[1:], strict=True))
    offset = (low.sum(axis=1) @ x / low.sum() - GALAXY.x, low.sum(axis=0) @ y / low.sum() - GALAXY.y)
    assert np.hypot(*offset) > 2.0
    assert np.array(offset) / np.hypot(*offset) == pytest.approx(np.array(towards), abs=0.05)


def test_inclination_squeezes_the_minor_axis() -> None:
    image = draw(replace(GALAXY, scale_length=6.0, inclination=60.0), SAMPLING).voxels.sum(
        axis=0, dtype=np.float64
    )
    variances = []
    for axis in (0, 1):
        profile = image.sum(axis=1 - axis) / image.sum()
        index = np.arange(profile.size)
        variances.append(profile @ index**2 - (profile @ index) ** 2 - (4.0 / 2.3548) ** 2)
    assert math.sqrt(variances[0] / variances[1]) == pytest.approx(0.5, abs=0.01)


def test_a_tiny_disc_looks_like_the_beam() -> None:
    image = draw(replace(GALAXY, scale_length=0.3, x=30.3), SAMPLING).voxels.sum(axis=0, dtype=np.float64)
    profile = image.sum(axis=1) / image.sum()
    index = np.arange(profile.size)
    on_minor_axis = 3 * 0.3**2 * math.cos(math.radians(60)) ** 2  # of the exponential disc itself
    variance = profile @ index**2 - (profile @ index) ** 2 - on_minor_axis
    assert math.sqrt(variance) * 2.3548 == pytest.approx(SAMPLING.beam_pixels, rel=0.01)


def test_a_full_hole_empties_the_centre() -> None:
    large = replace(GALAXY, scale_length=8.0, inclination=0.0)
    filled, hollow = (draw(replace(large, hole=hole), SAMPLING).voxels.sum(axis=0) for hole in (0.0, 1.0))
    centre = tuple(n // 2 for n in filled.shape)
    assert hollow[centre] < 0.3 * filled[centre]


def test_the_cache_forgets_the_oldest_and_stays_within_its_bytes() -> None:
    made: list[str] = []

    def make(name: str) -> Cubelet:
        made.append(name)
        return Cubelet(Box.of_shape((1, 10, 10)), np.zeros((1, 10, 10), dtype=np.float32))

    cache = CubeletCache(max_bytes=1000)
    for name in "abacba":
        cache.get(name, lambda name=name: make(name))
        assert cache.nbytes <= 1000
    assert made == ["a", "b", "c", "b", "a"]


def test_a_galaxy_of_gigabytes_is_refused_before_it_is_drawn() -> None:
    with pytest.raises(UsageError, match="drawn as a whole"):
        draw(replace(GALAXY, scale_length=400.0), SAMPLING)
