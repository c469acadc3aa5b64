"""The catalogue row of one source in a cube in memory, for the tests of measurements."""

from __future__ import annotations

import numpy as np

from tessellar.kernels.correlation import INDEPENDENT, Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.mask_edge import edge_factor
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.runs import extract_runs
from tessellar.tiling.box import Box, Halo


def flat_noise(shape: tuple[int, int, int], sigma: float) -> NoiseModel:
    """Return noise that is the same everywhere."""
    lattice = NoiseLattice(shape)
    return NoiseModel(lattice, np.full(shape[0], sigma, np.float32), np.ones(lattice.cells, np.float32))


def box_of(mask: np.ndarray) -> Box:
    """Return the bounding box of a mask."""
    where = np.argwhere(mask)
    return Box(tuple(where.min(0).tolist()), tuple((where.max(0) + 1).tolist()))


def row_of(
    cube: np.ndarray,
    mask: np.ndarray,
    scale: FluxScale,
    sign: int = POSITIVE,
    noise: NoiseModel | None = None,
    correlation: Correlation = INDEPENDENT,
) -> dict[str, float]:
    """Measure the source that a mask holds; its noise is 0.5 everywhere unless another is given."""
    noise = noise or flat_noise(cube.shape, 0.5)
    runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), box_of(mask)
    window = box.grow(Halo.symmetric((1, 1, 1))).clip(Box.of_shape(cube.shape))
    around = Surroundings(cube.shape, scale, np.ones(cube.shape[0]), noise, correlation)
    gathering = Gathering(box, 1.0 if sign == POSITIVE else -1.0, around)
    gathering.begin(box)
    gathering.add(cube[window.slices()], window, runs)
    return dict(zip(MEASURED, gathering.row(runs).tolist(), strict=True))


def error_inside(row: dict[str, float], name: str, channels: int) -> float:
    """Return the error that a column has where a mask of so many channels is given, and noise decides nothing of it."""
    if name == "f_sum":
        return row["err_f_sum"]
    return row[f"err_{name}"] / edge_factor(
        name, row["f_sum"] / row["f_sum_corr"], row["snr"] / channels**0.5
    )
