"""From nothing to a scored submission to SKA Data Challenge 2: a field is made up, searched, measured and scored.

python examples/sdc2/field_to_score.py            # 2 GiB
python examples/sdc2/field_to_score.py --small    # some seconds
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SHAPE, SMALL = "1024,724,724", "96,96,96"  # channels, pixels, pixels
DENSITY, MORE = "5", "60"  # times the galaxies of the challenge
FINDING = ("--threshold", "4", "--reliability", "0.9")
SMALL_FINDING = ("--threshold", "4")  # too few false detections to judge the true ones by


def main(words: Sequence[str]) -> int:
    """Run the five steps, each as a command that one may type."""
    asked = _parser().parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    shape, density, finding = (SMALL, MORE, SMALL_FINDING) if asked.small else (SHAPE, DENSITY, FINDING)
    sky = ["--shape", asked.shape or shape, "--seed", str(asked.seed), "--density", density]
    if asked.sdc2_data:
        sky += ["--population", "sdc2", "--shapes", "atlas", "--sdc2-data", str(asked.sdc2_data)]
    else:
        sky += ["--population", "mass-function"]
    cube, run, truth = (asked.out / name for name in ("field.zarr", "run", "field.truth.txt"))
    plain, fitted = asked.out / "submission_without_fit.txt", asked.out / "submission.txt"
    steps = (
        ("simulate", "hi", cube, *sky, "--overwrite"),
        ("find", cube, "--out", run, *finding, "--fresh"),
        ("export", run, plain, "--format", "sdc2", "--overwrite"),
        ("export", run, fitted, "--format", "sdc2", "--fit", cube, "--overwrite"),
        ("score", "sdc2", plain, truth),
        ("score", "sdc2", fitted, truth, "--json", asked.out / "score.json"),
    )
    for step in steps:
        code = _tessellar(*map(str, step))
        if code:
            return code
    print(f"\nThe report of the search is {run / 'report.html'}, the submission is {fitted}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("sdc2_example"), help="folder for everything")
    parser.add_argument("--small", action="store_true", help="a field of 3.5 MB")
    parser.add_argument("--shape", metavar="Z,X,Y", help="of the field, if neither size fits")
    parser.add_argument("--seed", type=int, default=1, help="chooses the field")
    parser.add_argument(
        "--sdc2-data",
        type=Path,
        metavar="DIR",
        help="the challenge's public files: the galaxies are then like its catalogue, and look like its atlas",
    )
    return parser


def _tessellar(*words: str) -> int:
    """Run a command, after it has been shown, and return its exit code."""
    print(f"\n$ tessellar {shlex.join(words)}", flush=True)
    return subprocess.run([sys.executable, "-m", "tessellar", *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
