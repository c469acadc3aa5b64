"""Measurements of sources whose answers can be computed by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from measuring_one import box_of, error_inside, flat_noise, row_of

from tessellar.flags import BLANKED, SPATIAL_EDGE, SPECTRAL_EDGE
from tessellar.kernels.correlation import INDEPENDENT
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.line_width import line_width, mean_line_width
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.nodes import Between
from tessellar.kernels.runs import extract_runs
from tessellar.model import Beam, CubeMeta, SpectralAxis
from tessellar.tiling.box import Box

SHAPE = (12, 20, 30)


PLAIN = FluxScale(np.full(SHAPE[0], 2.0), np.full(SHAPE[0], 4.0), "Jy Hz", 100.0 + 2.0 * np.arange(SHAPE[0]))


def measured(cube: np.ndarray, mask: np.ndarray, sign: int = POSITIVE, scale: FluxScale = PLAIN) -> dict:
    return row_of(cube, mask, scale, sign)


def block(value: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    cube = np.zeros(SHAPE, np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[4:7, 8:10, 11:16] = True
    cube[mask] = value
    return cube, mask


def test_a_uniform_block() -> None:
    row = measured(*block())
    assert (row["z"], row["x"], row["y"]) == (5.0, 8.5, 13.0)
    assert (row["n_pix"], row["f_min"], row["f_max"], row["mean"], row["std"]) == (30, 3.0, 3.0, 3.0, 0.0)
    assert row["f_sum"] == 30 * 3.0 * 2.0
    assert row["rms"] == 0.5
    assert row["err_f_sum"] == pytest.approx(0.5 * math.sqrt(30) * 2.0)  # no voxel shares its noise
    assert row["snr"] == pytest.approx(row["f_sum"] / row["err_f_sum"])
    assert (row["fill"], row["flag"]) == (1.0, 0)
    assert (row["z_peak"], row["x_peak"], row["y_peak"]) == (4, 8, 11)
    assert row["ell_maj"] == pytest.approx(2 * math.sqrt(2.0))  # variance of five equal pixels
    assert row["ell_min"] == pytest.approx(2 * 0.5)
    assert abs(row["ell_pa"]) == pytest.approx(0.0)  # along m


def test_the_columns_are_the_ones_that_are_promised() -> None:
    assert sorted(measured(*block())) == sorted(MEASURED)


def test_position_angle_runs_from_m_against_l() -> None:
    cube, mask = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool)
    for i in range(5):
        mask[5, 10 - i, 10 + i] = True  # towards smaller l and larger m: north-east on the sky
    cube[mask] = 1.0
    assert measured(cube, mask)["ell_pa"] == pytest.approx(45.0)


def test_a_negative_source_is_the_mirror_of_a_positive_one() -> None:
    cube, mask = block()
    rng = np.random.default_rng(0)
    cube += rng.normal(scale=0.1, size=SHAPE).astype(np.float32)
    positive, negative = measured(cube, mask), measured(-cube, mask, NEGATIVE)
    for name in (
        "x",
        "y",
        "z",
        "snr",
        "w20",
        "w50",
        "wm50",
        "ell_maj",
        "ell_pa",
        "ell3s_maj",
        "err_x",
        "x_peak",
    ):
        assert positive[name] == pytest.approx(negative[name])
    assert negative["f_sum"] == pytest.approx(-positive["f_sum"])
    assert negative["f_sum_corr"] == pytest.approx(-positive["f_sum_corr"])
    assert negative["f_min"] == pytest.approx(-positive["f_max"])


def test_line_widths_interpolate_between_channels() -> None:
    values = 100.0 + 10.0 * np.arange(9)
    line = np.array([0.0, 1.0, 2.0, 1.0, 0.0])
    # half of the peak is reached in channels 1 and 3 exactly, a fifth (0.4) at 0.4 and at 3.6
    assert line_width(line, 0.5, values, 2).value == pytest.approx(20.0)
    assert line_width(line, 0.2, values, 2).value == pytest.approx(32.0)


def test_a_line_that_fills_its_channels_ends_half_way_to_zero() -> None:
    assert line_width(np.array([1.0, 1.0]), 0.5, np.arange(10.0), 4).value == pytest.approx(2.0)


def test_line_without_signal_has_no_width() -> None:
    assert math.isnan(line_width(np.array([-1.0, 0.0]), 0.5, np.arange(10.0), 0).value)


def test_the_width_at_the_mean_level_looks_at_the_inner_ninety_per_cent() -> None:
    values = 10.0 * np.arange(9)
    line = np.array([1.0, 1.0, 20.0, 40.0, 20.0, 1.0, 1.0])
    # 84 in all; 5 per cent (4.2) is reached in the channels of 20 from either end; their mean is 80/3, half of it 13.33
    step = (20.0 - 40.0 / 3.0) / 19.0
    assert mean_line_width(line, values, 1).value == pytest.approx(10.0 * (2.0 + 2.0 * step))
    assert math.isnan(mean_line_width(-line, values, 1).value)
    assert mean_line_width(np.array([6.0]), values, 3).value == pytest.approx(10.0)


def test_the_bright_ellipse_takes_pixels_above_three_sigma_alike() -> None:
    cube, mask = block(value=0.0)
    # three channels with a noise of 0.5: a pixel needs more than 3 x 0.5 x sqrt(3) = 2.6 in all
    cube[4:7, 8, 11:16] = [0.86, 0.9, 5.0, 0.9, 0.86]
    row = measured(cube, mask)
    assert row["ell3s_maj"] == pytest.approx(2.0 * math.sqrt(2.0 / 3.0))  # of three pixels in a row
    assert (row["ell3s_min"], abs(row["ell3s_pa"])) == pytest.approx((0.0, 0.0))
    assert row["ell_maj"] > row["ell3s_maj"]


def test_no_ellipse_and_no_axis_where_nothing_stands_out() -> None:
    row = measured(*block(value=0.1))
    assert math.isnan(row["ell3s_maj"])
    assert math.isnan(row["kin_pa"])
    assert math.isnan(measured(*block(value=0.1))["ell3s_pa"])


def test_the_kinematic_angle_points_to_the_upper_channels() -> None:
    cube, mask = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool)
    for k in range(5):
        mask[4 + k, 10 - k, 10:20] = True  # higher channels lie at smaller l: east where x runs west
    cube[mask] = 5.0
    assert measured(cube, mask)["kin_pa"] == pytest.approx(90.0)
    assert measured(cube[::-1], mask[::-1])["kin_pa"] == pytest.approx(270.0)


@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_a_width_answers_to_the_spectrum_as_its_gradient_says(direction: float) -> None:
    values = 1e9 + direction * np.array([0.0, 10.0, 21.0, 30.0, 41.0, 50.0, 62.0, 70.0])
    line = np.array([0.3, 4.0, 9.0, 7.5, 8.0, 3.0, 0.5])
    for measure_width in (
        lambda s: line_width(s, 0.2, values, 0),
        lambda s: line_width(s, 0.5, values, 0),
    ):
        width = measure_width(line)
        steps = [measure_width(line + 1e-4 * np.eye(7)[k]).value - width.value for k in range(7)]
        assert width.gradient == pytest.approx(np.array(steps) / 1e-4, rel=1e-2, abs=1e-2)


def test_the_coarse_sky_holds_the_flux_of_the_mask_by_its_own_pixels() -> None:
    cube, mask = block()
    cube = np.random.default_rng(4).normal(size=SHAPE).astype(np.float32)
    runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), box_of(mask)
    noise = flat_noise(SHAPE, 0.5)
    gathering = Gathering(box, 1.0, Surroundings(SHAPE, PLAIN, np.ones(SHAPE[0]), noise, INDEPENDENT, step=3))
    gathering.begin(box)
    gathering.add(cube, Box.of_shape(SHAPE), runs)
    expected = np.zeros((7, 10))
    for z, x, y in np.argwhere(mask):
        expected[x // 3, y // 3] += np.float64(cube[z, x, y])
    x, y, value = gathering.coarse_sky()
    assert np.array_equal(expected[x, y], value)
    assert np.count_nonzero(expected) == x.size == 6


def test_the_noise_of_a_voxel_is_that_of_the_model_where_it_varies_from_place_to_place() -> None:
    cube, mask = block()
    rng = np.random.default_rng(9)
    plain = flat_noise(SHAPE, 0.5)
    noise = dataclasses.replace(
        plain, spectral=rng.uniform(0.5, 2.0, SHAPE[0]).astype(np.float32), local=Patchy(rng)
    )
    sigma = noise.sigma(Box.of_shape(SHAPE)).astype(np.float64)
    assert row_of(cube, mask, PLAIN, noise=noise)["rms"] == pytest.approx(
        math.sqrt(np.mean(sigma[mask] ** 2)), rel=1e-14
    )


class Patchy:
    """Noise that differs from voxel to voxel: every voxel of the cube is a node."""

    identity = "patchy"

    def __init__(self, rng: np.random.Generator) -> None:
        self.nodes = rng.uniform(0.5, 2.0, SHAPE)

    def around(self, box: Box) -> Between:
        before = tuple(np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True))
        after = tuple(np.minimum(one + 1, n - 1) for one, n in zip(before, SHAPE, strict=True))
        return Between(self.nodes, before, after, tuple(np.full(n, 0.25) for n in box.shape))


def test_flags_of_edges_and_blanks() -> None:
    cube, mask = block()
    cube[3, 8, 11] = np.nan
    assert measured(cube, mask)["flag"] == BLANKED.bit
    cube, mask = block()
    mask[:, :, 29] = mask.any(axis=2)
    assert measured(cube, mask)["flag"] == SPATIAL_EDGE.bit
    cube, mask = block()
    mask[0] = mask[5]
    assert measured(cube, mask)["flag"] == SPECTRAL_EDGE.bit


def test_flux_is_divided_by_the_beam_of_each_channel() -> None:
    beams = tuple(Beam(b, b, 0.0) for b in (2.0, 4.0))
    axis = SpectralAxis("v_rad", "m/s", (0.0, -500.0))
    meta = CubeMeta("c", (2, 5, 5), "Jy / beam", axis, beams, (1.0, 1.0))
    scale = FluxScale.of(meta)
    area = math.pi / (4 * math.log(2)) * 4.0
    assert scale.weight == pytest.approx([500.0 / area, 500.0 / (4 * area)])
    assert scale.unit == "Jy m / s"


def test_without_a_beam_the_unit_says_so() -> None:
    meta = CubeMeta("c", (3, 5, 5), "K", SpectralAxis("freq", "Hz", (1.0, 2.0, 3.0)))
    scale = FluxScale.of(meta)
    assert (scale.unit, scale.weight.tolist(), scale.beam_area.tolist()) == ("Hz K", [1.0] * 3, [1.0] * 3)


@pytest.mark.parametrize(
    ("unit", "beams", "flux_unit", "weight"),
    [
        ("Jy / beam", (), "Hz Jy / beam", 2.0),
        ("mJy / beam", (Beam(1.0, 1.0, 0.0),), "Hz Jy", 2e-3 / 1.1330900354567985),
        ("Jy / pix", (), "Hz Jy", 2.0),
        ("mJy / pix", (Beam(1.0, 1.0, 0.0),), "Hz Jy", 2e-3),
        ("", (), "Hz", 2.0),
    ],
)
def test_flux_is_in_jansky_where_that_is_known(
    unit: str, beams: tuple[Beam, ...], flux_unit: str, weight: float
) -> None:
    meta = CubeMeta("c", (3, 5, 5), unit, SpectralAxis("freq", "Hz", (1.0, 3.0, 5.0)), beams, (1.0, 1.0))
    scale = FluxScale.of(meta)
    assert scale.unit == flux_unit
    assert scale.weight == pytest.approx([weight] * 3)


def test_a_single_channel_is_as_wide_as_the_header_says() -> None:
    known = CubeMeta("c", (1, 5, 5), "K", SpectralAxis("freq", "Hz", (1e9,), width=1e5))
    scale = FluxScale.of(known)
    assert (scale.unit, scale.weight.tolist()) == ("Hz K", [1e5])
    assert line_width(np.array([1.0]), 0.5, scale.values, 0).value == pytest.approx(1e5)
    unknown = FluxScale.of(CubeMeta("c", (1, 5, 5), "K", SpectralAxis("freq", "Hz", (1e9,))))
    assert (unknown.unit, unknown.weight.tolist()) == ("K", [1.0])
    assert math.isnan(line_width(np.array([1.0]), 0.5, unknown.values, 0).value)


@pytest.mark.parametrize("factor", [1e-30, 1.0, 1e20])
def test_sums_are_taken_in_double_precision(factor: float) -> None:
    cube, mask = block()
    row = measured((cube * np.float32(factor)).astype(np.float32), mask)
    assert row["f_sum"] == pytest.approx(30 * 3.0 * 2.0 * factor)
    assert row["mean"] == pytest.approx(3.0 * factor)
    assert row["std"] == pytest.approx(0.0, abs=1e-6 * factor)


def test_centroid_error_is_that_of_repeated_noise() -> None:
    cube, mask = block(value=5.0)
    rng = np.random.default_rng(2)
    scale = FluxScale(np.ones(SHAPE[0]), np.ones(SHAPE[0]), "Jy Hz", np.arange(12.0))
    rows = [
        measured(cube + rng.normal(scale=0.5, size=SHAPE).astype(np.float32), mask, scale=scale)
        for _ in range(400)
    ]
    channels = int(mask.any(axis=(1, 2)).sum())
    for name in ("x", "y", "z"):
        spread = np.std([row[name] for row in rows])
        assert np.mean([error_inside(row, name, channels) for row in rows]) == pytest.approx(spread, rel=0.15)
    assert np.std([row["f_sum"] for row in rows]) == pytest.approx(rows[0]["err_f_sum"], rel=0.15)
