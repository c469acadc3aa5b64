"""The accessor ``.tessellar`` and the engine of `xarray.open_dataset`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray
from memory_cube import noisy

import tessellar as ts
from tessellar.errors import InputError
from tessellar.tiling.box import Box

SKY = "procedural://hi?shape=48,64,64&seed=1"


def test_a_made_up_cube_is_opened_lazily() -> None:
    image = xarray.open_dataset("procedural://hi?shape=65536,8192,8192&seed=1")
    assert image["SKY"].shape == (1, 65536, 1, 8192, 8192)
    part = image["SKY"][0, 7:9, 0, 4000:4010, 100:130]
    whole = ts.open_cube("procedural://hi?shape=65536,8192,8192&seed=1")
    np.testing.assert_array_equal(part.values, whole.read(Box((7, 4000, 100), (9, 4010, 130))))


def test_a_fits_cube_is_opened_as_an_image(tmp_path: Path) -> None:
    path = ts.convert(SKY, tmp_path / "cube.fits")
    image = xarray.open_dataset(path, chunks={})
    assert image["SKY"].chunks is not None
    assert image.tessellar.cube.meta == ts.open_cube(path).meta
    np.testing.assert_array_equal(
        image["SKY"].values[0, :, 0], ts.open_cube(path).read(Box.of_shape((48, 64, 64)))
    )


def test_a_zarr_image_is_opened_when_it_is_asked_for_by_name(tmp_path: Path) -> None:
    path = ts.convert(SKY, tmp_path / "cube.zarr")
    ours, usual = xarray.open_dataset(path, engine="tessellar"), xarray.open_zarr(path, consolidated=False)
    xarray.testing.assert_equal(ours.load(), usual.load())
    assert "SKY" not in xarray.open_dataset(path, engine="tessellar", drop_variables="SKY")


def test_what_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cube.fits").write_text("no cube")
    with pytest.raises(InputError, match="is a text file"):
        xarray.open_dataset(tmp_path / "cube.fits")


def test_the_accessor_has_the_verbs(tmp_path: Path) -> None:
    image = xarray.open_dataset(SKY)
    run = image.tessellar.find_sources(ts.SmoothAndClip(threshold=5), out=tmp_path / "found", products=None)
    here = ts.find_sources(SKY, ts.SmoothAndClip(threshold=5), out=tmp_path / "here", products=None)
    assert (run.catalogue == here.catalogue).all()
    assert str(image.tessellar.plan()) == str(ts.plan(image))
    clean = image.tessellar.denoise(ts.Gaussian(), out=tmp_path / "clean.zarr")
    assert xarray.open_zarr(clean.path, consolidated=False).tessellar.cube.meta.shape == (48, 64, 64)
    assert "other arguments are the same" in str(image.tessellar.plan.__doc__)


def test_an_array_has_it_too() -> None:
    array = xarray.DataArray(noisy((4, 5, 6)), dims=("frequency", "l", "m"))
    assert array.tessellar.cube.meta.shape == (4, 5, 6)


@pytest.mark.parametrize(
    "begin",
    [
        "import tessellar as ts, xarray",
        "import xarray, tessellar as ts",
        "import xarray, tessellar.xarray",
        "import xarray; xarray.open_dataset('procedural://hi?shape=8,8,8')",
    ],
)
def test_it_is_there_in_any_order_once_a_cube_was_opened(begin: str) -> None:
    program = f"{begin}\nprint(xarray.open_dataset('{SKY}').tessellar.cube.meta.shape)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("(48, 64, 64)\n", "")
