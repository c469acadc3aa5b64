"""Fit how much more measurements scatter than the noise inside their masks makes them, and test what is fitted.

    python -m benchmarks.validation.mask_edges

Galaxies are simulated, each alone in fresh noise, with several beams, widths of channels and thresholds. The laws of
`tessellar.kernels.mask_edge` as these galaxies want them go to standard output, and then the widths of the pulls that
the laws as they are give to other galaxies of the same kinds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.biases import centre_and_scatter
from benchmarks.validation.lone_galaxies import LoneGalaxies
from tessellar.kernels.angle_noise import UNKNOWN
from tessellar.kernels.mask_edge import EDGE_LAWS, EdgeLaw
from tessellar.model import DoubleArray

KINDS = {
    "threshold 5": LoneGalaxies(501, 300, 3, 5.0),
    "threshold 4": LoneGalaxies(502, 300, 3, 4.0),
    "threshold 3.5": LoneGalaxies(503, 160, 3, 3.5),
    "beam 6 pixels": LoneGalaxies(504, 160, 3, 4.5, beam=6.0, flux_range=(70.0, 2000.0)),
    "beam 3 pixels, channels of 60 kHz": LoneGalaxies(505, 200, 3, 4.0, 3.0, 60e3, (25.0, 800.0)),
    "channels of 12 kHz": LoneGalaxies(506, 100, 3, 4.5, 4.0, 12e3, (60.0, 2000.0)),
}
"""The galaxies that the laws are fitted to; those that they are tested with have seeds 100 higher."""

TOGETHER = ({"x", "y"}, {"z"}, {"w20"}, {"w50"}, {"wm50"}, {"ell_pa"}, {"kin_pa"})
FAINTEST = 4.5  # true S/N below which nothing is fitted
EDGES = (5.0, 10.0, 20.0, np.inf)
_NEIGHBOURS = 20  # galaxies to either side in S/N, whose median is the bias of a line width
_FREEDOM = 4.0  # of Student's t, which a few large deviations do not impress
Measured = dict[str, DoubleArray]


def main(words: Sequence[str]) -> int:
    """Fit, test and print."""
    asked = _parser().parse_args(words)
    kinds = {name: replace(kind, count=max(1, int(kind.count * asked.part))) for name, kind in KINDS.items()}
    if not asked.test_only:
        samples = [sample for kind in kinds.values() if (sample := _made(kind))]
        laws = [(names, fitted(samples, names)) for names in TOGETHER]
        rows = [
            [", ".join(sorted(names)), *(f"{number:.2f}" for number in (law.at_all, law.faint, law.power))]
            for names, law in laws
        ]
        print("\n".join(section("Laws", ["columns", "at all", "faint", "power"], rows)))
    others = {name: replace(kind, seed=kind.seed + 100) for name, kind in kinds.items()}
    tests = (row for name, kind in others.items() for row in pull_rows(name, _made(kind)))
    print("\n".join(section("Widths of pulls", ["galaxies", "S/N", "rows", *EDGE_LAWS], tests)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.mask_edges", description=__doc__)
    parser.add_argument(
        "--part", type=float, default=1.0, metavar="SHARE", help="of the galaxies (default: 1)"
    )
    parser.add_argument("--test-only", action="store_true", help="fit nothing")
    return parser


def _made(kind: LoneGalaxies) -> Measured:
    say(f"galaxies of seed {kind.seed}")
    return kind.measured()


def fitted(samples: list[Measured], names: set[str]) -> EdgeLaw:
    """Return the law under which the deviations of some columns are likeliest, their pulls of unit width."""
    from scipy.optimize import minimize

    parts = [part for sample in samples for name in sorted(names) for part in _scaled(sample, name)]
    off, share, channel_snr = (np.concatenate([part[i] for part in parts]) for i in range(3))

    def factors(numbers: DoubleArray) -> DoubleArray:
        law = EdgeLaw(float(np.exp(numbers[0])), abs(float(numbers[1])), abs(float(numbers[2])))
        return np.array([law.factor(*one) for one in zip(share.tolist(), channel_snr.tolist(), strict=True)])

    def unlikely(numbers: DoubleArray) -> float:
        factor = factors(numbers)
        spread = 0.5 * (_FREEDOM + 1.0) * np.log1p((off / factor) ** 2 / _FREEDOM)
        return float((np.log(factor) + spread).mean())

    best = minimize(unlikely, np.array([0.3, 2.0, 1.0]), method="Nelder-Mead", options={"maxiter": 300}).x
    width = centre_and_scatter(off / factors(best))[1]
    return EdgeLaw(float(np.exp(best[0])) * width, abs(float(best[1])), abs(float(best[2])))


def _scaled(sample: Measured, name: str) -> Iterator[tuple[DoubleArray, DoubleArray, DoubleArray]]:
    """Yield deviations about their bias in units of the error inside, and what the law knows of each."""
    scaled = sample[f"off_{name}"] / sample[f"inside_{name}"]
    if name.startswith("w"):
        scaled = scaled - _running_median(scaled, sample["snr"])
    good = np.isfinite(scaled) & (sample["snr"] > FAINTEST)
    if name in UNKNOWN:
        good &= sample[f"err_{name}"] < UNKNOWN[name]
    yield scaled[good], sample["share"][good], sample["channel_snr"][good]


def _running_median(values: DoubleArray, along: DoubleArray) -> DoubleArray:
    order, median = np.argsort(along, kind="stable"), np.empty(values.size)
    for place, row in enumerate(order):
        median[row] = np.nanmedian(values[order[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1]])
    return median


def pull_rows(name: str, sample: Measured) -> Iterator[list[str]]:
    """Yield bias and width of the pulls in bins of the true S/N."""
    for low, high in pairwise(EDGES) if sample else ():
        inside = (sample["snr"] >= low) & (sample["snr"] < high)
        if not inside.any():
            continue
        pulls = (centre_and_scatter((sample[f"off_{c}"] / sample[f"err_{c}"])[inside]) for c in EDGE_LAWS)
        bin_name = f"{low:g}-{high:g}" if np.isfinite(high) else f"> {low:g}"
        yield [name, bin_name, str(int(inside.sum())), *(f"{m:.2f} ± {width:.2f}" for m, width in pulls)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
