"""What fitting discs adds to the score of SKA Data Challenge 2, on fields of known truth.

    python -m benchmarks.validation.sdc2_fit --sdc2-data DIR --sofia PATH

The table goes to standard output as Markdown. With --sofia the best of five settings of SoFiA-2 stands beside.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.contest import CUBE, contest
from benchmarks.validation.sofia import SETTINGS
from tessellar import api
from tessellar.challenge.sdc2.fitting import fit_discs
from tessellar.challenge.sdc2.score import Sdc2Score, score_sdc2
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.submission import submission
from tessellar.engine.cgroup import usable_cores
from tessellar.errors import TessellarError
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.sdc2.files import folder_of
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import sdc2_table

COLUMNS = ("line_flux_integral", "pa", "i", "hi_size", "w20")
_FIELDS = (("discs", 202, 1060e6), ("atlas", 203, 1090e6), ("atlas", 204, 980e6))


def main(words: Sequence[str]) -> int:
    """Make the fields, search them, and print the scores without and with the fit."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.sdc2_fit", description=__doc__)
    parser.add_argument(
        "--sdc2-data", default="", metavar="DIR", help="folder with the challenge's public files"
    )
    parser.add_argument("--shape", default="768,448,448", metavar="Z,X,Y", help="of a field")
    parser.add_argument("--sofia", type=Path, metavar="PATH", help="the program SoFiA-2")
    asked = parser.parse_args(words)
    z, x, y = (int(part) for part in asked.shape.split(","))
    rows = []
    try:
        folder = folder_of(asked.sdc2_data)
        for shapes, seed, first in _FIELDS:
            sky = Sdc2Sky(
                (z, x, y),
                seed,
                population="sdc2",
                shapes=shapes,
                density=12.0,
                sdc2_data=folder,
                first_frequency_hz=first,
            )
            rows.append([f"{shapes}, seed {seed}, from {first / 1e6:.0f} MHz", *_one_field(sky, asked.sofia)])
            say(" | ".join(rows[-1]))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    head = ["field", "rows", "score", "with the fit", "ratio", "SoFiA-2's best", *COLUMNS]
    print("\n".join(section("What the fit adds", head, rows)))
    return 0


def _one_field(sky: Sdc2Sky, sofia: Path | None) -> Iterator[str]:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        truth = sdc2_table(api.simulate(sky, folder / CUBE))
        run = api.find_sources(
            folder / CUBE,
            SmoothAndClip(threshold=4.0),
            linker=Linker(radius_xy=1, radius_z=1, min_size_xy=3, min_size_z=3),
            reliability=Reliability(0.9),
            out=folder / "run",
        )
        sampling = Sampling.of_run(json.loads((folder / "run" / "run.json").read_text(encoding="utf-8")))
        table, _ = submission(run.catalogue, sampling)
        fitted, _ = fit_discs(table, api.open_cube(folder / CUBE), sampling, usable_cores())
        plain, better = score_sdc2(table, truth), score_sdc2(fitted, truth)
        yield from (f"{len(table)}", f"{plain.value:.1f}", f"{better.value:.1f}")
        yield f"{better.value / plain.value:.2f}" if plain.value > 0 else "-"
        yield "-" if sofia is None else f"{_best_of_sofia(folder, sofia):.1f}"
        yield from (_change(plain, better, name) for name in COLUMNS)


def _best_of_sofia(folder: Path, sofia: Path) -> float:
    entries = contest(folder, SETTINGS, sofia, usable_cores())
    return max(entry.score for entry in entries if entry.program == "SoFiA-2")


def _change(plain: Sdc2Score, better: Sdc2Score, name: str) -> str:
    return f"{plain.accuracy.get(name, 0.0):.2f} → {better.accuracy.get(name, 0.0):.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
