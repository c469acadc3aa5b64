"""Addresses where paths are needed: nothing is written into a folder that is named like a scheme."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.cli_calls import call

from tessellar.errors import UsageError
from tessellar.io.naming import is_address, refuse_address


@pytest.mark.parametrize("text", ["s3://bucket/run", "gs://b/c.zarr", "https://host/x.fits", "file:///tmp/x"])
def test_addresses_are_no_outputs(text: str) -> None:
    assert is_address(text)
    with pytest.raises(UsageError, match="is an address, and output is written to disks"):
        refuse_address(Path(text))


@pytest.mark.parametrize("text", ["run", "a:b/run", "/data/s3:/run", "./x", "C:/run", "s3:", "10:30/run"])
def test_paths_are(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").mkdir()
    assert not is_address(text)
    refuse_address(Path(text))


@pytest.mark.parametrize(
    "words",
    [
        ["find", "procedural://noise?shape=8,16,16", "--out", "s3://bucket/run"],
        ["convert", "procedural://noise?shape=8,16,16", "s3://bucket/cube.zarr"],
        ["simulate", "hi", "s3://bucket/cube.fits", "--shape", "4,8,8"],
        ["demo", "--out", "s3://bucket/demo"],
        ["denoise", "procedural://noise?shape=8,16,16", "gs://bucket/cube.fits"],
        ["foregrounds", "procedural://eor?shape=8,16,16&pixel_arcsec=16", "gs://bucket/cube.zarr"],
    ],
)
def test_no_command_writes_into_a_folder_of_that_name(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(*words)
    assert done.exit_code == 2
    assert "is an address, and output is written to disks" in done.stderr
    assert not list(tmp_path.iterdir())
