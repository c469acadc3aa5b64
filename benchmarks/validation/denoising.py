"""How good denoised cubes are: squared error, fluxes of galaxies, and what is made of noise alone.

    python -m benchmarks.validation.denoising [--skies N] [--also KERNEL]

Made-up skies are denoised by every classical kernel and held against the same skies without noise. The tables go to
standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tessellar as ts
from benchmarks.bench import say
from benchmarks.markdown import section
from tessellar import api
from tessellar.errors import TessellarError
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.denoise.registry import denoiser_of
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape

SOURCE_SNR = 0.5  # voxels whose truth exceeds this many times the noise are those of sources
SNR_EDGES = (2.0, 4.0, 8.0, 20.0, np.inf)  # of galaxies
BRIGHT_SHARE = 0.9  # of the flux of a galaxy, whose voxels are looked at

KERNELS: tuple[tuple[str, DenseKernel], ...] = (
    ("gaussian, fwhm_xy 3, width_z 3", ts.Gaussian()),
    ("gaussian, fwhm_xy 4, width_z 7", ts.Gaussian(4.0, 7.0)),
    ("starlet2d1d, threshold 3", ts.Starlet2D1D(threshold=3.0)),
    ("starlet2d1d, threshold 4", ts.Starlet2D1D()),
    ("starlet2d1d, threshold 5", ts.Starlet2D1D(threshold=5.0)),
    ("starlet2d1d, threshold 3, soft", ts.Starlet2D1D(threshold=3.0, shrink="soft")),
    ("starlet2d1d, threshold 4, coarse drop", ts.Starlet2D1D(coarse="drop")),
    ("matched, widths_z 3,7,15", ts.MatchedFilter()),
    ("matched, widths_z 7", ts.MatchedFilter((7,))),
    ("matched, widths_z 3,7,15, gain peak", ts.MatchedFilter(gain="peak")),
)


@dataclass(slots=True)
class Tally:
    """What a kernel did to all skies so far.

    Attributes
    ----------
    errors
        Squared error before and after, of all voxels and of those of sources, float64 array (2, 2).
    snr, ratios
        S/N of each galaxy, and its flux in the denoised cube as a share of the truth.
    noise
        What is left of noise alone, in units of it: rms, largest, share above 1, positive flux of a voxel.
    """

    errors: DoubleArray
    snr: list[float]
    ratios: list[float]
    noise: tuple[float, float, float, float] = (np.nan,) * 4

    def gain(self, part: int) -> str:
        """Return by how much the squared error fell, decibel."""
        return f"{10 * np.log10(self.errors[part, 0] / self.errors[part, 1]):.1f}"

    def flux(self, low: float, high: float) -> str:
        """Return the median flux of galaxies of an interval of S/N, and its scatter."""
        inside = [ratio for snr, ratio in zip(self.snr, self.ratios, strict=True) if low <= snr < high]
        if not inside:
            return "-"
        middle = float(np.median(inside))
        return f"{middle:.2f} ± {1.4826 * float(np.median(np.abs(np.array(inside) - middle))):.2f}"


def main(words: Sequence[str]) -> int:
    """Denoise skies, and print what came of it."""
    asked = _parser().parse_args(words)
    try:
        kernels = [*KERNELS, *((name, denoiser_of(name, {})) for name in asked.also)]
        skies = [HiSky(asked.shape, seed) for seed in range(asked.skies)]
        with TemporaryDirectory() as folder:
            tallies = {name: _judged(name, kernel, skies, Path(folder)) for name, kernel in kernels}
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"`python -m benchmarks.validation.denoising {' '.join(words)}`".replace(" `", "`"), end="\n\n")
    print("\n\n".join(_tables(tallies, len(skies), asked.shape)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.denoising", description=__doc__)
    parser.add_argument("--skies", type=int, default=4, metavar="N", help="how many skies with galaxies")
    parser.add_argument("--shape", type=int, nargs=3, default=(96, 160, 160), metavar=("Z", "X", "Y"))
    parser.add_argument(
        "--also", nargs="+", default=[], metavar="KERNEL", help="other kernels, by their names"
    )
    return parser


def _judged(name: str, kernel: DenseKernel, skies: Sequence[HiSky], folder: Path) -> Tally:
    tally = Tally(np.zeros((2, 2)), [], [])
    for sky in skies:
        cube, truth = (read(Box.of_shape(sky.shape)) for read in (sky.read, sky.read_galaxies))
        after = _denoised(kernel, sky, folder)
        sources = truth > SOURCE_SNR * sky.rms_jy
        for row, part in zip(tally.errors, (np.ones_like(sources), sources), strict=True):
            row += [float(((made - truth)[part].astype(np.float64) ** 2).sum()) for made in (cube, after)]
        for snr, ratio in _fluxes(sky, truth, after):
            tally.snr.append(snr)
            tally.ratios.append(ratio)
    quiet = HiSky(skies[0].shape, 1_000, n_sources=0) if skies else HiSky((8, 8, 8), n_sources=0)
    left = _denoised(kernel, quiet, folder).astype(np.float64) / quiet.rms_jy
    positive = float(np.maximum(left, 0.0).mean())
    tally.noise = (float(left.std()), float(left.max()), float((left > 1).mean()), positive)
    say(f"{name}: {tally.gain(0)} dB, {tally.gain(1)} dB in sources")
    return tally


def _denoised(kernel: DenseKernel, sky: HiSky, folder: Path) -> FloatArray:
    stored = folder / f"sky{sky.seed}.zarr"
    if not stored.exists():
        api.convert(sky, stored)
    quiet = api.denoise(stored, kernel, out=folder / "quiet.zarr", overwrite=True)
    return quiet.cube.read(Box.of_shape(sky.shape))


def _fluxes(sky: HiSky, truth: FloatArray, after: FloatArray) -> Iterator[tuple[float, float]]:
    """Yield the S/N of every galaxy and its flux as a share of the truth, over the voxels that hold most of it."""
    cube = Box.of_shape(sky.shape)
    for number, snr in enumerate(truth_table(sky)["snr"].tolist()):
        cubelet = sky.cubelet(number)
        inside = cubelet.box & cube
        if inside.empty:
            continue
        voxels = cubelet.voxels[inside.relative_to(cubelet.box.start).slices()]
        ordered = np.sort(voxels, axis=None)[::-1]
        faintest = ordered[int(np.searchsorted(np.cumsum(ordered), BRIGHT_SHARE * voxels.sum()))]
        mask = voxels >= faintest
        yield float(snr), float(after[inside.slices()][mask].sum() / truth[inside.slices()][mask].sum())


def _tables(tallies: dict[str, Tally], n_skies: int, shape: Shape) -> Iterator[str]:
    bins = list(pairwise(SNR_EDGES))
    head = ["kernel", "gain, dB", "in sources, dB", *(f"flux, S/N {_interval(*edges)}" for edges in bins)]
    rows = [
        [name, tally.gain(0), tally.gain(1), *(tally.flux(*edges) for edges in bins)]
        for name, tally in tallies.items()
    ]
    size = " x ".join(map(str, shape))
    yield from section(f"{n_skies} skies of {size} voxels", head, rows)
    head = ["kernel", "rms", "largest", "above 1, %", "positive flux of 1000 voxels"]
    rows = [
        [name, f"{rms:.3f}", f"{largest:.2f}", f"{100 * above:.3f}", f"{1000 * positive:.1f}"]
        for name, tally in tallies.items()
        for rms, largest, above, positive in [tally.noise]
    ]
    yield from section("Noise alone, in units of the noise", head, rows)


def _interval(low: float, high: float) -> str:
    return f"{low:g}-{high:g}" if np.isfinite(high) else f"> {low:g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
