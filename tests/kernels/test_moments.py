"""Moments and spectra of sources small enough to be summed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measuring_one import flat_noise
from memory_cube import meta_of

from tessellar.kernels.correlation import INDEPENDENT
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.moments import MomentSums, SpectralScale
from tessellar.kernels.runs import extract_runs
from tessellar.kernels.spectrum import SpectrumSums, spectrum
from tessellar.kernels.sum_noise import sum_noise
from tessellar.model import Beam, SpectralAxis
from tessellar.tiling.box import Box

SHAPE = (4, 2, 3)
CUBE = Box.of_shape(SHAPE)
SCALE = SpectralScale(100.0 + 10.0 * np.arange(4), np.full(4, 10.0), "Jy Hz", "Hz")


def maps_of(voxels: np.ndarray, mask: np.ndarray, sign: float = 1.0, scale: SpectralScale = SCALE) -> dict:
    sums = MomentSums(CUBE, scale, sign)
    runs = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0))
    sigma = np.full(SHAPE, 0.5, np.float32)
    sigma[:, 1, 2] = 1.5
    sums.add(voxels, CUBE, runs, sigma)
    return sums.maps()


def column(*values: float) -> tuple[np.ndarray, np.ndarray]:
    """A source in one pixel of the sky, (l, m) = (1, 2)."""
    voxels, mask = np.full(SHAPE, 7.0, np.float32), np.zeros(SHAPE, bool)
    voxels[: len(values), 1, 2] = values
    mask[: len(values), 1, 2] = True
    return voxels, mask


def test_three_channels_of_one_pixel() -> None:
    maps = maps_of(*column(1.0, 2.0, 1.0))
    assert maps["mom0"][1, 2] == 40.0  # (1 + 2 + 1) Jy x 10 Hz
    assert maps["mom1"][1, 2] == 110.0
    assert maps["mom2"][1, 2] == pytest.approx(math.sqrt(50.0))  # (1 x 100 + 1 x 100) / 4
    assert maps["chan"][1, 2] == 3
    assert maps["snr"][1, 2] == pytest.approx(40.0 / (0.5 * 3.0 * 10.0 * math.sqrt(3.0)))


def test_where_no_source_is() -> None:
    maps = maps_of(*column(1.0, 2.0, 1.0))
    assert (maps["mom0"][0], maps["chan"][0]) == (pytest.approx([0, 0, 0]), pytest.approx([0, 0, 0]))
    assert all(np.isnan(maps[name][0]).all() for name in ("mom1", "mom2", "snr"))


def test_voxels_below_zero_count_in_moment_0_and_weigh_nothing_in_1_and_2() -> None:
    maps = maps_of(*column(1.0, -3.0, 3.0))
    assert (maps["mom0"][1, 2], maps["chan"][1, 2]) == (10.0, 3)
    assert maps["mom1"][1, 2] == pytest.approx(115.0)  # (1 x 100 + 3 x 120) / 4
    assert maps["mom2"][1, 2] == pytest.approx(math.sqrt((15.0**2 + 3 * 5.0**2) / 4))


def test_a_pixel_without_a_positive_voxel_has_no_velocity() -> None:
    maps = maps_of(*column(-1.0, -1.0))
    assert maps["mom0"][1, 2] == -20.0
    assert np.isnan(maps["mom1"][1, 2])
    assert np.isnan(maps["mom2"][1, 2])
    assert maps["snr"][1, 2] < 0


def test_a_negative_source_is_weighted_by_its_depth() -> None:
    positive, negative = maps_of(*column(1.0, 2.0, -1.0)), maps_of(*column(-1.0, -2.0, 1.0), sign=-1.0)
    assert negative["mom0"][1, 2] == -positive["mom0"][1, 2]
    assert negative["mom1"][1, 2] == positive["mom1"][1, 2]
    assert negative["mom2"][1, 2] == positive["mom2"][1, 2]


def test_blank_voxels_do_not_count() -> None:
    maps = maps_of(*column(1.0, np.nan, 1.0))
    assert (maps["mom0"][1, 2], maps["chan"][1, 2], maps["mom1"][1, 2]) == (20.0, 2, 110.0)


def test_channels_of_unequal_width() -> None:
    uneven = SpectralScale(np.array([100.0, 110.0, 130.0, 140.0]), np.array([10.0, 15.0, 20.0, 10.0]), "", "")
    maps = maps_of(*column(1.0, 2.0), scale=uneven)
    assert maps["mom0"][1, 2] == 40.0
    assert maps["mom1"][1, 2] == 107.5  # (10 x 100 + 30 x 110) / 40


def test_a_narrow_line_far_from_zero_keeps_its_width() -> None:
    values = 1.4e9 + 0.01 * np.arange(4)
    scale = SpectralScale(values, np.full(4, 0.01), "", "Hz")
    maps = maps_of(*column(1.0, 1.0, 1.0, 1.0), scale=scale)
    assert maps["mom2"][1, 2] == pytest.approx(values.std(), rel=1e-4)
    assert maps["mom1"][1, 2] == pytest.approx(values.mean(), rel=1e-15)


@given(st.integers(1, 3), st.integers(0, 99))
def test_windows_along_frequency_do_not_matter(cut: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    voxels, mask = rng.normal(size=SHAPE).astype(np.float32), rng.random(SHAPE) < 0.6
    whole, parts = MomentSums(CUBE, SCALE), MomentSums(CUBE, SCALE)
    runs = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0))
    sigma = rng.uniform(0.5, 1.0, SHAPE).astype(np.float32)
    whole.add(voxels, CUBE, runs, sigma)
    for box in (Box((0, 0, 0), (cut, 2, 3)), Box((cut, 0, 0), SHAPE)):
        inside = runs[(runs[:, 0] >= box.start[0]) & (runs[:, 0] < box.stop[0])]
        part = np.ascontiguousarray(voxels[box.slices()])
        parts.add(part, box, inside, sigma[box.slices()])
    for name, image in whole.maps().items():
        np.testing.assert_array_equal(image, parts.maps()[name])


def test_units_and_widths_of_a_cube() -> None:
    scale = SpectralScale.of(meta_of(SHAPE))
    assert (scale.flux_unit, scale.unit) == ("Hz Jy / beam", "Hz")
    assert scale.widths == pytest.approx(np.full(4, 1e5))


def test_one_channel_of_unknown_width_has_width_1_and_no_spectral_unit_in_its_flux() -> None:
    axis = SpectralAxis("freq", "Hz", (1.4e9,))
    scale = SpectralScale.of(meta_of((1, 2, 3), spectral=axis))
    assert (scale.widths.tolist(), scale.flux_unit, scale.unit) == ([1.0], "Jy / beam", "Hz")


def spectrum_of(beam: Beam | None) -> object:
    meta = meta_of(SHAPE, beams=(beam,) if beam else (), pixel_size=(0.01, 0.01))
    sums = SpectrumSums(CUBE)
    mask = np.zeros(SHAPE, np.uint8)
    mask[1], mask[2, 0] = 1, 1
    voxels = np.full(SHAPE, 2.0, np.float32)
    runs, scale = extract_runs(mask, 1, (0, 0, 0)), FluxScale.of(meta)
    sums.add(voxels, CUBE, runs, np.full(SHAPE, 0.5, np.float32))
    noise = sum_noise(runs, CUBE, flat_noise(SHAPE, 0.5), INDEPENDENT, scale.stretch, (0.0, 0.0))
    return spectrum(sums, noise, scale, meta)


def test_a_spectrum_in_jansky() -> None:
    beam = Beam(0.04, 0.02, 0.0)
    area = meta_of(SHAPE, beams=(beam,), pixel_size=(0.01, 0.01)).beam_areas()
    assert area is not None
    made = spectrum_of(beam)
    assert made.unit == "Jy"
    assert made.pixels.tolist() == [0, 6, 3, 0]
    assert made.flux == pytest.approx(np.array([0, 12, 6, 0]) / area)
    assert made.noise == pytest.approx(0.5 * np.sqrt([0, 6, 3, 0]) / area)
    assert made.value.tolist() == [1.4e9, 1.4001e9, 1.4002e9, 1.4003e9]


def test_a_spectrum_without_a_beam_is_in_the_cube_unit() -> None:
    made = spectrum_of(None)
    assert made.unit == "Jy / beam"
    assert made.flux.tolist() == [0, 12, 6, 0]
