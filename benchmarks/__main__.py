"""Measure how fast Tessellar is on this machine, beside what the machine itself can do.

Progress goes to standard error, the results as a Markdown table to standard output.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from benchmarks.markdown import rate_in_words
from benchmarks.results import Report, read_report, write_report
from benchmarks.table import render
from tessellar.errors import TessellarError

FOLDER = Path("bench")


def main(words: list[str]) -> int:
    """Run the benchmarks that the words ask for; return the exit code, 1 when one of them has no result."""
    asked = _parser().parse_args(words)
    try:
        report = read_report(asked.table) if asked.table else _measure(asked, words)
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.json:
        write_report(report, asked.json)
    print(render(report))
    return 1 if report.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--size", choices=("toy", "default", "large"), default="default", help="of cube and patches"
    )
    parser.add_argument(
        "--repeats", type=_positive, default=5, metavar="N", help="of everything (default: 5)"
    )
    parser.add_argument(
        "--workers", type=_positive, metavar="N", help="the most at once (default: the cores)"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="groups or single cases")
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="keep every raw time there")
    parser.add_argument("--sofia", type=_program, metavar="PATH", help="the program SoFiA-2, to compare with")
    parser.add_argument(
        "--monai",
        type=_program,
        metavar="PYTHON",
        help="an interpreter that has MONAI, torch and safetensors",
    )
    parser.add_argument("--table", type=Path, metavar="FILE", help="only print the table of such a JSON file")
    return parser


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{word} is less than 1")
    return number


def _new_file(word: str) -> Path:
    path = Path(word)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{word} is no file in a folder that exists")
    return path


def _program(word: str) -> Path:
    path = Path(word)
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise argparse.ArgumentTypeError(f"{word} is no program")
    return path


def _measure(asked: argparse.Namespace, words: list[str]) -> Report:
    """Run the cases one after another; one that cannot be measured is noted and the others go on."""
    from benchmarks.bench import SIZES, Bench, BenchmarkError, say
    from benchmarks.cases import chosen
    from benchmarks.machine import machine_facts
    from tessellar.engine.cgroup import usable_cores

    workers = asked.workers or usable_cores()
    bench = Bench(SIZES[asked.size], asked.repeats, workers, FOLDER, asked.sofia, asked.monai)
    report = Report(
        machine_facts(),
        {
            "size": bench.size.name,
            "cube": list(bench.size.cube),
            "repeats": bench.repeats,
            "workers": bench.workers,
            "command": shlex.join(["python", "-m", "benchmarks", *words]),
        },
    )
    for group, name, measure in chosen(asked.only):
        try:
            for result in measure(bench):
                report.results.setdefault(group, []).append(result)
                say(f"{group}: {result.name}: {rate_in_words(result)}")
        except (BenchmarkError, TessellarError) as error:
            report.failed[name] = str(error)
            say(f"{group}: {name} FAILED: {error}")
    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
