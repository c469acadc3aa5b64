"""What a second look adds: which candidates are real, and discs with their errors, on fields of known truth.

    python -m benchmarks.validation.look --sdc2-data DIR

Tables go to standard output as Markdown. No field has a seed that training used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.bench import say
from benchmarks.markdown import section
from tessellar.api.candidates import looked_at, real_rows, sampling_of, search
from tessellar.challenge.sdc2.fitting import fit_discs
from tessellar.challenge.sdc2.score import TOLERANCES, score_sdc2
from tessellar.challenge.sdc2.second_look import corrected, discs_of, true_corrections
from tessellar.challenge.sdc2.submission import in_challenge, submission
from tessellar.errors import TessellarError
from tessellar.kernels.look.network import CANDIDATES, DISCS, VALUES, Corrections, Look
from tessellar.model import DoubleArray, IntArray
from tessellar.simulate.sdc2.files import folder_of
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import sdc2_table, truth_table
from tessellar.tiling.box import Shape
from tessellar.training.look.skies import HeldSky, held

if TYPE_CHECKING:
    from astropy.table import QTable

_RELIABILITIES = (0.8, 0.9, 0.95)
_KEPT = 0.9  # least reliability, by negative detections, of a source whose disc is fitted
_COLUMNS = tuple(name for name in TOLERANCES if name != "position")


@dataclass(frozen=True, slots=True)
class Field:
    """A field: who is in it, where it begins, and what its noise is like."""

    shapes: str
    seed: int
    first_hz: float
    tie: float = 0.0
    slope: float = 0.0

    @property
    def name(self) -> str:
        """In words."""
        noise = f", noise tied by {self.tie:g} and steeper by {self.slope:g}" if self.tie else ""
        return f"{self.shapes}, seed {self.seed}, from {self.first_hz / 1e6:.0f} MHz{noise}"

    def sky(self, shape: Shape, data: str, threshold: float) -> HeldSky:
        """Return it with its voxels."""
        sky = Sdc2Sky(
            shape,
            self.seed,
            population="sdc2",
            shapes=self.shapes,
            density=12.0,
            sdc2_data=data,
            first_frequency_hz=self.first_hz,
        )
        return held(sky, self.tie, self.slope, threshold)


_FIELDS = (
    Field("discs", 202, 1060e6),
    Field("atlas", 203, 1090e6),
    Field("atlas", 204, 980e6),
    Field("atlas", 202, 1020e6, tie=0.2, slope=-0.6),
)


def main(words: Sequence[str]) -> int:
    """Make the fields, search them, look again, and print what that gave."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.look", description=__doc__)
    parser.add_argument(
        "--sdc2-data", default="", metavar="DIR", help="folder with the challenge's public files"
    )
    parser.add_argument("--shape", default="768,448,448", metavar="Z,X,Y", help="of a field")
    parser.add_argument("--threshold", type=float, default=3.5, help="of the search")
    parser.add_argument("--candidates", default=CANDIDATES, metavar="FILE", help="network for candidates")
    parser.add_argument("--discs", default=DISCS, metavar="FILE", help="network for discs")
    asked = parser.parse_args(words)
    z, x, y = (int(part) for part in asked.shape.split(","))
    tables: tuple[list[list[str]], ...] = ([], [], [])
    try:
        looks, data = (Look(asked.candidates), Look(asked.discs)), folder_of(asked.sdc2_data)
        for field in _FIELDS:
            for rows, found in zip(
                tables, _one_field(field.sky((z, x, y), data, asked.threshold), looks), strict=True
            ):
                rows += [[field.name, *row] for row in found]
            say(" | ".join(tables[0][-1]))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    heads = (
        [
            "field",
            "ranked by",
            "area under the curve",
            *(f"found at {r:g}" for r in _RELIABILITIES),
            "said, true",
        ],
        ["field", "discs", "score", *_COLUMNS],
        ["field", *(f"{name}: within the error, scatter over it" for name in VALUES)],
    )
    titles = ("Which candidates are real", "Discs of reliable sources", "Errors of corrected discs")
    for title, head, rows in zip(titles, heads, tables, strict=True):
        print("\n".join(section(title, head, rows)))
    return 0


