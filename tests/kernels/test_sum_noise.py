"""The noise of a sum is that of all pairs of its voxels, however the sum is cut into strips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measuring_one import box_of

from tessellar.kernels import sum_noise as module
from tessellar.kernels.correlation import INDEPENDENT, Correlation
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.pair_sums import weighted
from tessellar.kernels.runs import extract_runs, run_voxels
from tessellar.kernels.sum_noise import SumNoise, sum_noise
from tessellar.tiling.box import Box

SHAPE = (6, 70, 80)
CENTRE = (33.3, 41.1)
LATTICE = NoiseLattice(SHAPE)
NOISE = NoiseModel(
    LATTICE,
    (1.0 + 0.1 * np.arange(6)).astype(np.float32),
    (1.0 + 0.2 * np.arange(np.prod(LATTICE.cells)).reshape(LATTICE.cells)).astype(np.float32),
)
ROUND, TILTED = Correlation(0.3, 0.0, 0.3), Correlation(0.35, 0.12, 0.2, (0.66, 0.17))


def random_mask(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, bool)
    for _ in range(4):
        z, x, y = (int(rng.integers(0, n - 4)) for n in SHAPE)
        mask[z : z + 4, x : x + int(rng.integers(2, 12)), y : y + int(rng.integers(2, 12))] = True
    return mask & (rng.random(SHAPE) < 0.8)


def all_pairs(mask: np.ndarray, correlation: Correlation, stretch: np.ndarray) -> list[float]:
    """Variances of the sum, and of the sums weighted along l, m and frequency, from the matrix of all pairs."""
    z, x, y = np.nonzero(mask)
    dz, dx, dy = (np.subtract.outer(a, a) for a in (z, x, y))
    first = np.minimum.outer(z, z) - box_of(mask).start[0]
    square = (correlation.xx * dx * dx + 2 * correlation.xy * dx * dy + correlation.yy * dy * dy) / stretch[
        first
    ]
    channels = np.array([1.0, *correlation.spectral, *[0.0] * SHAPE[0]])[np.abs(dz)]
    relative = (1.0 / NOISE.inverse_sky(Box.of_shape(SHAPE)))[x, y].astype(float)
    sigma = NOISE.spectral[z] * relative
    matrix = np.where(square <= 3.5**2, np.exp(-0.5 * square), 0.0) * channels * np.outer(sigma, sigma)
    weights = (np.ones(len(z)), x - CENTRE[0], y - CENTRE[1], z - 2.2)
    return [float(w @ matrix @ w) for w in weights]


def variances(made: SumNoise, box: Box) -> list[float]:
    channels = np.arange(box.start[0], box.stop[0])
    return [
        made.variance(np.ones(len(channels))),
        float(weighted(made.x, np.ones(len(channels)))),
        float(weighted(made.y, np.ones(len(channels)))),
        made.variance(channels - 2.2),
    ]


@pytest.mark.parametrize("correlation", [INDEPENDENT, ROUND, TILTED])
@pytest.mark.parametrize("strip", [2**19, 900, 1])
def test_it_is_the_sum_over_all_pairs(
    correlation: Correlation, strip: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STRIP_PIXELS", strip)
    mask = random_mask(1)
    runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), box_of(mask)
    stretch = np.linspace(0.8, 1.3, box.shape[0])
    made = sum_noise(runs, box, NOISE, correlation, stretch, CENTRE)
    assert variances(made, box) == pytest.approx(all_pairs(mask, correlation, stretch), rel=1e-6)


@given(st.integers(0, 50), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=15)
def test_a_larger_box_changes_nothing(seed: int, before: int, after: int) -> None:
    mask = random_mask(seed)
    runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), box_of(mask)
    wide = Box((box.start[0], box.start[1] - before, box.start[2] - after), box.stop).clip(
        Box.of_shape(SHAPE)
    )
    ones = np.ones(box.shape[0])
    one, other = (sum_noise(runs, b, NOISE, TILTED, ones, CENTRE) for b in (box, wide))
    assert variances(one, box) == pytest.approx(variances(other, box), rel=1e-12)


@pytest.mark.parametrize("sigma", [4.5, 7.0, 12.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_cells_of_a_wide_beam_cost_little_even_where_the_source_is_thin(sigma: float, seed: int) -> None:
    mask = random_mask(seed)
    runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), box_of(mask)
    ones, wide = np.ones(box.shape[0]), Correlation(sigma**-2, 0.1 * sigma**-2, sigma**-2)
    found = variances(sum_noise(runs, box, NOISE, wide, ones, CENTRE), box)
    right = all_pairs(mask, wide, ones)
    assert np.sqrt([found[0], found[3]]) == pytest.approx(np.sqrt([right[0], right[3]]), rel=0.03)
    assert np.sqrt(found[1:3]) == pytest.approx(np.sqrt(right[1:3]), rel=0.05)


def test_a_single_voxel_has_the_noise_of_a_voxel() -> None:
    runs, box = np.array([[3, 20, 30, 31]], np.int32), Box((3, 20, 30), (4, 21, 31))
    made = sum_noise(runs, box, NOISE, TILTED, np.ones(1), (20.0, 30.0))
    assert made.variance(np.ones(1)) == pytest.approx(float(1.0 / NOISE.inverse_sky(box)[0, 0]) ** 2 * 1.3**2)
    assert not made.x.any()
    assert not made.y.any()
    assert run_voxels(runs)[0].tolist() == [3]
