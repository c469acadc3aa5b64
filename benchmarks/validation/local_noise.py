"""What following local noise costs where there is none, and wins where there is: simulated skies, with and without.

The noisy skies are the same skies, multiplied by three in one corner of sky and band, which is no spectrum times a map.
The table of docs/finding.md is what `python -m benchmarks.validation.local_noise` prints.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

import numpy as np

import tessellar as ts
from benchmarks.markdown import section
from benchmarks.patch import SkyPatch
from tessellar.challenge.match import match
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape

MODES = {
    "product": ts.Preconditioning(),
    "local": ts.Preconditioning(scale_noise="local"),
    "local, linear": ts.Preconditioning(scale_noise="local", scale_noise_interpolate=True),
}
_LINKER = Linker(min_size_xy=3, min_size_z=3)


def report(shape: Shape, seeds: Iterable[int], threshold: float) -> str:
    """Return the table as Markdown: all detections, and those with a reliability of 0.9."""
    rows = []
    for name, factor in (("even", 1.0), ("noisy corner", 3.0)):
        skies = [_sky(shape, seed, factor) for seed in seeds]
        for mode, recipe in MODES.items():
            every, reliable = (
                np.sum([_counts(sky, truth, threshold, recipe, cut) for sky, truth in skies], axis=0)
                for cut in (None, Reliability(0.9))
            )
            rows.append([name, mode, *_words(every), *_words(reliable)])
    head = ["noise", "mode", "detections", "that are galaxies", "found", "rows", "that are galaxies", "found"]
    return "\n".join(section("Local noise", head, rows))


def _sky(shape: Shape, seed: int, factor: float) -> tuple[SkyPatch, object]:
    sky = HiSky(shape, seed=seed)
    voxels = sky.read(Box.of_shape(shape)).copy()
    z, x, y = (n // 2 for n in shape)
    voxels[:z, :x, :y] *= np.float32(factor)
    return SkyPatch(voxels, sky.meta), truth_table(sky)


def _counts(
    sky: SkyPatch, truth: object, threshold: float, recipe: ts.Preconditioning, cut: Reliability | None
) -> tuple[int, int, int]:
    run = ts.find_sources(
        sky,
        SmoothAndClip(threshold=threshold),
        linker=_LINKER,
        reliability=cut,
        preconditioning=recipe,
        executor="serial",
    )
    return len(run.catalogue), match(run.catalogue, truth).pairs.reference.size, len(truth)  # type: ignore[arg-type]


def _words(counts: Iterable[int]) -> list[str]:
    rows, matched, true = counts
    return [str(rows), f"{matched / max(rows, 1):.3f}", f"{matched / true:.3f}"]


def main(words: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.local_noise", description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[128, 192, 192], metavar="N", help="of a sky")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[41, 42, 43, 44], metavar="N", help="of skies"
    )
    parser.add_argument("--threshold", type=float, default=4.0, metavar="SIGMA")
    asked = parser.parse_args(words)
    z, x, y = asked.shape
    print(report((z, x, y), asked.seeds, asked.threshold))


if __name__ == "__main__":
    main(sys.argv[1:])
