"""What campaigns need: a cube on disk, and what is made of it in peace."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from campaign import Peace, peace_of
from sky import SKY

from tessellar.tiling.box import Box

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))  # its clusters are started by hand here too


@pytest.fixture(scope="session")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The voxels of the sky, in a file."""
    path = tmp_path_factory.mktemp("cube") / "voxels.npy"
    np.save(path, SKY.read(Box.of_shape(SKY.shape)))
    return path


@pytest.fixture(scope="session")
def catalogue(cube: Path, tmp_path_factory: pytest.TempPathFactory) -> Peace:
    """The catalogue that every campaign must end with."""
    return peace_of(tmp_path_factory.mktemp("peace") / "find", cube, ".run")


@pytest.fixture(scope="session")
def stores(cube: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Peace]:
    """The copies that every campaign must end with, by their suffix."""
    folder = tmp_path_factory.mktemp("peace-dense")
    return {suffix: peace_of(folder / suffix[1:], cube, suffix) for suffix in (".zarr", ".fits")}
