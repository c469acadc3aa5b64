"""How far the columns of a submission to SKA Data Challenge 2 lie from the truth, and how far in units of their errors.

    python -m benchmarks.validation.sdc2_errors --sdc2-data DIR

Fields of known truth are made and searched; a row counts if it alone stands for its galaxy. Every entry is the median
and the scatter (1.4826 times the median absolute deviation). The tables go to standard output as Markdown.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.table import QTable

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.biases import Galaxies, bins, centre_and_scatter
from benchmarks.validation.contest import CUBE, TRUTH
from benchmarks.validation.sdc2_fields import ATLAS, DISCS, field_parser, search
from tessellar import api
from tessellar.challenge.sdc2.field import ARCSEC_PER_RADIAN, Rows, rows_in_band
from tessellar.challenge.sdc2.matches import find_matches
from tessellar.challenge.sdc2.score import BEAM_ARCSEC
from tessellar.challenge.tables import read_table
from tessellar.errors import TessellarError
from tessellar.model import DoubleArray
from tessellar.simulate.sdc2.files import folder_of
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import read_truth, sdc2_table

RATIOS = {"line_flux_integral": "flux", "hi_size": "hi_size", "w20": "w20"}
OFFSETS = {
    "pa": ("pa", 1.0, "degrees"),
    "i": ("i", 1.0, "degrees"),
    "central_freq": ("central_freq", 1e3, "kHz"),
    "ra": ("ra", 1.0, "arcsec"),
    "dec": ("dec", 1.0, "arcsec"),
}
"""Their names, their divisors, and their units."""
KINDS = (DISCS, ATLAS)
WAYS = {"plain": "what was measured", "fit": "with --fit"}


def main(words: Sequence[str]) -> int:
    """Make the fields, search them, and print deviations and pulls."""
    asked = field_parser("sdc2_errors", __doc__).parse_args(words)
    print(f"`python -m benchmarks.validation.sdc2_errors {shlex.join(words)}`\n")
    try:
        folder = folder_of(asked.sdc2_data)
        for kind in KINDS:
            fields = []
            for seed in asked.seeds:
                fields.append(measured_field(kind.sky(seed, asked.shape, folder)))
                say(f"{kind.name}, seed {seed}: {fields[-1]['true_snr'].size} galaxies")
            every = {name: np.concatenate([field[name] for field in fields]) for name in fields[0]}
            print("\n".join(_tables(kind.name, every)))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def measured_field(sky: Sdc2Sky) -> Galaxies:
    """Return deviations and errors of the galaxies of a field that were found, float64 arrays (galaxy) by name."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        api.simulate(sky, folder / CUBE)
        run = search(folder, "run")
        truth = read_truth(folder / TRUTH)
        true = rows_in_band(sdc2_table(truth), BEAM_ARCSEC, "The truth")
        snr = dict(zip(truth["id"].tolist(), np.asarray(truth["snr"]).tolist(), strict=True))
        for way in WAYS:
            fit = None if way == "plain" else folder / CUBE
            api.export(run, folder / way, format="sdc2", fit=fit, errors=folder / f"{way}.ecsv")
        rows = {way: rows_in_band(read_table(folder / way), BEAM_ARCSEC, way) for way in WAYS}
        ours, theirs = _pairs(rows["plain"], true)
        galaxies: Galaxies = {"true_snr": np.array([snr[number] for number in true.id[theirs].tolist()])}
        for way, own in rows.items():
            errors = QTable.read(folder / f"{way}.ecsv", format="ascii.ecsv")
            galaxies |= dict(_deviations(way, own, ours, true, theirs))
            for name in (*RATIOS, *OFFSETS):
                off = np.asarray(getattr(errors[f"err_{name}"], "value", errors[f"err_{name}"]))[ours]
                galaxies[f"{way}_err_{name}"] = off / own[name][ours] if name in RATIOS else off
        return galaxies


def _pairs(submitted: Rows, true: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return the row numbers of pairs whose row alone stands for its galaxy."""
    found = find_matches(submitted, true)
    alone = found.sharers == 1
    return found.submitted[alone], found.true[alone]


def _deviations(
    way: str, own: Rows, ours: np.ndarray, true: Rows, theirs: np.ndarray
) -> Iterator[tuple[str, DoubleArray]]:
    """Yield measured over true, and measured minus true, of every column."""
    for name in RATIOS:
        yield f"{way}_{name}", own[name][ours] / true[name][theirs]
    for name in OFFSETS:
        apart = own[name][ours] - true[name][theirs]
        if name in ("ra", "dec"):
            shrunk = np.cos(np.radians(true["dec"][theirs])) if name == "ra" else 1.0
            apart = np.radians(apart) * shrunk * ARCSEC_PER_RADIAN
        yield f"{way}_{name}", (apart + 180.0) % 360.0 - 180.0 if name == "pa" else apart


def _tables(kind: str, galaxies: Galaxies) -> Iterator[str]:
    for way, words in WAYS.items():
        head = ["S/N", "galaxies", *(f"{title}, of the truth" for title in RATIOS.values())]
        head += [f"{title}, {unit}" for title, _, unit in OFFSETS.values()]
        rows = [
            [
                name,
                str(inside["true_snr"].size),
                *(_words(inside[f"{way}_{column}"]) for column in RATIOS),
                *(_words(inside[f"{way}_{column}"] / part) for column, (_, part, _) in OFFSETS.items()),
            ]
            for name, _, inside in bins(galaxies)
        ]
        yield from section(f"{kind}, {words}: deviations", head, rows)
        titles = [*RATIOS.values(), *(title for title, _, _ in OFFSETS.values())]
        pulls = [
            [name, *(_words(pull(inside, way, column)) for column in (*RATIOS, *OFFSETS))]
            for name, _, inside in bins(galaxies)
        ]
        yield from section(f"{kind}, {words}: pulls", ["S/N", *titles], pulls)


def pull(galaxies: Galaxies, way: str, name: str) -> DoubleArray:
    """Return the deviation of a column in units of its error; of a ratio, that of its logarithm."""
    apart = galaxies[f"{way}_{name}"]
    return (np.log(apart) if name in RATIOS else apart) / galaxies[f"{way}_err_{name}"]


def _words(values: DoubleArray) -> str:
    middle, scatter = centre_and_scatter(values)
    digits = 1 if scatter >= 10.0 else 2
    return f"{middle:.{digits}f} ± {scatter:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
