"""Errors hold against the truth also where the finder chose the mask: pulls of made-up galaxies in fresh noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from measuring_one import flat_noise, row_of
from scipy import ndimage

from tessellar.kernels.correlation import beam_correlation
from tessellar.kernels.line_width import line_width, mean_line_width
from tessellar.kernels.mask_edge import LEAST_SHARE, edge_factor
from tessellar.kernels.measure import FluxScale
from tessellar.kernels.scale_noise import sigma_from_counts
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import Patch
from tessellar.simulate.hi import HiSky
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box

SKY = HiSky((128, 192, 192), seed=79)
MARGIN = 10
GALAXIES, REALISATIONS = 30, 8
COLUMNS = ("x", "y", "z", "w20", "w50", "wm50")


def test_the_less_is_inside_the_less_is_certain() -> None:
    assert [edge_factor("x", share) for share in (1.0, 0.8)] == pytest.approx([1.7, 1.7 / 0.64])
    assert edge_factor("w50", 0.1) == edge_factor("w50", LEAST_SHARE) == pytest.approx(2**4.7)


def bright() -> Iterator[np.ndarray]:
    """Galaxies with some noise around them, in units of the noise."""
    for number in range(GALAXIES):
        voxels = SKY.cubelet(number).voxels / np.float32(SKY.rms_jy)
        yield np.pad(voxels, MARGIN)


def finder_for(shape: tuple[int, int, int]) -> CalibratedFinder:
    """The finder, calibrated with noise of its own."""
    recipe, noise = SmoothAndClip(kernels_z=(0, 3, 7)), flat_noise(shape, 1.0)
    box = Box.of_shape(shape)
    patch = Patch(correlated_noise(box, 1, 4.0, 1.0), box, box)
    return CalibratedFinder(recipe, noise, sigma_from_counts(recipe.count_scales(patch, noise)))


def deviations() -> dict[str, np.ndarray]:
    """Measured minus true in units of the error, galaxy by galaxy and noise by noise."""
    found: dict[str, list[float]] = {name: [] for name in COLUMNS}
    for number, clean in enumerate(bright()):
        box, values = Box.of_shape(clean.shape), np.arange(float(clean.shape[0]))
        finder = finder_for(clean.shape)
        scale = FluxScale(np.ones(len(values)), np.ones(len(values)), "Jy", values)
        line = clean.sum(axis=(1, 2), dtype=np.float64)
        true = dict(zip("zxy", ndimage.center_of_mass(clean.astype(np.float64)), strict=True))
        true |= {"w20": line_width(line, 0.2, values, 0).value, "w50": line_width(line, 0.5, values, 0).value}
        true["wm50"] = mean_line_width(line, values, 0).value
        for seed in range(REALISATIONS):
            noisy = clean + correlated_noise(box, 1000 * number + seed, 4.0, 1.0)
            labels, n = ndimage.label(finder(Patch(noisy, box, box)) & 1)
            flux = ndimage.sum(clean, labels, np.arange(1, n + 1)) if n else np.zeros(1)
            if flux.max() <= 0.3 * clean.sum():
                continue
            row = row_of(
                noisy,
                labels == 1 + flux.argmax(),
                scale,
                noise=finder.noise,
                correlation=beam_correlation(SKY.meta),
            )
            for name in COLUMNS:
                found[name].append((row[name] - true[name]) / row[f"err_{name}"])
    return {name: np.array(pulls) for name, pulls in found.items()}


def test_pulls_against_the_truth_have_unit_width_where_the_finder_chose_the_mask() -> None:
    for name, pulls in deviations().items():
        assert pulls.size > 100
        middle = np.median(pulls)
        width = 1.4826 * np.median(np.abs(pulls - middle))
        assert width == pytest.approx(1.0, abs=0.2), name
        assert abs(middle) < (0.25 if name in "xyz" else 1.8), name
