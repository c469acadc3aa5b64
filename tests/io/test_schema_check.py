"""Stores that are no valid images are found out, those that xradio accepts are not."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xarray
import zarr

import tessellar as ts
from tessellar.io.files import FolderFiles
from tessellar.io.schema_check import schema_faults
from tessellar.report.describe import describe

CUBE = "procedural://hi?shape=4,8,8&seed=1"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ts.convert(CUBE, tmp_path_factory.mktemp("image") / "cube.zarr", executor="serial")


def xradio_faults(path: Path) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_image = pytest.importorskip("xradio.image").check_image
        return list(check_image(xarray.open_zarr(path, consolidated=False)))


def test_what_convert_writes_is_valid(image: Path) -> None:
    assert schema_faults(FolderFiles(image)) == []
    assert "a valid xradio image 0.0.2\n" in describe(ts.open_cube(image))


def _of_group(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    return _edit("zarr.json", lambda node: change(node["attributes"]))


def _edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        node = json.loads((path / name).read_text())
        change(node)
        (path / name).write_text(json.dumps(node))

    return edit


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_of_group(lambda says: says.update(type="foo")), "its type is 'foo', not 'image_dataset'"),
        (_of_group(lambda says: says.pop("schema_version")), "its schema_version is None, not '0.0.2'"),
        (_of_group(lambda says: says.pop("data_groups")), "data_groups names no sky"),
        (_of_group(lambda says: says["data_groups"]["base"].update(sky="X")), "there is no X"),
        (
            _edit("SKY/zarr.json", lambda node: node["attributes"].update(type="mask")),
            "type of SKY is 'mask'",
        ),
        (
            _edit("frequency/zarr.json", lambda node: node["attributes"].pop("frame")),
            "frequency does not say",
        ),
        (
            _edit("time/zarr.json", lambda node: node["attributes"].pop("scale")),
            "time does not say its scale",
        ),
        (lambda path: shutil.rmtree(path / "polarization"), "there is no polarization"),
    ],
)
def test_every_fault_is_named_and_is_one_to_xradio(
    spoil: Callable[[Path], None], fault: str, image: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cube.zarr"
    shutil.copytree(image, path)
    spoil(path)
    assert any(fault in found for found in schema_faults(FolderFiles(path)))
    assert xradio_faults(image) == []
    assert xradio_faults(path)


def test_axes_with_other_names_are_named(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "cube.zarr"
    shutil.copytree(image, path)
    swapped = ["time", "frequency", "polarization", "m", "l"]
    _edit("SKY/zarr.json", lambda node: node.update(dimension_names=swapped))(path)
    assert schema_faults(FolderFiles(path)) == [
        "the axes of SKY are (time, frequency, polarization, m, l), not (time, frequency, polarization, l, m)"
    ]
    assert "no valid xradio image 0.0.2: the axes of SKY" in describe(ts.open_cube(path))


def test_metadata_that_cannot_be_read_are_a_fault(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "cube.zarr"
    shutil.copytree(image, path)
    (path / "time" / "zarr.json").write_text("{")
    assert schema_faults(FolderFiles(path))[0].startswith("the metadata of an array cannot be read")


def test_coordinates_that_were_changed_later_are_told(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "cube.zarr"
    shutil.copytree(image, path)
    frequency = zarr.open_array(path / "frequency", mode="r+")
    frequency[:] = frequency[:] + 1e6
    shutil.rmtree(path / "l" / "c")
    assert schema_faults(FolderFiles(path)) == [
        f"{name} is not that of the header, which Tessellar goes by" for name in ("frequency", "l")
    ]


def test_an_array_alone_is_no_image(image: Path) -> None:
    assert schema_faults(FolderFiles(image / "SKY")) == ["it is an array alone"]
