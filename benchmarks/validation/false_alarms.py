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
from dataclasses import dataclass
from math import prod
from pathlib import Path

from benchmarks.bench import say
from benchmarks.markdown import section
from tessellar import api
from tessellar.errors import TessellarError
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import CubeMeta, FloatArray, Source
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box, Shape

THRESHOLDS = (3.5, 4.0, 5.0)


@dataclass(frozen=True)
class UpsideDown:
    """A cube with the sign of its voxels changed."""

    cube: Source

    @property
    def meta(self) -> CubeMeta:
        """That of the cube."""
        return self.cube.meta

    @property
    def identity(self) -> str:
        """That of the cube, turned."""
        return f"-({self.cube.identity})"

    @property
    def chunks(self) -> Shape | None:
        """That of the cube."""
        return self.cube.chunks

    @property
    def stored_bytes(self) -> int:
        """That of the cube."""
        return self.cube.stored_bytes

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box with their sign changed, float32 array (frequency, l, m)."""
        return -self.cube.read(box)


def main(words: Sequence[str]) -> int:
    """Search where nothing is, and print what was found."""
    asked = _parser().parse_args(words)
    try:
        noise = list(_noise(asked.shape, asked.seeds))
        cubes = [_counts(cube.name, UpsideDown(api.open_cube(cube))) for cube in asked.cubes]
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


def _counts(name: str, source: Source) -> list[str]:
    """Return how many detections there are at each threshold, and how many of them count as reliable."""
    row = [name]
    for threshold in THRESHOLDS:
        run = api.find_sources(source, SmoothAndClip(threshold=threshold), reliability=Reliability())
        row.append(f"{run.info['n_detections']} / {run.info['n_sources']}")
        say(f"{name}: threshold {threshold:g}: {row[-1]}")
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