def _one_field(sky: HeldSky, looks: tuple[Look, Look]) -> tuple[list[list[str]], ...]:
    with TemporaryDirectory() as scratch:
        run = search(sky, Path(scratch))
        patches, features = looked_at(run, sky, Path(scratch), np.arange(len(run.table)))
    truth = sdc2_table(truth_table(sky.sky))
    real = np.zeros(len(run.table), np.bool_)
    real[real_rows(run.table, sky, truth)[0]] = True
    said = looks[0].probability(patches, features)
    classical = np.nan_to_num(np.asarray(run.table["rel"]))
    ranks = {"S/N": np.asarray(run.table["snr"]), "negative detections": classical, "second look": said}
    ranked = [
        [name, *_ranked(values, real), "-" if name == "S/N" else _calibration(values, real)]
        for name, values in ranks.items()
    ]
    discs = list(_discs(run.table, {"reliability": classical, "second look": said}, sky, truth, looks[1]))
    return ranked, discs[:-1], discs[-1:]


def _ranked(values: DoubleArray, real: np.ndarray) -> Iterator[str]:
    """Yield the area under the curve, and how many real ones are above the cut that gives a reliability."""
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(real[order])
    n_false = np.cumsum(~real[order])
    yield f"{np.sum(hits[~real[order]]) / max(hits[-1] * n_false[-1], 1):.3f}"
    share = hits / np.arange(1, len(real) + 1)
    for least in _RELIABILITIES:
        good = np.flatnonzero(share >= least)
        yield f"{hits[good[-1]] if good.size else 0} of {hits[-1]}"


def _calibration(said: DoubleArray, real: np.ndarray) -> str:
    """Return what is said on average of the candidates that are likely real, and which share of them is."""
    likely = said >= 0.5
    return f"{said[likely].mean():.2f}, {real[likely].mean():.2f}" if likely.any() else "-"


def _discs(
    catalogue: QTable, chances: dict[str, DoubleArray], sky: HeldSky, truth: QTable, look: Look
) -> Iterator[list[str]]:
    """Yield scores and shares of the full points without fit, with it, and with a second look; last, the errors."""
    submitted, sampling = in_challenge(catalogue), sampling_of(sky)
    pulls: list[str] = []
    for name, chance in chances.items():
        chosen = catalogue[submitted & (chance >= _KEPT)]
        plain, _ = submission(chosen, sampling)
        fitted = fit_discs(plain, sky, sampling).table
        discs = discs_of(chosen, plain, fitted, sky, sampling)
        found = look.corrections(discs.patches, discs.features)
        for what, table in {
            "measured": plain,
            "fitted": fitted,
            "fitted, second look": corrected(fitted, found.values, sky),
        }.items():
            score = score_sdc2(table, truth)
            shares = [f"{score.accuracy.get(column, 0.0):.3f}" for column in _COLUMNS]
            yield [f"{what} ({name} {_KEPT:g}: {len(table)} rows)", f"{score.value:.1f}", *shares]
        pulls = pulls or _pulls(fitted, found, real_rows(chosen, sky, truth)[1:], truth, sky)
    yield pulls


def _pulls(
    fitted: QTable, found: Corrections, pairs: tuple[IntArray, IntArray], truth: QTable, sky: HeldSky
) -> list[str]:
    """Return for each correction which share of the truths lies within the error, and the scatter over it."""
    ours, theirs = pairs
    if not ours.size:
        return ["-"] * len(VALUES)
    off = true_corrections(fitted[ours], truth[theirs], sky) - found.values[ours]
    turn = VALUES.index("turn")
    off[:, turn] = np.arctan2(np.sin(off[:, turn]), np.cos(off[:, turn]))
    ratio = np.minimum(np.abs(off / found.errors[ours]), 5.0)  # outliers count as 5
    return [f"{np.mean(r < 1):.2f}, {np.sqrt(np.mean(r**2)):.2f}" for r in ratio.T]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
