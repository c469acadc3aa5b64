"""How good a network is: made-up skies that it never saw, denoised and searched, held against the truth.

    python -m benchmarks.validation.network [--weights FILE] [--sofia PATH]

The tables go to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.denoised_finder import Denoised, knowing_noise, noise_left
from benchmarks.validation.denoised_skies import (
    LIKELY,
    SNR_EDGES,
    Circumstance,
    Sums,
    beside,
    denoised,
    noise_only,
)
from benchmarks.validation.finding import Detections, detections, detections_of_sofia
from tessellar.errors import TessellarError
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.denoise.gaussian import Gaussian
from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.network.unet import PRECISIONS, SHIPPED_NAME, UNet
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Shape

CIRCUMSTANCES = (
    Circumstance("as trained (beam of 4 pixels)"),
    Circumstance("told 20 % too little noise", noise_factor=0.8),
    Circumstance("told 20 % too much noise", noise_factor=1.2),
    Circumstance("beam of 2.5 pixels", beam_pixels=2.5),
    Circumstance("beam of 6 pixels", beam_pixels=6.0),
    Circumstance("white noise", white=True),
)
THRESHOLDS = (3.5, 4.0, 5.0)
PROBABILITIES = (0.2, 0.4, 0.8)
GAUSSIANS = (Gaussian(), Gaussian(4.0, 7.0))
STARLETS = (2.0, 3.0, 4.0, 5.0)
LEAST_LEFT = 0.5  # of the noise, that a voxel must have once starlets were thresholded
RELIABILITIES = (0.8, 0.9, 0.95)
FIRST_SEED = 5000


def main(words: Sequence[str]) -> int:
    """Denoise and search the skies, and print how good it was."""
    asked = _parser().parse_args(words)
    try:
        kernel = UNet(weights=asked.weights, precision=asked.precision)
        for block in _tables(kernel, asked):
            print(block, end="\n\n", flush=True)
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.network", description=__doc__)
    parser.add_argument("--weights", default=SHIPPED_NAME, metavar="NAME|FILE", help="the network")
    parser.add_argument("--precision", default=PRECISIONS[0], choices=PRECISIONS, help="of its arithmetic")
    parser.add_argument("--shape", type=int, nargs=3, default=(96, 128, 128), metavar="N", help="of a sky")
    parser.add_argument("--skies", type=int, default=32, metavar="N", help="that are denoised")
    parser.add_argument(
        "--searched", type=int, default=16, metavar="N", help="skies that are searched; 0 searches none"
    )
    parser.add_argument("--sofia", type=Path, metavar="PATH", help="the program SoFiA-2, to search as well")
    return parser


def _tables(kernel: UNet, asked: argparse.Namespace) -> Iterator[str]:
    shape, first = tuple(asked.shape), FIRST_SEED
    seeds, results = range(first, first + asked.skies), []
    for case in CIRCUMSTANCES:
        say(f"denoising: {case.name}")
        results.append((case.name, denoised(kernel, shape, seeds, case)))
    size = f"{asked.skies} skies of {' x '.join(map(str, shape))} voxels"
    title = f"Squared error against the noisy cube, dB; {size}"
    yield from section(title, _GAIN_HEAD, map(_gains, results))
    rivals = ((name, beside(rival, shape, seeds, CIRCUMSTANCES[0])) for name, rival in _rivals(shape))
    yield from section(f"{title}, {CIRCUMSTANCES[0].name}", _GAIN_HEAD, [_gains(rival) for rival in rivals])
    yield from section("Denoised over true flux, median (galaxies)", _FLUX_HEAD, map(_fluxes, results))
    yield from section("Errors and probabilities", _TRUST_HEAD, map(_trust, results))
    say("denoising noise alone")
    left = noise_only(kernel, shape, first - 1)
    yield (
        f"Noise alone: the denoised cube has an rms of {left.rms:.3g} and a largest voxel of {left.peak:.3g} in units "
        f"of the noise; {left.lit:.2g} of its voxels are detected. What changes its sign from voxel to voxel has an "
        f"rms of {left.chequered:.2g}."
    )
    seeds = range(first, first + asked.searched)
    rows = list(_searches(kernel, shape, seeds, asked.sofia)) if asked.searched else []
    title = f"Completeness above S/N 3 at the reliability that the truth tells; {asked.searched} skies"
    yield from section(title, ["", *(f"reliability {r:g}" for r in RELIABILITIES), "detections"], rows)


_GAIN_HEAD = ["", "everywhere", "in sources of S/N 2 to 25", "elsewhere"]
_FLUX_HEAD = [
    "",
    *(f"S/N {low:g} to {high:g}" for low, high in pairwise(SNR_EDGES)),
]
_TRUST_HEAD = ["", "rms of error over uncertainty, in sources", "calibration error", f"above p = {LIKELY:g}"]


def _rivals(shape: Shape) -> Iterator[tuple[str, DenseKernel]]:
    """Yield other denoisers, each as it would go about these skies."""
    for gaussian in GAUSSIANS:
        yield f"gaussian, fwhm_xy {gaussian.fwhm_xy:g}, width_z {gaussian.width_z:g}", gaussian
    quiet = HiSky(shape, seed=FIRST_SEED - 1, n_sources=0)
    for threshold in STARLETS:
        yield f"starlet2d1d, threshold {threshold:g}", knowing_noise(Starlet2D1D(threshold=threshold), quiet)


def _gains(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    return [
        name,
        *("{:.2f} ± {:.2f}".format(*sums.gain(part)) for part in ("everywhere", "sources", "elsewhere")),
    ]


def _fluxes(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    return [name, *("{:.2f} ± {:.2f} ({})".format(*sums.flux_ratio(*edges)) for edges in pairwise(SNR_EDGES))]


def _trust(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    spread = (sum(pull * pull for pull in sums.pulls) / max(len(sums.pulls), 1)) ** 0.5
    return [
        name,
        f"{spread:.2f}",
        f"{sums.calibration_error():.2g}",
        f"{sums.calibration_error(LIKELY):.2g}",
    ]


def _searches(kernel: UNet, shape: Shape, seeds: range, sofia: Path | None) -> Iterator[list[str]]:
    quiet = HiSky(shape, seed=FIRST_SEED - 1, n_sources=0)
    gaussian = GAUSSIANS[-1]
    left = noise_left(gaussian, quiet)
    finders: list[tuple[str, SmoothAndClip | NetworkFinder]] = [
        *((f"gaussian, above {t:g} of its noise", _above(gaussian, t * left)) for t in THRESHOLDS),
        *((f"starlet, threshold {t:g}", _above(_starlet(t, quiet), LEAST_LEFT)) for t in STARLETS),
        *((f"smooth-and-clip, threshold {t:g}", SmoothAndClip(threshold=t)) for t in THRESHOLDS),
        *((f"unet, probability {p:g}", NetworkFinder(kernel, p)) for p in PROBABILITIES),
        *((f"unet or smooth-and-clip 5, probability {p:g}", _both(kernel, p)) for p in PROBABILITIES[1:]),
    ]
    for name, finder in finders:
        say(f"searching: {name}")
        yield _completeness(name, detections(finder, shape, seeds))
    for threshold in THRESHOLDS if sofia is not None else ():
        assert sofia is not None
        say(f"searching: SoFiA-2, threshold {threshold:g}")
        found = detections_of_sofia(sofia, SmoothAndClip(threshold=threshold), shape, seeds)
        yield _completeness(f"SoFiA-2, threshold {threshold:g}", found)


def _starlet(threshold: float, quiet: HiSky) -> DenseKernel:
    return knowing_noise(Starlet2D1D(threshold=threshold, coarse="drop"), quiet)


def _above(kernel: DenseKernel, level: float) -> NetworkFinder:
    return NetworkFinder(Denoised(kernel, level))  # type: ignore[arg-type]


def _both(kernel: UNet, probability: float) -> NetworkFinder:
    return NetworkFinder(kernel, probability, both=True)


def _completeness(name: str, found: Detections) -> list[str]:
    true = int((found.galaxy > 0).sum())
    return [
        name,
        *(f"{found.completeness(reliability):.3f}" for reliability in RELIABILITIES),
        f"{found.snr.size}, {true} of them galaxies",
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
