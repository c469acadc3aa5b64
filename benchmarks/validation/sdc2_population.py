"""Made-up fields beside SKA Data Challenge 2: their galaxies, the flux in their voxels, the power of their noise.

    python -m benchmarks.validation.sdc2_population --sdc2-data DIR --figure docs/images/sdc2_population.png

The tables go to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.markdown import section
from tessellar.errors import TessellarError
from tessellar.model import GAUSSIAN_AREA, DoubleArray
from tessellar.simulate.sdc2.files import CATALOGUE, folder_of
from tessellar.simulate.sdc2.noise import expected_rms
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import sdc2_table, truth_table
from tessellar.tiling.box import Box

COLUMNS = ("hi_size", "line_flux_integral", "central_freq", "pa", "i", "w20")
_LOGARITHMIC = ("hi_size", "line_flux_integral", "w20")
_NOISE_SHAPE = (16, 256, 256)


def main(words: Sequence[str]) -> int:
    """Make the fields, and print how they differ from the challenge's."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.sdc2_population", description=__doc__)
    parser.add_argument(
        "--sdc2-data", default="", metavar="DIR", help="folder with the challenge's public files"
    )
    parser.add_argument("--shape", default="6668,643,643", metavar="Z,X,Y", help="of a field")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="where to draw the distributions")
    asked = parser.parse_args(words)
    z, x, y = (int(part) for part in asked.shape.split(","))
    try:
        print("\n".join(_report((z, x, y), folder_of(asked.sdc2_data), asked.figure)))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _report(shape: tuple[int, int, int], folder: str, figure: Path | None) -> Iterator[str]:
    official = _official(Path(folder) / CATALOGUE)
    fields = {
        name: Sdc2Sky(shape, seed=1, population=name, sdc2_data=folder) for name in ("sdc2", "mass-function")
    }
    truths = {name: {column: _plain(table[column]) for column in COLUMNS} for name, table in _tables(fields)}
    rows = [
        [
            f"`{name}`",
            f"{fields[name].count:,}",
            *(f"{_distance(official[c], found[c]):.3f}" for c in COLUMNS),
        ]
        for name, found in truths.items()
    ]
    head = ["population", "galaxies", *(f"`{name}`" for name in COLUMNS)]
    yield from section(
        f"KS distance to the {official['pa'].size:,} rows of the official catalogue", head, rows
    )
    yield from section("Flux and noise", ["check", "found / expected"], _checks(folder))
    if figure is not None:
        _draw(official, truths, figure)


def _official(path: Path) -> dict[str, DoubleArray]:
    from astropy.table import Table

    table = Table.read(path, format="ascii")
    return {name: _plain(table[name]) for name in COLUMNS}


def _tables(fields: dict[str, Sdc2Sky]) -> Iterator[tuple[str, dict[str, DoubleArray]]]:
    for name, sky in fields.items():
        yield name, sdc2_table(truth_table(sky))


def _plain(column: object) -> DoubleArray:
    return np.asarray(column, dtype=np.float64)


def _distance(a: DoubleArray, b: DoubleArray) -> float:
    from scipy.stats import ks_2samp

    return float(ks_2samp(a, b).statistic)


def _checks(folder: str) -> Iterator[list[str]]:
    for shapes in ("discs", "atlas"):
        sky = Sdc2Sky((256, 256, 256), seed=1, density=10.0, shapes=shapes, sdc2_data=folder)
        area = GAUSSIAN_AREA * sky.sampling.beam_pixels**2
        found = sky.read_galaxies(Box.of_shape(sky.shape)).sum(dtype=np.float64) / area * sky.channel_hz
        known = truth_table(sky)["f_sum"].to_value("Jy Hz").sum()
        yield [f"flux of all voxels, {shapes}", f"{found / known:.5f}"]
    sky = Sdc2Sky(_NOISE_SHAPE, seed=1, density=0.0, edge_noise=1.0)
    voxels = sky.read(Box.of_shape(sky.shape)).astype(np.float64)
    frequency = sky.first_frequency_hz + sky.channel_hz * np.arange(sky.shape[0], dtype=np.float64)
    yield ["rms of the noise", f"{voxels.std() / expected_rms(frequency, sky.channel_hz).mean():.4f}"]
    for low, high, ratio in _power(replace(sky, rms_jy=1.0)):
        yield [f"power of the noise, {low:.2f} to {high:.2f} cycles a pixel", f"{ratio:.3f}"]


def _power(sky: Sdc2Sky) -> Iterator[tuple[float, float, float]]:
    """Yield the power of the noise over that of noise with the correlation of the beam, by spatial frequency."""
    voxels = sky.read(Box.of_shape(sky.shape)).astype(np.float64)
    window = np.hanning(voxels.shape[1])[:, np.newaxis] * np.hanning(voxels.shape[2])
    power = (np.abs(np.fft.fft2(voxels * window)) ** 2).mean(axis=0) / (window**2).sum()
    k = np.hypot(np.fft.fftfreq(voxels.shape[1])[:, np.newaxis], np.fft.fftfreq(voxels.shape[2]))
    variance = (sky.sampling.beam_pixels / 2.354820045) ** 2
    expected = (
        2.0 * np.pi * variance * np.exp(-2.0 * np.pi**2 * variance * k**2)
    )  # of a correlation exp(-r²/2 s²)
    for low, high in ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3)):
        ring = (k >= low) & (k < high)
        yield low, high, float((power[ring] / expected[ring]).mean())


def _draw(official: dict[str, DoubleArray], truths: dict[str, dict[str, DoubleArray]], path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(11.0, 5.4), layout="constrained")
    for ax, name in zip(figure.subplots(2, 3).ravel(), COLUMNS, strict=True):
        own = official[name]
        spaced = np.geomspace if name in _LOGARITHMIC else np.linspace
        edges = spaced(own.min(), own.max(), 31)
        ax.hist(own, edges, density=True, color="0.8", label="official catalogue")
        for label, found in truths.items():
            ax.hist(found[name], edges, density=True, histtype="step", lw=1.5, label=label)
        ax.set_xlabel(name)
        ax.set_yticks([])
        if name in _LOGARITHMIC:
            ax.set_xscale("log")
            ax.xaxis.set_minor_formatter(NullFormatter())
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
