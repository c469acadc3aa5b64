"""Ask the challenge's own package for the scores of all cases, and keep them in sdc2_official.json.

    python tests/challenge/official_scores.py PYTHON

PYTHON is an interpreter that can import ``ska_sdc``; pandas below 3 and setuptools below 81 have what that needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sdc2_cases import cases, truth

FILE = Path(__file__).parent / "sdc2_official.json"
_OFFICIAL = """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
import pandas
from ska_sdc import Sdc2Scorer
logging.disable(50)
def score(name):
    one = Sdc2Scorer(pandas.read_csv(name, sep=" "), pandas.read_csv("truth.txt", sep=" ")).run()
    return {"score": one.value, "n_match": one.n_match, "n_rejected": one.n_bad}
print(json.dumps([score(name) for name in sys.argv[1:]]))
"""


def official_scores(python: str, folder: Path) -> dict[str, Any]:
    """Return what the package says of each case, by the name of the case."""
    submissions = cases()
    names = [f"case{number}.txt" for number in range(len(submissions))]
    for name, table in zip([*names, "truth.txt"], [*submissions.values(), truth()], strict=True):
        table.write(folder / name, format="ascii.basic", overwrite=True)
    done = subprocess.run(
        [python, "-c", _OFFICIAL, *names], cwd=folder, check=True, capture_output=True, text=True
    )
    return dict(zip(submissions, json.loads(done.stdout), strict=True))


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        FILE.write_text(json.dumps(official_scores(sys.argv[1], Path(scratch)), indent=1) + "\n")
