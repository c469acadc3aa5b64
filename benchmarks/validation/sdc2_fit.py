"""What fitting discs adds to the score of SKA Data Challenge 2, on fields of known truth of several kinds.

    python -m benchmarks.validation.sdc2_fit --sdc2-data DIR --sofia PATH

The table goes to standard output as Markdown. With --sofia the best of eight settings of SoFiA-2 stands beside: five
with constant noise, as it takes it by default, and three that measure the noise in a window. It is the best by the
truth, for each field, while ours are the same in all. Its table goes through the same conversion as ours.
"""

from __future__ import annotations

import argparse
import math
import shlex
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench import say
from benchmarks.finds import run_program
from benchmarks.markdown import section
from benchmarks.validation.contest import CUBE, TRUTH, entry_of_sofia
from benchmarks.validation.sdc2_fields import KINDS, Kind, field_parser, search
from benchmarks.validation.sofia import SETTINGS
from tessellar import api
from tessellar.challenge.sdc2.score import Sdc2Score
from tessellar.engine.cgroup import usable_cores
from tessellar.errors import TessellarError
from tessellar.simulate.sdc2.files import folder_of

COLUMNS = ("line_flux_integral", "pa", "i", "hi_size", "w20")
_LOCAL = (0, 1, 3)
"""Settings of SoFiA-2 that are tried with noise of a window, too."""
_TRIED = [(threshold, reliability) for threshold in (3.5, 3.8, 4.0) for reliability in (0.5, 0.7, 0.9)]
"""Settings of our own without a network that are tried with --best."""
PLAIN, FIT, BEST, LOOK = "score", "with the fit", "the best of nine settings", "with a second look"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a field was worth.

    Attributes
    ----------
    scores
        By what was done: `PLAIN`, `FIT`, and `BEST` and `LOOK` if they were asked for.
    sofia
        The best score of SoFiA-2; None if it was not asked for.
    sofia_with
        What that was had with.
    """

    scores: dict[str, Sdc2Score]
    sofia: float | None = None
    sofia_with: str = ""

    def over_sofia(self, way: str) -> float:
        """Return a score over that of SoFiA-2; NaN where it has none."""
        return self.scores[way].value / self.sofia if self.sofia and self.sofia > 0 else float("nan")

    def over_plain(self, way: str) -> float:
        """Return a score over that of what was measured; NaN where it has none."""
        plain = self.scores[PLAIN].value
        return self.scores[way].value / plain if plain > 0 else float("nan")


def main(words: Sequence[str]) -> int:
    """Make the fields, search them, and print the scores."""
    asked = _parser().parse_args(words)
    outcomes: dict[str, list[Outcome]] = {}
    rows = []
    try:
        folder = folder_of(asked.sdc2_data)
        for kind in KINDS:
            if asked.kinds and kind.name not in asked.kinds:
                continue
            for seed in asked.seeds:
                outcomes.setdefault(kind.name, []).append(_one_field(kind, seed, folder, asked))
                rows.append([f"{kind.name}, seed {seed}", *_row(outcomes[kind.name][-1])])
                say(" | ".join(rows[-1]))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    ways = list(next(iter(outcomes.values()))[0].scores) if outcomes else []
    head = ["field", "rows", *ways, "SoFiA-2's best", *(f"{way}, over SoFiA-2's" for way in ways), *COLUMNS]
    print(f"`python -m benchmarks.validation.sdc2_fit {shlex.join(words)}`\n")
    print("\n".join(section("What the fit adds", head, rows)))
    means = [[name, *_means(own, ways)] for name, own in outcomes.items()]
    head = ["kind", "fields", *(f"{way}, over SoFiA-2's" for way in ways)]
    head += [f"{way}, over {PLAIN}" for way in ways[1:]]
    print("\n".join(section("Mean and standard deviation of the ratios", head, means)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = field_parser("sdc2_fit", __doc__)
    parser.add_argument("--sofia", type=Path, metavar="PATH", help="the program SoFiA-2")
    parser.add_argument(
        "--second-look",
        metavar="NAME",
        help="also with this network, given to find; an export with the fit follows it",
    )
    parser.add_argument(
        "--best",
        action="store_true",
        help="also the best of nine settings of ours with the fit, by the truth",
    )
    names = ", ".join(kind.name for kind in KINDS)
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help=f"only these: {names}")
    return parser


def _one_field(kind: Kind, seed: int, data: str, asked: argparse.Namespace) -> Outcome:
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        api.simulate(kind.sky(seed, asked.shape, data), folder / CUBE)
        run = search(folder, "run")
        scores = {
            PLAIN: _score(run, folder, "plain.txt"),
            FIT: _score(run, folder, "fit.txt", fit=folder / CUBE),
        }
        if asked.best:
            scores[BEST] = max(
                (_tried(folder, *setting) for setting in _TRIED), key=lambda found: found.value
            )
        if asked.second_look:
            looked = _second_look(folder, asked.second_look)
            scores[LOOK] = _score(looked, folder, "look.txt", fit=folder / CUBE)
        if asked.sofia is None:
            return Outcome(scores)
        return Outcome(scores, *_best_of_sofia(folder, asked.sofia))


def _tried(folder: Path, threshold: float, reliability: float) -> Sdc2Score:
    """Return the score of a search with other settings, with the fit."""
    name = f"tried_{threshold:g}_{reliability:g}"
    run = search(folder, name, threshold=threshold, reliability=reliability)
    return _score(run, folder, f"{name}.txt", fit=folder / CUBE)


def _best_of_sofia(folder: Path, program: Path) -> tuple[float, str]:
    """Return the best score of SoFiA-2 in the cube of a folder, and which setting gave it."""
    found = []
    for local_noise, settings in ((False, SETTINGS), (True, [SETTINGS[number] for number in _LOCAL])):
        for setting in settings:
            entry = entry_of_sofia(program, folder, setting, usable_cores(), local_noise=local_noise)
            found.append((entry.score, f"{setting.name}, {'local' if local_noise else 'constant'} noise"))
    return max(found)


def _second_look(folder: Path, name: str) -> Path:
    """Search the cube of a folder once more, with a network that has the last word; return the run.

    It looks at what a lower threshold detects, and keeps rows that gain points on average: a found galaxy is worth
    three quarters of a point, and a false row costs one.
    """
    options = "--threshold 3.5 --reliability 0.6 --linker-min-size-xy 3 --linker-min-size-z 3 --quiet"
    words = [
        "find",
        str(folder / CUBE),
        "--out",
        str(folder / "look"),
        *options.split(),
        "--second-look",
        name,
    ]
    run_program([sys.executable, "-m", "tessellar", *words], folder)
    return folder / "look"


def _score(run: api.Run | Path, folder: Path, name: str, **more: Any) -> Sdc2Score:
    submitted = api.export(run, folder / name, format="sdc2", **more)
    score = api.score("sdc2", submitted, folder / TRUTH)
    assert isinstance(score, Sdc2Score)
    return score


def _row(outcome: Outcome) -> Iterator[str]:
    ways = list(outcome.scores)
    yield str(outcome.scores[PLAIN].n_submitted)
    yield from (f"{outcome.scores[way].value:.1f}" for way in ways)
    yield "-" if outcome.sofia is None else f"{outcome.sofia:.1f} ({outcome.sofia_with})"
    yield from (_mean([outcome.over_sofia(way)]) for way in ways)
    for name in COLUMNS:
        yield " → ".join(f"{score.accuracy.get(name, 0.0):.2f}" for score in outcome.scores.values())


def _means(outcomes: list[Outcome], ways: list[str]) -> Iterator[str]:
    yield str(len(outcomes))
    for way in ways:
        yield _mean([outcome.over_sofia(way) for outcome in outcomes])
    for way in ways[1:]:
        yield _mean([outcome.over_plain(way) for outcome in outcomes])


def _mean(values: list[float]) -> str:
    if not all(map(math.isfinite, values)):
        return "-"
    scatter = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{scatter}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
