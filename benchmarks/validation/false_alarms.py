"""How often noise is taken for a source: made-up noise without a galaxy, and real cubes upside down.

    python -m benchmarks.validation.false_alarms [CUBE ...]

A galaxy is not negative, so what is found in a cube of changed sign is a fault of the noise, of the calibration or of
the finder; where continuum or bowls around bright emission are left in a cube, they are among it. The tables go to
standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

from benchmarks.bench import say
from benchmarks.markdown import section
from tessellar import api
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import TessellarError
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import Source
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Shape

THRESHOLDS = (3.5, 4.0, 5.0)
UPSIDE_DOWN = Preconditioning(invert=True)


def main(words: Sequence[str]) -> int:
    """Search where nothing is, and print what was found."""
    asked = _parser().parse_args(words)
    try:
        noise = list(_noise(asked.shape, asked.seeds))
        cubes = [_counts(cube.name, cube, UPSIDE_DOWN) for cube in asked.cubes]
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    head = ["", *(f"threshold {t:g}, all / kept" for t in THRESHOLDS)]
    title = f"Made-up noise, {' x '.join(map(str, asked.shape))} voxels"
    print("\n\n".join([*section(title, head, noise), *section("Real cubes upside down", head, cubes)]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.false_alarms", description=__doc__)
    parser.add_argument("cubes", type=Path, nargs="*", metavar="CUBE", help="real cubes to turn upside down")
    parser.add_argument("--shape", type=_shape, default=(256, 512, 512), metavar="Z,X,Y", help="of the noise")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2, 3], metavar="N", help="of the noise"
    )
    return parser


def _shape(word: str) -> Shape:
    z, x, y = (int(part) for part in word.split(","))
    return z, x, y


def _noise(shape: Shape, seeds: Sequence[int]) -> Iterator[list[str]]:
    rows = [_counts(f"seed {seed}", HiSky(shape, seed, n_sources=0)) for seed in seeds]
    yield from rows
    voxels = prod(shape) * len(seeds) / 1e9
    sums = [[sum(int(row[i].split(" / ")[k]) for row in rows) / voxels for k in (0, 1)] for i in (1, 2, 3)]
    yield ["for each Gvoxel", *(f"{every:.0f} / {kept:.1f}" for every, kept in sums)]


def _counts(name: str, cube: Source | Path, preconditioning: Preconditioning | None = None) -> list[str]:
    """Return how many detections there are at each threshold, and how many of them count as reliable."""
    row = [name]
    for threshold in THRESHOLDS:
        run = api.find_sources(
            cube,
            SmoothAndClip(threshold=threshold),
            reliability=Reliability(),
            preconditioning=preconditioning,
        )
        row.append(f"{run.info['n_detections']} / {run.info['n_sources']}")
        say(f"{name}: threshold {threshold:g}: {row[-1]}")
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
