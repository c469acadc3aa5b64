"""How good a network is: made-up skies that it never saw, denoised and searched, held against the truth.

    python -m benchmarks.validation.network [--weights FILE]

The tables go to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.denoised_skies import (
    LIKELY,
    SNR_EDGES,
    Circumstance,
    Sums,
    denoised,
    noise_only,
)
from benchmarks.validation.finding import Detections, detections
from tessellar.errors import TessellarError
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.network.unet import PRECISIONS, SHIPPED_NAME, UNet
from tessellar.kernels.smooth_clip import SmoothAndClip

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
    parser.add_argument("--skies", type=int, default=4, metavar="N", help="that are denoised")
    parser.add_argument(
        "--searched", type=int, default=6, metavar="N", help="skies that are searched; 0 searches none"
    )
    return parser


def _tables(kernel: UNet, asked: argparse.Namespace) -> Iterator[str]:
    shape, first = tuple(asked.shape), FIRST_SEED
    results = []
    for case in CIRCUMSTANCES:
        say(f"denoising: {case.name}")
        results.append((case.name, denoised(kernel, shape, range(first, first + asked.skies), case)))
    size = f"{asked.skies} skies of {' x '.join(map(str, shape))} voxels"
    yield from section(f"Squared error against the noisy cube, dB; {size}", _GAIN_HEAD, map(_gains, results))
    yield from section("Denoised over true flux, median (galaxies)", _FLUX_HEAD, map(_fluxes, results))
    yield from section("Errors and probabilities", _TRUST_HEAD, map(_trust, results))
    say("denoising noise alone")
    rms, peak, lit = noise_only(kernel, shape, first - 1)
    yield (
        f"Noise alone: the denoised cube has an rms of {rms:.3g} and a largest voxel of {peak:.3g} in units of the "
        f"noise; {lit:.2g} of its voxels are detected."
    )
    rows = list(_searches(kernel, shape, range(first, first + asked.searched))) if asked.searched else []
    title = f"Completeness above S/N 3 at the reliability that the truth tells; {asked.searched} skies"
    yield from section(title, ["", *(f"reliability {r:g}" for r in RELIABILITIES), "detections"], rows)


_GAIN_HEAD = [
    "",
    "everywhere",
    "in sources of S/N 2 to 25",
    "elsewhere",
    "Gaussian: everywhere",
    "in sources",
]
_FLUX_HEAD = [
    "",
    *(f"S/N {low:g} to {high:g}" for low, high in pairwise(SNR_EDGES)),
]
_TRUST_HEAD = ["", "rms of error over uncertainty, in sources", "calibration error", f"above p = {LIKELY:g}"]


def _gains(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    columns = ("everywhere", "sources", "elsewhere", "everywhere, smoothed", "sources, smoothed")
    return [name, *(f"{sums.gain(column):.1f}" for column in columns)]


def _fluxes(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    found = (sums.flux_ratio(*edges) for edges in pairwise(SNR_EDGES))
    return [name, *(f"{ratio:.2f} ({count})" for ratio, count in found)]


def _trust(result: tuple[str, Sums]) -> list[str]:
    name, sums = result
    spread = (sum(pull * pull for pull in sums.pulls) / max(len(sums.pulls), 1)) ** 0.5
    return [
        name,
        f"{spread:.2f}",
        f"{sums.calibration_error():.2g}",
        f"{sums.calibration_error(LIKELY):.2g}",
    ]


def _searches(kernel: UNet, shape: tuple[int, ...], seeds: range) -> Iterator[list[str]]:
    finders: list[tuple[str, SmoothAndClip | NetworkFinder]] = [
        *((f"smooth-and-clip, threshold {t:g}", SmoothAndClip(threshold=t)) for t in THRESHOLDS),
        *((f"unet, probability {p:g}", NetworkFinder(kernel, p)) for p in PROBABILITIES),
    ]
    for name, finder in finders:
        say(f"searching: {name}")
        z, x, y = shape
        yield _completeness(name, detections(finder, (z, x, y), seeds))


def _completeness(name: str, found: Detections) -> list[str]:
    true = int((found.galaxy > 0).sum())
    return [
        name,
        *(f"{found.completeness(reliability):.3f}" for reliability in RELIABILITIES),
        f"{found.snr.size}, {true} of them galaxies",
    ]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
