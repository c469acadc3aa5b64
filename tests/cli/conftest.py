"""Small cubes as files, and the program as its users call it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_calls import SMALL, voxels_with_sources, write_cube


@pytest.fixture(scope="session")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FITS cube of noise with two sources."""
    return write_cube(tmp_path_factory.mktemp("cubes") / "cube.fits", voxels_with_sources(SMALL))


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
