"""Rehearse a run of the engine: a million pieces of made-up work, with failures, counted and checked.

Units take a chosen time of computing, or of waiting, and a chosen share of them fails. The results of all are
merged at the end; their sum, the retries and the pieces that were given up must be what arithmetic says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rehearsal_stage import RehearsalStage
from benchmarks.rehearsed import Rehearsed, rehearse, warm_up
from tessellar.engine.executors import EXECUTORS, make_executor
from tessellar.engine.run import TARGET_SECONDS
from tessellar.engine.watching import watching
from tessellar.errors import TessellarError

FOLDER = Path("bench")


def main(words: list[str]) -> int:
    """Rehearse what the words ask for; return the exit code, 1 when a sum is wrong."""
    asked = _parser().parse_args(words)
    try:
        done = _run(asked)
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        record = asdict(done) | {"command": words, "load": os.getloadavg()[0]}
        asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(done)
    return 1 if done.problems else 0


def _run(asked: argparse.Namespace) -> Rehearsed:
    asked.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=asked.folder.resolve()) as scratch, watching() as observer:
        tried = Path(scratch) / "tried"
        tried.mkdir()
        stage = RehearsalStage(
            asked.units, asked.seconds, asked.failure_rate, asked.fatal_rate, asked.seed, asked.wait, tried
        )
        with make_executor(asked.executor, asked.workers, asked.address) as executor:
            warm_up(executor, Path(scratch))
            run = Path(scratch) / "run"
            return rehearse(stage, executor, run, target_seconds=asked.lease_seconds, observer=observer)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.rehearsal", description=__doc__)
    parser.add_argument(
        "--units", type=int, default=1_000_000, metavar="N", help="pieces of work (default: 10⁶)"
    )
    parser.add_argument(
        "--seconds", type=float, default=0.0, metavar="S", help="that each takes (default: 0)"
    )
    parser.add_argument("--wait", action="store_true", help="sleep for that time instead of computing")
    parser.add_argument("--failure-rate", type=float, default=0.0, metavar="P", help="share that fails once")
    parser.add_argument("--fatal-rate", type=float, default=0.0, metavar="P", help="share that fails always")
    parser.add_argument("--seed", type=int, default=0, help="chooses which fail (default: 0)")
    parser.add_argument("--executor", choices=EXECUTORS, default="processes")
    parser.add_argument("--workers", type=int, metavar="N", help="default: the cores")
    parser.add_argument("--address", help="of a running Dask scheduler or Ray cluster")
    parser.add_argument(
        "--lease-seconds", type=float, default=TARGET_SECONDS, metavar="S", help="that a lease should last"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="for scratch files, seen by every worker (default: bench)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
