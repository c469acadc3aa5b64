"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# the first call of a kernel may compile it, so no deadline; the same examples in each run of the same tests, so no
# flaky red (Hypothesis also draws constants from the modules that are loaded: a test by itself may see others)
settings.register_profile("tessellar", deadline=None, derandomize=True)
settings.load_profile("tessellar")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real cubes, where this machine has one."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TESSELLAR_DATA", default))
    if not (folder / "cubes").is_dir():
        pytest.skip(
            f"no real data in {folder}; set TESSELLAR_DATA to the folder that holds cubes/ and headers/"
        )
    return folder
