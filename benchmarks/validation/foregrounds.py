"""Clean made-up low-frequency skies with every kernel, beside other programs, and hold what is left against the truth.

Progress goes to standard error, the tables to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.bench import BenchmarkError, say
from benchmarks.validation.low_sky import SHAPE, LowSky, low_sky, through_beam, with_lost_voxels
from benchmarks.validation.separation_figure import draw_power
from benchmarks.validation.separation_numbers import (
    main_table,
    numbers_before,
    numbers_by_k,
    numbers_of,
    numbers_of_rivals,
    peer_table,
    posterior_words,
    table_by_k,
)
from benchmarks.validation.separation_peers import PEERS, rivals
from benchmarks.validation.separations import METHODS, Method, Trial, tried, without_signal
from tessellar.errors import TessellarError

LOST = 0.2  # of the voxels, scattered
SHOWN = "PCA, 3 modes"  # by k_par, and in the figure
_FEW = ("PCA, 2 modes", SHOWN, "GPR")

SKIES: dict[str, tuple[str, Callable[[LowSky, int], LowSky], bool]] = {
    "plain": ("No beam", lambda sky, _: sky, False),
    "lost": (
        f"No beam, {LOST:.0%} of the voxels lost",
        lambda sky, seed: with_lost_voxels(sky, LOST, seed),
        False,
    ),
    "chromatic": ("A beam that changes with frequency, left in", lambda sky, _: through_beam(sky), False),
    "common": ("The same beam, all channels at one resolution", lambda sky, _: through_beam(sky), True),
}


def main(words: list[str]) -> int:
    """Do what the words ask for; return the exit code, 1 when a program failed or a signal of nothing left a trace."""
    asked = _parser().parse_args(words)
    command = shlex.join(["python", "-m", "benchmarks.validation.foregrounds", *words])
    try:
        record, trials = _tried(asked)
        record |= {"command": command, "seeds": asked.seeds, "peers": _peers(asked)}
    except (TessellarError, BenchmarkError) as error:
        print(error, file=sys.stderr)
        return getattr(error, "exit_code", 1)
    record["nothing"] = without_signal(
        low_sky(asked.seeds[0], shape=asked.shape, noise_k=1e-3 * asked.noise_mk)
    )
    if asked.json:
        asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if asked.figure and trials:
        draw_power(trials[0], f"{SHOWN}, of a made-up sky", asked.figure)
    print("\n\n".join([f"`{command}`", *_tables(record)]))
    return 0 if record["nothing"] else 1


def _tried(asked: argparse.Namespace) -> tuple[dict[str, Any], list[Trial]]:
    """Return the numbers of all kernels on all kinds of skies, and the trials that are drawn."""
    record: dict[str, Any] = {"skies": {}, "by_k": []}
    drawn: list[Trial] = []
    for word in asked.skies:
        methods = [method for method in METHODS if word == "plain" or method.title in _FEW]
        trials = _trials(asked, word, methods)
        first = next(iter(trials.values()))
        rows = {"nothing taken out": numbers_before(first)}
        rows |= {title: numbers_of(made) for title, made in trials.items()}
        record["skies"][word] = rows
        if word == "plain":
            record["by_k"], drawn = numbers_by_k(trials[SHOWN]), trials[SHOWN]
    return record, drawn


def _trials(asked: argparse.Namespace, word: str, methods: list[Method]) -> dict[str, list[Trial]]:
    title, changed, common = SKIES[word]
    trials: dict[str, list[Trial]] = {method.title: [] for method in methods}
    for seed in asked.seeds:
        sky = changed(low_sky(seed, shape=asked.shape, noise_k=1e-3 * asked.noise_mk), seed)
        for method in methods:
            start = perf_counter()
            trials[method.title].append(tried(sky, method, common=common, seed=seed))
            rms = trials[method.title][-1].rms
            say(f"{title}, seed {seed}: {method.title}: rms {rms:.3f}, {perf_counter() - start:.1f} s")
    return trials


def _peers(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of other programs and of ours on the same skies, by the program."""
    interpreters = {
        name: path
        for name, path in (("sklearn", asked.sklearn), ("ps_eor", asked.ps_eor))
        if path is not None
    }
    if "sklearn" not in interpreters and find_spec("sklearn"):
        interpreters["sklearn"] = Path(sys.executable)
    for name in {peer.library for peer in PEERS} - interpreters.keys():
        say(f"{name} is left out: no --{name.replace('_', '-')} PYTHON")
    made: dict[str, Any] = {}
    for seed in asked.seeds if interpreters else ():
        sky = low_sky(seed, shape=asked.shape, noise_k=1e-3 * asked.noise_mk)
        for peer, ours, theirs in rivals(sky, interpreters):
            made.setdefault(peer.title, []).append((ours, theirs))
            say(f"seed {seed}: {peer.title}: rms {theirs.rms:.4f}, ours {ours.rms:.4f}")
    return {
        title: [numbers_of_rivals(side) for side in zip(*pairs, strict=True)] for title, pairs in made.items()
    }


def _tables(record: dict[str, Any]) -> Iterator[str]:
    for word, rows in record["skies"].items():
        yield from main_table(SKIES[word][0], rows)
        yield from posterior_words(rows)
    if record["by_k"]:
        yield from table_by_k(f"{SHOWN}, no beam, by k_par", record["by_k"])
    yield from peer_table(record["peers"])
    trace = "leaves the clean cube as it is to the bit" if record["nothing"] else "LEAVES A TRACE"
    yield f"A signal of nothing, injected, {trace}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.foregrounds", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="of the skies (default: 0 1 2)"
    )
    parser.add_argument(
        "--noise-mk", type=float, default=2.5, metavar="X", help="noise of a voxel (default: 2.5)"
    )
    parser.add_argument(
        "--skies", nargs="+", choices=SKIES, default=list(SKIES), help="which kinds (default: all)"
    )
    parser.add_argument(
        "--shape", type=int, nargs=3, default=SHAPE, metavar="N", help="frequency, l, m (default: 128 64 64)"
    )
    parser.add_argument("--ps-eor", type=Path, metavar="PYTHON", help="an interpreter that has ps_eor")
    parser.add_argument(
        "--sklearn",
        type=Path,
        metavar="PYTHON",
        help="one that has scikit-learn (default: this one, if it has)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all numbers there")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the power by k_par there (.png)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
