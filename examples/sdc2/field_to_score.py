"""From nothing to a scored submission to SKA Data Challenge 2: a field is made up, searched, measured and scored.

python examples/sdc2/field_to_score.py            # 2 GiB
python examples/sdc2/field_to_score.py --small    # some seconds
python examples/sdc2/field_to_score.py --no-second-look    # without the networks, which need torch
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SHAPE, SMALL = "1024,724,724", "96,96,96"  # channels, pixels, pixels
DENSITY, MORE = "5", "60"  # times the galaxies of the challenge
FINDING = ("--threshold", "4", "--reliability", "0.9")
SMALL_FINDING = ("--threshold", "4")  # too few false detections to judge the true ones by
LOOK = ("--second-look", "hi-look-s")
LOOK_FINDING = (
    "--threshold",
    "3.5",
    "--reliability",
    "0.6",
    *LOOK,
)  # a row likelier real than that gains points


def main(words: Sequence[str]) -> int:
    """Run the steps, each as a command that one may type."""
    asked = _parser().parse_args(words)
    if asked.second_look and importlib.util.find_spec("torch") is None:
        print(
            "The second look needs torch: pip install 'tessellar[torch]', or --no-second-look.",
            file=sys.stderr,
        )
        return 2
    asked.out.mkdir(parents=True, exist_ok=True)
    shape, density = (SMALL, MORE) if asked.small else (SHAPE, DENSITY)
    sky = ["--shape", asked.shape or shape, "--seed", str(asked.seed), "--density", density]
    if asked.sdc2_data:
        sky += ["--population", "sdc2", "--shapes", "atlas", "--sdc2-data", str(asked.sdc2_data)]
    else:
        sky += ["--population", "mass-function"]
    cube = asked.out / "field.zarr"
    steps = [
        ("simulate", "hi", cube, *sky, "--overwrite"),
        *_steps(asked.out, cube, asked.small, asked.second_look),
    ]
    for step in steps:
        code = _tessellar(*map(str, step))
        if code:
            return code
    report = asked.out / ("run_second_look" if asked.second_look else "run") / "report.html"
    print(f"\nThe report of the search is {report}, the submission is {asked.out / 'submission.txt'}.")
    return 0


def _steps(out: Path, cube: Path, small: bool, second_look: bool) -> list[tuple[object, ...]]:
    """Return what is done with the field: searched, measured and scored, with and without what makes it better."""
    run, looked = out / "run", out / "run_second_look"
    finding, looking = (SMALL_FINDING, (*SMALL_FINDING, *LOOK)) if small else (FINDING, LOOK_FINDING)
    submission = ("--format", "sdc2", "--overwrite")
    names = ("without_fit", "without_second_look") if second_look else ("without_fit",)
    plain, *fitted = [*(out / f"submission_{name}.txt" for name in names), out / "submission.txt"]
    steps: list[tuple[object, ...]] = [
        ("find", cube, "--out", run, *finding, "--fresh"),
        ("export", run, plain, *submission),
        ("export", run, fitted[0], *submission, "--fit", cube),
    ]
    if second_look:
        steps += [
            ("find", cube, "--out", looked, *looking, "--fresh"),
            ("export", looked, fitted[1], *submission, "--fit", cube),
        ]
    scores = [("score", "sdc2", text, out / "field.truth.txt") for text in (plain, *fitted)]
    return [*steps, *scores[:-1], (*scores[-1], "--json", out / "score.json")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("sdc2_example"), help="folder for everything")
    parser.add_argument("--small", action="store_true", help="a field of 3.5 MB")
    parser.add_argument("--shape", metavar="Z,X,Y", help="of the field, if neither size fits")
    parser.add_argument("--seed", type=int, default=1, help="chooses the field")
    parser.add_argument(
        "--no-second-look", dest="second_look", action="store_false", help="leave the networks out"
    )
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
