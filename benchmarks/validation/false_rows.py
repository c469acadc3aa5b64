"""What rows are that match no galaxy: noise, several galaxies in one mask, or a piece of a galaxy of another row.

The table of docs/validation.md is what `python -m benchmarks.validation.false_rows` prints.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tessellar as ts
from benchmarks.markdown import section
from benchmarks.patch import SkyPatch
from benchmarks.validation.known_skies import labels_of
from benchmarks.validation.sofia import SETTINGS
from tessellar.challenge.match import match
from tessellar.engine.find.product_files import Products
from tessellar.kernels.deblend import Deblending
from tessellar.model import DoubleArray, IntArray
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape

NOISE, BLEND, PIECE, APART = "noise", "several galaxies", "piece of a galaxy", "one galaxy, apart from it"
KINDS = (NOISE, BLEND, PIECE, APART)
SETTING = SETTINGS[1]
_LEAST = 0.2  # of the flux of a row: less, and the galaxies are not what was found
_SECOND = 0.05  # of what galaxies have in a mask: more, and the second one counts


def false_rows(sky: HiSky, deblending: Deblending | None) -> tuple[int, Counter[str]]:
    """Return how many rows a sky gives, and of what kind those are that match no galaxy."""
    recipes, box = SETTING.recipes, Box.of_shape(sky.shape)
    with TemporaryDirectory() as folder:
        run = ts.find_sources(
            SkyPatch(sky.read(box), sky.meta), recipes.finder, linker=recipes.linker, executor="serial",
            reliability=recipes.reliability, deblending=deblending, out=Path(folder) / "run",
            products=Products(cubelets=0, maps=False, report=False),
        )  # fmt: skip
        flux = _flux_by_row(sky, labels_of(Path(folder) / "run"), len(run.catalogue))
    pairs = match(run.catalogue, truth_table(sky)).pairs
    unmatched = np.setdiff1d(np.arange(len(run.catalogue)), pairs.catalogue)
    found = run.catalogue["mean"].value * run.catalogue["n_pix"]
    return len(run.catalogue), Counter(kind_of(flux, int(row), float(found[row])) for row in unmatched)


def kind_of(flux: DoubleArray, row: int, found: float) -> str:
    """Return what a row is.

    Parameters
    ----------
    flux
        What each galaxy has in the mask of each row, float64 array (row, galaxy).
    row
        Which one.
    found
        The sum of its voxels.
    """
    inside = np.sort(flux[row])[::-1]
    if inside.sum() < _LEAST * found:
        return NOISE
    if len(inside) > 1 and inside[1] > _SECOND * inside.sum():
        return BLEND
    return APART if flux[:, flux[row].argmax()].argmax() == row else PIECE


def _flux_by_row(sky: HiSky, labels: IntArray, rows: int) -> DoubleArray:
    flux = np.zeros((rows, len(sky.population)))
    for number in range(len(sky.population)):
        cubelet = sky.cubelet(number)
        inside = cubelet.box & Box.of_shape(sky.shape)
        voxels = cubelet.voxels[inside.relative_to(cubelet.box.start).slices()].astype(np.float64)
        flux[:, number] = np.bincount(labels[inside.slices()].ravel(), voxels.ravel(), rows + 1)[1:]
    return flux


def report(shape: Shape, galaxies: int, seeds: Iterable[int]) -> str:
    """Return the table as Markdown."""
    return "\n".join(
        section(
            f"Rows that match no galaxy, {SETTING.name}",
            ["masks", "rows", *KINDS],
            _rows(shape, galaxies, seeds),
        )
    )


def _rows(shape: Shape, galaxies: int, seeds: Iterable[int]) -> Iterator[list[str]]:
    skies = [HiSky(shape, seed, n_sources=galaxies) for seed in seeds]
    for name, recipe in (("plain", None), ("deblended", Deblending())):
        total, kinds = 0, Counter[str]()
        for sky in skies:
            n, found = false_rows(sky, recipe)
            total, kinds = total + n, kinds + found
        yield [name, str(total), *(str(kinds[kind]) for kind in KINDS)]


def main(words: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.false_rows", description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[256, 384, 384], metavar="N", help="of a sky")
    parser.add_argument("--galaxies", type=int, default=141, metavar="N", help="in a sky")
    parser.add_argument("--seeds", type=int, nargs="+", default=[60, 61, 62, 63, 64], metavar="N")
    asked = parser.parse_args(words)
    z, x, y = asked.shape
    print(report((z, x, y), asked.galaxies, asked.seeds))


if __name__ == "__main__":
    main(sys.argv[1:])
