"""Errors are as large as what noise does: over many realisations, deviations in units of their error have width 1."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from measuring_one import error_inside, flat_noise, row_of
from scipy import ndimage

from tessellar.kernels.correlation import Correlation
from tessellar.kernels.flux_scale import FluxScale

SHAPE = (10, 36, 40)
REALISATIONS = 700
WIDTH = 4.0 / math.sqrt(2 * REALISATIONS)  # four standard errors of a standard deviation
SIGMA = 1.0 / math.sqrt(8.0 * math.log(2.0))  # of a Gaussian of full width 1
NAMES = ("f_sum", "x", "y", "z")
BEAMS = {"round": (4.0, 4.0, 0.0), "elliptical": (5.5, 3.0, 30.0)}


def smooth(white: np.ndarray, beam: tuple[float, float, float]) -> np.ndarray:
    """Smooth channels with a Gaussian: full widths and the angle of the major axis from m against l."""
    xx, xy, yy = second_moments(beam)
    kx, ky = (np.fft.fftfreq(n) for n in white.shape[-2:])
    kx, ky = kx[:, None], ky[None, :]
    gain = np.exp(-2.0 * math.pi**2 * (xx * kx * kx + 2 * xy * kx * ky + yy * ky * ky))
    gain /= math.sqrt((gain * gain).mean())
    return np.fft.ifft2(np.fft.fft2(white) * gain).real.astype(np.float32)


def second_moments(beam: tuple[float, float, float]) -> tuple[float, float, float]:
    major, minor, pa = (beam[0] * SIGMA) ** 2, (beam[1] * SIGMA) ** 2, math.radians(beam[2])
    x, y = -math.sin(pa), math.cos(pa)
    return major * x * x + minor * y * y, (major - minor) * x * y, major * y * y + minor * x * x


def correlation_of_smoothed(
    beam: tuple[float, float, float], spectral: tuple[float, ...] = ()
) -> Correlation:
    """White noise seen through a beam is correlated as a Gaussian of twice its second moments."""
    xx, xy, yy = (2.0 * moment for moment in second_moments(beam))
    size = xx * yy - xy * xy
    return Correlation(yy / size, -xy / size, xx / size, spectral)


def masks() -> dict[str, np.ndarray]:
    z, x, y = np.indices(SHAPE)
    z, x, y = z - 4.6, x - 17.3, y - 20.2
    along, across = (x + y) / math.sqrt(2.0), (x - y) / math.sqrt(2.0)
    return {
        "small": (z / 2.6) ** 2 + (x / 2.3) ** 2 + (y / 2.3) ** 2 < 1,
        "large": (z / 4.0) ** 2 + (x / 13) ** 2 + (y / 13) ** 2 < 1,
        "elongated": (z / 4.0) ** 2 + (along / 15) ** 2 + (across / 2.5) ** 2 < 1,
    }


def pulls_of(
    noise: Iterable[np.ndarray],
    mask: np.ndarray,
    correlation: Correlation,
    names: tuple[str, ...] = NAMES,
) -> dict[str, np.ndarray]:
    """Deviations from the truth in units of their errors, of a bright source that fills a mask."""
    depth = ndimage.distance_transform_edt(mask)
    truth = np.where(mask, 8.0 + 10.0 * depth / depth.max(), 0.0).astype(np.float32)
    scale = FluxScale(np.full(SHAPE[0], 2.0), np.ones(SHAPE[0]), "Jy Hz", np.arange(10.0))
    model = flat_noise(SHAPE, 1.0)
    channels = int(mask.any(axis=(1, 2)).sum())
    right = row_of(truth, mask, scale, noise=model, correlation=correlation)
    rows = [row_of(truth + one, mask, scale, noise=model, correlation=correlation) for one in noise]
    return {
        name: np.array([(row[name] - right[name]) / error_inside(row, name, channels) for row in rows])
        for name in names
    }


@pytest.mark.parametrize("beam", BEAMS)
@pytest.mark.parametrize("mask", ["small", "large", "elongated"])
def test_pulls_have_unit_width(beam: str, mask: str) -> None:
    white = np.random.default_rng(5).normal(size=(REALISATIONS, *SHAPE)).astype(np.float32)
    noise = (smooth(one, BEAMS[beam]) for one in white)
    for name, pulls in pulls_of(noise, masks()[mask], correlation_of_smoothed(BEAMS[beam])).items():
        assert np.std(pulls) == pytest.approx(1.0, abs=WIDTH), name
        assert abs(np.mean(pulls)) < 4.0 / math.sqrt(REALISATIONS), name


def test_pulls_have_unit_width_where_channels_share_their_noise() -> None:
    white = np.random.default_rng(6).normal(size=(REALISATIONS, *SHAPE)).astype(np.float32)
    hanning = (
        0.25 * np.roll(white, 1, axis=1) + 0.5 * white + 0.25 * np.roll(white, -1, axis=1)
    ) / math.sqrt(0.375)
    noise = (smooth(one, BEAMS["round"]) for one in hanning)
    correlation = correlation_of_smoothed(BEAMS["round"], (2.0 / 3.0, 1.0 / 6.0))
    for name, pulls in pulls_of(noise, masks()["large"], correlation).items():
        assert np.std(pulls) == pytest.approx(1.0, abs=WIDTH), name


@pytest.mark.parametrize(("mask", "least"), [("large", 1.0 - WIDTH), ("small", 0.8), ("elongated", 0.8)])
def test_the_error_of_a_line_width_is_right_or_a_little_large(mask: str, least: float) -> None:
    """It is large where two channels share the peak, as they do in the last two: the higher one moves less."""
    white = np.random.default_rng(7).normal(size=(REALISATIONS, *SHAPE)).astype(np.float32)
    noise = (smooth(one, BEAMS["round"]) for one in white)
    pulls = pulls_of(noise, masks()[mask], correlation_of_smoothed(BEAMS["round"]), ("w50",))["w50"]
    assert least < np.std(pulls) < 1.0 + WIDTH
