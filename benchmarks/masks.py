"""What deblending and dilation do to the catalogue of simulated skies: how many are found, how many torn, what flux.

The tables of docs/finding.md are what `python -m benchmarks.masks` prints.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import tessellar as ts
from benchmarks.markdown import section
from tessellar.challenge.match import match
from tessellar.engine.find.product_files import Products
from tessellar.flags import DEBLENDED
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import DoubleArray, IntArray
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape

EDGES = (4.0, 6.0, 8.0, 12.0, 20.0, np.inf)
CHANNEL_HZ = 30e3
LINKER = Linker(min_size_xy=3, min_size_z=3)
FIXED: dict[str, Any] = {"dilation": Dilation(2, 2, -1.0)}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deblended": {"deblending": Deblending()},
    "dilated": {"dilation": Dilation()},
    "2 pixels, 2 channels": FIXED,
    "deblended, 2 pixels, 2 channels": {"deblending": Deblending(), **FIXED},
}


@dataclass(frozen=True, slots=True)
class Tally:
    """What runs over some skies found.

    Attributes
    ----------
    rows, matched
        Rows of the catalogues, and those that are a galaxy.
    parts, torn
        Parts that were separated, and those of a galaxy of which another part is a row already.
    snr, found
        True signal-to-noise ratio of every galaxy, and whether it was found.
    ratio_snr, ratio
        The same ratio of the galaxies that were found, and their flux over the true one.
    """

    rows: int
    matched: int
    parts: int
    torn: int
    snr: DoubleArray
    found: IntArray
    ratio_snr: DoubleArray
    ratio: DoubleArray

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        joined = (np.concatenate([getattr(self, n), getattr(other, n)]) for n in self.__slots__[4:])
        counts = (getattr(self, n) + getattr(other, n) for n in self.__slots__[:4])
        return Tally(*counts, *joined)


def tally(sky: HiSky, threshold: float, variant: str) -> Tally:
    """Find the galaxies of a sky and compare them with the truth."""
    truth = truth_table(sky)
    with TemporaryDirectory() as scratch:
        run = ts.find_sources(
            sky, SmoothAndClip(threshold=threshold), linker=LINKER, executor="serial", out=Path(scratch) / "run",
            products=Products(cubelets=0, maps=False, report=False), **VARIANTS[variant],
        )  # fmt: skip
        parts = np.flatnonzero(np.asarray(run.catalogue["flag"]) & DEBLENDED.bit)
        torn = _torn(sky, run.folder, parts) if parts.size else 0
    pairs = match(run.catalogue, truth).pairs
    snr, found = np.asarray(truth["snr"]), np.zeros(len(truth), np.int64)
    found[pairs.reference] = 1
    flux = run.catalogue["f_sum"].value[pairs.catalogue] / truth["f_sum"].value[pairs.reference]
    return Tally(
        len(run.catalogue), pairs.reference.size, parts.size, torn, snr, found, snr[pairs.reference], flux
    )


def _torn(sky: HiSky, folder: Path, parts: IntArray) -> int:
    """Return how many parts are of a galaxy that gave most of its flux to another part as well."""
    import zarr

    labels = np.asarray(zarr.open_array(folder / "mask.zarr" / "LABEL", mode="r"))[0, :, 0]
    most, owner = np.zeros(labels.max() + 1), np.full(labels.max() + 1, -1)
    for number in range(len(sky.population)):
        cubelet = sky.cubelet(number)
        inside = cubelet.box & Box.of_shape(sky.shape)
        if inside.empty:
            continue
        voxels = cubelet.voxels[inside.relative_to(cubelet.box.start).slices()].astype(np.float64)
        flux = np.bincount(labels[inside.slices()].ravel(), voxels.ravel(), len(most))
        owner[flux > most] = number
        most = np.maximum(most, flux)
    owners = owner[parts + 1]
    return int(owners.size - np.unique(owners).size)


def skies_of(shape: Shape, count: int, seeds: Iterable[int], channel_hz: float) -> list[HiSky]:
    """Return skies whose galaxies have the same fluxes in channels of any width."""
    low, high = (flux * CHANNEL_HZ / channel_hz for flux in (8.0, 1500.0))
    return [
        HiSky(shape, seed=seed, n_sources=count, channel_hz=channel_hz, flux_range=(low, high))
        for seed in seeds
    ]


def report(
    shape: Shape,
    counts: Iterable[int],
    seeds: Iterable[int],
    thresholds: Iterable[float],
    channel_hz: float = CHANNEL_HZ,
) -> str:
    """Return the tables as Markdown."""
    found: list[list[str]] = []
    fluxes: list[list[str]] = []
    for threshold in thresholds:
        for count in counts:
            for variant in VARIANTS:
                skies = skies_of(shape, count, seeds, channel_hz)
                total = tally(skies[0], threshold, variant)
                for sky in skies[1:]:
                    total += tally(sky, threshold, variant)
                print(f"{threshold:g} {count} {variant}", file=sys.stderr)
                name = [f"{threshold:g}", f"{count}", variant]
                found.append([*name, *_found_words(total)])
                fluxes.append([*name, *_flux_words(total)])
    bins = [f"{low:g}-{high:g}" if np.isfinite(high) else f"> {low:g}" for low, high in pairwise(EDGES)]
    head = ["threshold", "galaxies", "masks"]
    lines = section("Found", [*head, "rows", "reliability", "completeness", *bins, "parts", "torn"], found)
    return "\n".join([*lines, *section("Flux over the true flux", [*head, *bins], fluxes)])


def _bins(snr: DoubleArray) -> Iterator[IntArray]:
    for low, high in pairwise(EDGES):
        yield np.flatnonzero((snr >= low) & (snr < high))


def _found_words(total: Tally) -> list[str]:
    shares = (f"{int(total.found[rows].sum())}/{rows.size}" for rows in _bins(total.snr))
    return [
        str(total.rows), f"{total.matched / max(total.rows, 1):.3f}", f"{total.found.mean():.3f}", *shares,
        str(total.parts), str(total.torn),
    ]  # fmt: skip


def _flux_words(total: Tally) -> list[str]:
    words = []
    for rows in _bins(total.ratio_snr):
        ratio = total.ratio[rows]
        middle = float(np.median(ratio)) if ratio.size else np.nan
        scatter = 1.4826 * float(np.median(np.abs(ratio - middle))) if ratio.size else np.nan
        words.append(f"{middle:.2f} ± {scatter:.2f}")
    return words


def main(words: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser("python -m benchmarks.masks", description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[128, 256, 256], metavar="N", help="of a sky")
    parser.add_argument("--galaxies", type=int, nargs="+", default=[71, 213], metavar="N", help="in a sky")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[31, 32, 33, 34], metavar="N", help="of skies"
    )
    parser.add_argument("--thresholds", type=float, nargs="+", default=[4.0, 5.0], metavar="SIGMA")
    parser.add_argument("--channel-hz", type=float, default=CHANNEL_HZ, metavar="HZ")
    asked = parser.parse_args(words)
    z, x, y = asked.shape
    print(report((z, x, y), asked.galaxies, asked.seeds, asked.thresholds, asked.channel_hz))


if __name__ == "__main__":
    main(sys.argv[1:])
