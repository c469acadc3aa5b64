"""Simulate skies, search them, and tell how far measurements lie from the truth: tables, and two figures.

Progress goes nowhere, the tables go to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks.validation.biases import tables
from benchmarks.validation.known_skies import Survey, matched_galaxies
from benchmarks.validation.measuring_figures import draw_biases, draw_pulls
from tessellar.errors import TessellarError

BIASES, PULL_FIGURE = "measuring_biases.png", "measuring_pulls.png"


def main(words: list[str]) -> int:
    """Do what the words ask for; return the exit code."""
    asked = _parser().parse_args(words)
    try:
        survey = Survey(tuple(asked.shape), asked.skies, asked.threshold)
        galaxies = matched_galaxies(survey)
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        draw_biases(galaxies, asked.out / BIASES)
        draw_pulls(galaxies, asked.out / PULL_FIGURE)
    print(f"`python -m benchmarks.validation.measuring {shlex.join(words)}`\n")
    print(tables(galaxies))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.measuring", description=__doc__)
    parser.add_argument("--skies", type=int, default=50, metavar="N", help="how many (default: 50)")
    parser.add_argument(
        "--shape", type=int, nargs=3, default=(128, 192, 192), metavar="N", help="of each: frequency, l, m"
    )
    parser.add_argument("--threshold", type=float, default=5.0, help="of the finder (default: 5)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="draw the figures there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
