"""Whether a galaxy that lies across borders of tiles is listed twice: one tile beside many, on a field of known truth.

    python -m benchmarks.validation.sdc2_tiles

The score of SKA Data Challenge 2 does not punish a source that is listed twice, so it is counted here: rows that stand
for the same true source, within the reach of the scorer, and those near a true source that are too unlike it. Tables go
to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.table import QTable

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.contest import CUBE, TRUTH
from benchmarks.validation.sdc2_fields import FIRST_HZ, field_parser, search
from tessellar import api
from tessellar.challenge.sdc2.field import rows_in_band
from tessellar.challenge.sdc2.matches import find_matches
from tessellar.challenge.sdc2.score import BEAM_ARCSEC
from tessellar.challenge.tables import read_table
from tessellar.engine.find.product_files import Products
from tessellar.errors import TessellarError
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import read_truth, sdc2_table
from tessellar.tiling.box import Shape

TILES: tuple[Shape, ...] = ((96, 96, 96), (64, 48, 48), (40, 32, 24))
_BOUNDS = (("z_min", "z_max"), ("x_min", "x_max"), ("y_min", "y_max"))


@dataclass(frozen=True, slots=True)
class Twice:
    """A true source that several rows stand for.

    Attributes
    ----------
    galaxy
        Its number.
    snr, channels
        Its signal-to-noise ratio, and its line width in channels.
    rows
        Which rows of the submission.
    apart_arcsec, apart_channels
        The largest distances between them.
    """

    galaxy: int
    snr: float
    channels: float
    rows: tuple[int, ...]
    apart_arcsec: float
    apart_channels: float


def main(words: Sequence[str]) -> int:
    """Make a field, search it as one tile and as many, and print what is listed twice."""
    asked = _parser().parse_args(words)
    rows: list[list[str]] = []
    doubles: dict[tuple[str, str, int], list[str]] = {}
    print(f"`python -m benchmarks.validation.sdc2_tiles {shlex.join(words)}`\n")
    try:
        for seed in asked.seeds:
            sky = Sdc2Sky(
                asked.shape, seed, density=asked.density, rms_jy=asked.rms_jy, first_frequency_hz=FIRST_HZ
            )
            with TemporaryDirectory() as scratch:
                folder = Path(scratch)
                api.simulate(sky, folder / CUBE)
                for deblend in (False, True):
                    for row, twice in one_way(folder, sky.shape, deblend):
                        rows.append([str(seed), *row])
                        say(" | ".join(rows[-1]))
                        key = (str(seed), _yes(deblend))
                        doubles |= {(*key, one.galaxy): [*key, *_about(one)] for one in twice}
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    head = ["seed", "--deblend", "tile", "rows", "across a border", "across two axes or more", "across three"]
    head += ["galaxies", "listed twice", "rows too many", "too unlike one", "catalogue of one tile"]
    print("\n".join(section("One tile and many", head, rows)))
    head = ["seed", "--deblend", "galaxy", "S/N", "w20, channels", "rows", "apart, arcsec", "apart, channels"]
    print("\n".join(section("Listed twice", head, doubles.values())))
    return 0


def one_way(folder: Path, shape: Shape, deblend: bool) -> Iterator[tuple[list[str], list[Twice]]]:
    """Yield what each tiling finds in the cube of a folder, with the galaxies that it lists twice."""
    truth = read_truth(folder / TRUTH)
    whole: QTable | None = None
    for number, tile in enumerate((shape, *TILES)):
        name = f"run{number}{deblend}"
        run = search(
            folder, name, deblend=deblend, tile=tile, products=Products(cubelets=0, mask=False, maps=False)
        )
        api.export(run, folder / f"{name}.txt", format="sdc2")
        submitted = read_table(folder / f"{name}.txt")
        twice = listed_twice(submitted, truth)
        true = rows_in_band(sdc2_table(truth), BEAM_ARCSEC, "The truth")
        pairs = find_matches(rows_in_band(submitted, BEAM_ARCSEC, name), true)
        crossed = axes_crossed(run.catalogue, tile)
        whole = run.catalogue if whole is None else whole
        row = [_yes(deblend), " x ".join(map(str, tile)), str(len(run.catalogue))]
        row += [str(int(np.count_nonzero(crossed >= axes))) for axes in (1, 2, 3)]
        row += [
            str(np.unique(pairs.true).size),
            str(len(twice)),
            str(sum(len(one.rows) - 1 for one in twice)),
        ]
        row += [str(pairs.n_rejected)]
        yield [*row, "the same" if same_rows(run.catalogue, whole) else "ANOTHER"], twice


def listed_twice(submitted: QTable, truth: QTable) -> list[Twice]:
    """Return the true sources that several rows of a submission stand for."""
    ours = rows_in_band(submitted, BEAM_ARCSEC, "The submission")
    true = rows_in_band(sdc2_table(truth), BEAM_ARCSEC, "The truth")
    pairs = find_matches(ours, true)
    snr = np.asarray(truth["snr"])
    known = {int(number): row for row, number in enumerate(truth["id"])}
    found = []
    for galaxy in np.unique(pairs.true[pairs.sharers > 1]).tolist():
        rows = pairs.submitted[pairs.true == galaxy]
        if rows.size < 2:  # the others are too unlike it, and count as false
            continue
        place = 3600.0 * np.stack(
            [ours["ra"][rows] * np.cos(np.radians(ours["dec"][rows])), ours["dec"][rows]]
        )
        channel = truth.meta["channel_hz"]
        found.append(
            Twice(
                int(true.id[galaxy]),
                float(snr[known[int(true.id[galaxy])]]),
                float(true.spectral_size[galaxy] / channel),
                tuple((rows + 1).tolist()),
                float(np.hypot(*np.ptp(place, axis=1))),
                float(np.ptp(ours["central_freq"][rows]) / channel),
            )
        )
    return found


def axes_crossed(catalogue: QTable, tile: Shape) -> np.ndarray:
    """Return along how many axes the box of each source lies across a border of tiles, int64 array (row)."""
    across = np.zeros(len(catalogue), dtype=np.int64)
    for (first, last), length in zip(_BOUNDS, tile, strict=True):
        ends = [np.asarray(getattr(catalogue[name], "value", catalogue[name])) for name in (first, last)]
        across += ends[0] // length != ends[1] // length
    return across


def same_rows(one: QTable, other: QTable) -> bool:
    """Return whether two catalogues hold the same numbers to the bit."""
    return one.colnames == other.colnames and all(
        np.array_equal(np.asarray(one[name]), np.asarray(other[name]), equal_nan=one[name].dtype.kind == "f")
        for name in one.colnames
    )


def _parser() -> argparse.ArgumentParser:
    parser = field_parser("sdc2_tiles", __doc__)
    parser.set_defaults(shape=(256, 288, 288), seeds=[1, 2])
    parser.add_argument(
        "--density", type=float, default=60.0, metavar="X", help="times the galaxies of the challenge"
    )
    parser.add_argument(
        "--rms-jy", type=float, default=0.0, metavar="X", help="noise, Jy/beam; 0 for that of the challenge"
    )
    return parser


def _yes(deblend: bool) -> str:
    return "yes" if deblend else "no"


def _about(one: Twice) -> list[str]:
    rows = " and ".join(map(str, one.rows))
    apart = [f"{one.apart_arcsec:.1f}", f"{one.apart_channels:.1f}"]
    return [str(one.galaxy), f"{one.snr:.1f}", f"{one.channels:.0f}", rows, *apart]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
