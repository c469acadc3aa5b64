"""Made-up skies that are searched, and what was measured of every galaxy beside what is true of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tessellar as ts
from benchmarks.patch import SkyPatch
from tessellar.challenge.match import match
from tessellar.engine.find.product_files import Products
from tessellar.flags import NEIGHBOUR, SPATIAL_EDGE, SPECTRAL_EDGE
from tessellar.io.mask_zarr import LABEL
from tessellar.kernels.line_width import mean_line_width
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import GAUSSIAN_AREA, DoubleArray, IntArray
from tessellar.simulate.hi import HiSky
from tessellar.simulate.measured import line_width
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape

MEASURED = (
    "x", "y", "z", "err_x", "err_y", "err_z", "f_sum", "f_sum_corr", "err_f_sum", "w20", "w50", "wm50", "err_w20",
    "err_w50", "err_wm50", "ell_pa", "err_ell_pa", "kin_pa", "err_kin_pa",
)  # fmt: skip
"""Columns of the catalogue that are kept."""

TRUE = ("x", "y", "z", "f_sum", "snr", "pa", "i", "w20")
"""What the truth says of a galaxy; its name has ``true_`` in front, as have those of its ``w50`` and ``wm50``."""

INSIDE = ("f_sum", "own")
"""The flux of all galaxies inside the mask that was found, and what part of it is the one's; ``mask_`` is in front."""

LEAST_OWN = 0.99  # part of the flux in a mask that is of its galaxy: with less, another one moves its centre
_PRODUCTS = Products(cubelets=0, maps=False, report=False)


@dataclass(frozen=True, slots=True)
class Survey:
    """Skies that differ in their seed only.

    Parameters
    ----------
    shape
        Of each, ``(frequency, l, m)``.
    skies
        How many.
    threshold
        Of the finder.
    """

    shape: Shape
    skies: int
    threshold: float


def matched_galaxies(survey: Survey) -> dict[str, DoubleArray]:
    """Return the galaxies that were found and stand alone, away from the edges, float64 arrays (galaxy) by name.

    Of those, the flux in the mask is their own, but for a hundredth.
    """
    rows: dict[str, list[DoubleArray]] = {}
    for seed in range(survey.skies):
        for name, values in _one_sky(HiSky(survey.shape, seed=1000 + seed), survey.threshold).items():
            rows.setdefault(name, []).append(values)
    every = {name: np.concatenate(values) for name, values in rows.items()}
    pure = every["mask_own"] >= LEAST_OWN
    return {name: values[pure] for name, values in every.items()}


def _one_sky(sky: HiSky, threshold: float) -> dict[str, DoubleArray]:
    patch = SkyPatch(sky.read(Box.of_shape(sky.shape)), sky.meta)
    with TemporaryDirectory() as folder:
        run = ts.find_sources(
            patch,
            SmoothAndClip(threshold=threshold),
            products=_PRODUCTS,
            executor="serial",
            out=Path(folder) / "run",
        )
        table, truth = run.catalogue, truth_table(sky)
        pairs = match(table, truth).pairs
        flags = np.asarray(table["flag"])[pairs.catalogue]
        alone = (flags & (NEIGHBOUR.bit | SPATIAL_EDGE.bit | SPECTRAL_EDGE.bit)) == 0
        ours, theirs = pairs.catalogue[alone], pairs.reference[alone]
        found = {name: _plain(table[name])[ours] for name in MEASURED}
        known = {f"true_{name}": _plain(truth[_TRUTH.get(name, name)])[theirs] for name in TRUE}
        lines = [sky.cubelet(number).voxels.sum(axis=(1, 2), dtype=np.float64) for number in theirs.tolist()]
        known["true_w50"] = np.array([line_width(line, 0.5) * sky.channel_hz for line in lines])
        known["true_wm50"] = np.array([_mean_width(line) * sky.channel_hz for line in lines])
        inside = list(_inside(sky, labels_of(Path(folder) / "run"), ours + 1, theirs))
    seen = {f"mask_{name}": np.array([one[name] for one in inside]) for name in INSIDE}
    return found | known | seen


_TRUTH = {"w20": "w20_freq"}


def _plain(column: object) -> DoubleArray:
    return np.asarray(getattr(column, "value", column), dtype=np.float64)


def _mean_width(line: DoubleArray) -> float:
    return mean_line_width(line, np.arange(line.size, dtype=np.float64), 0).value


def labels_of(folder: Path) -> IntArray:
    """Return the mask of a run, int64 array (frequency, l, m): the row of the catalogue, counted from 1, or 0."""
    import zarr

    labels = zarr.open_array(folder / "mask.zarr" / LABEL, mode="r")
    return np.asarray(labels[0, :, 0], dtype=np.int64)


def _inside(sky: HiSky, labels: IntArray, rows: IntArray, galaxies: IntArray) -> Iterator[dict[str, float]]:
    """Yield the noiseless flux inside the mask of some rows, counted from 1, and what part of it is their galaxy's."""
    from scipy import ndimage

    clean = sky.read_galaxies(Box.of_shape(sky.shape))
    per_voxel = sky.channel_hz / (GAUSSIAN_AREA * sky.sampling.beam_pixels**2)
    boxes = ndimage.find_objects(labels)
    for row, galaxy in zip(rows.tolist(), galaxies.tolist(), strict=True):
        part = boxes[row - 1]
        total = clean[part].sum(where=labels[part] == row, dtype=np.float64)
        cubelet = sky.cubelet(galaxy)
        inside = cubelet.box & Box.of_shape(sky.shape)
        own = cubelet.voxels[inside.relative_to(cubelet.box.start).slices()]
        share = own.sum(where=labels[inside.slices()] == row, dtype=np.float64) / total
        yield {"f_sum": total * per_voxel, "own": share}
