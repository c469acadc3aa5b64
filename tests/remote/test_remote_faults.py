"""What goes wrong with servers is a sentence and a documented exit code, and what passes is waited for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import obstore
import pytest
from cli_calls import call, complaint
from cubes import numbers, write_cube
from memory_cube import noisy
from obstore.exceptions import GenericError, PermissionDeniedError
from test_remote_cubes import SHAPE, assert_same, made, sky, stored
from web_server import Web

import tessellar as ts
from tessellar.errors import CubeNotFoundError, InputError, UsageError
from tessellar.tiling.box import Box

Put = Callable[[Path, str], str]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host/cube.fits", "of a kind that is not read"),
        ("s3://bucket", "names no cube"),
        ("s3://bucket/", "names no cube"),
        ("https://host", "names no cube"),
        ("https://me:secret@host/cube.fits", "holds a password"),
        ("https://host/cube.fits?token=1", "query or fragment"),
    ],
)
def test_what_is_no_address_of_a_cube_is_refused(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        ts.open_cube(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["nothing.zarr", "nothing.fits", "no/such/folder"])
def test_what_is_not_there(web: Web, s3: Put, name: str, tmp_path: Path) -> None:
    s3(write_cube(tmp_path / "cube.fits", numbers(SHAPE)), "another.fits")
    for address in (f"{web.url}/{name}", f"s3://sky/{name}", f"s3://no-bucket/{name}"):
        with pytest.raises(CubeNotFoundError, match="There is no cube"):
            ts.open_cube(address)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("cube.txt", b"a text", "is no FITS file"),
        ("cube.fits.gz", b"\x1f\x8b123", "compressed as a whole"),
        ("cube.fits", b"SIMPLE  =", "no header of it ends"),
        ("empty.fits", b"", "is no FITS file"),
    ],
)
def test_what_is_no_cube(web: Web, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        ts.open_cube(f"{web.url}/{name}")


def test_a_truncated_file(web: Web, tmp_path: Path) -> None:
    path = write_cube(tmp_path / "cube.fits", numbers(SHAPE))
    path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(InputError, match="is truncated: its header promises"):
        ts.open_cube(f"{web.url}/cube.fits")


def test_a_server_that_is_not_there(web: Web) -> None:
    address = f"{web.url}/cube.fits"
    web.shutdown()
    web.server_close()
    assert "Check the address and the network" in complaint(call("info", address), 3)


def test_what_may_not_be_read(web: Web, tmp_path: Path) -> None:
    made(tmp_path, "fits")
    web.faults["cube.fits"] = ["403"] * 20
    with pytest.raises(InputError, match=r"may not be read \(.*403.*\)"):
        ts.open_cube(f"{web.url}/cube.fits")


def test_without_the_library_addresses_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UsageError, match=r"pip install 'tessellar\[s3\]'"):
        ts.open_cube("s3://bucket/cube.zarr")


@pytest.mark.parametrize("kind", ["sharded", "fits"])
@pytest.mark.parametrize("fault", ["503", "drop"])
def test_a_server_that_fails_now_and_then_is_asked_again(
    web: Web, tmp_path: Path, kind: str, fault: str
) -> None:
    path = made(tmp_path, kind)
    names = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())[::4]
    web.faults.update({name: [fault, "", fault] for name in names})
    assert_same(ts.open_cube(f"{web.url}/{path.name}"), ts.open_cube(path))
    assert not any(web.faults[name] for name in names if "/SKY/c/" in name or name == "cube.fits")


def test_an_answer_that_breaks_off_is_asked_for_again(web: Web, tmp_path: Path) -> None:
    path = made(tmp_path, "fits")
    source = ts.open_cube(f"{web.url}/cube.fits")
    web.faults["cube.fits"] = ["cut"]
    box = Box.of_shape(SHAPE)
    np.testing.assert_array_equal(source.read(box), ts.open_cube(path).read(box))
    assert not web.faults["cube.fits"]


def test_a_lost_shard_is_damage(web: Web, s3: Put, tmp_path: Path) -> None:
    path = stored(tmp_path / "cube.zarr", noisy(SHAPE))
    shard = path / "SKY" / "c" / "0" / "1" / "0" / "1" / "1"
    shard.unlink()
    for address in (f"{web.url}/cube.zarr", s3(path, "lost/cube.zarr")):
        with pytest.raises(InputError, match="SKY/c/0/1/0/1/1 is missing"):
            ts.open_cube(address).read(Box.of_shape(SHAPE))


def test_a_cut_shard_is_damage(web: Web, tmp_path: Path) -> None:
    path = stored(tmp_path / "cube.zarr", noisy(SHAPE))
    shard = path / "SKY" / "c" / "0" / "1" / "0" / "1" / "1"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(InputError, match="SKY/c/0/1/0/1/1 cannot be read"):
        ts.open_cube(f"{web.url}/cube.zarr").read(Box.of_shape(SHAPE))


@pytest.mark.parametrize("place", ["bucket", "web"])
def test_another_cube_of_the_same_name_is_noticed(web: Web, s3: Put, tmp_path: Path, place: str) -> None:
    def address_of(seed: int) -> str:
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        path = stored(folder / "cube.zarr", noisy(SHAPE, seed))
        if place == "bucket":
            return s3(path, "again/cube.zarr")
        served = tmp_path / "served.zarr"
        if served.is_symlink():
            served.unlink()
        served.symlink_to(path)
        return f"{web.url}/served.zarr"

    first = ts.open_cube(address_of(1)).identity
    assert ts.open_cube(address_of(2)).identity != first


def test_a_file_that_was_replaced_is_not_read_on_by_another_worker(web: Web, tmp_path: Path) -> None:
    import pickle

    path = write_cube(tmp_path / "cube.fits", numbers(SHAPE))
    text = pickle.dumps(ts.open_cube(f"{web.url}/cube.fits"))
    write_cube(path, numbers(SHAPE, seed=1))
    with pytest.raises(InputError, match="was changed while it was in use"):
        pickle.loads(text)


def test_tiles_that_a_server_did_not_give_are_told_and_come_with_the_next_run(
    web: Web, tmp_path: Path
) -> None:
    here = sky(tmp_path / "cube.zarr")
    find = ("find", f"{web.url}/cube.zarr", "--tile", "16,32,32", "--quiet", "--out", tmp_path / "run")
    web.faults["cube.zarr/SKY/c/0/2/0/2/2"] = ["404"] * 10_000
    partial = call(*find)
    assert partial.exit_code == 1, partial.output
    assert "SKY/c/0/2/0/2/2 is missing" in partial.stderr
    web.faults.clear()
    assert call(*find).exit_code == 0
    expected = ts.find_sources(here, out=tmp_path / "here").folder / "catalogue.ecsv"
    assert (tmp_path / "run" / "catalogue.ecsv").read_bytes() == expected.read_bytes()


def test_a_list_that_is_forbidden_is_done_without_and_one_that_fails_is_no_other_cube(
    s3: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = s3(stored(tmp_path / "cube.zarr", noisy(SHAPE)), "listed/cube.zarr")

    def fails(error: Exception) -> None:
        def listing(*given: object, **more: object) -> None:
            raise error

        monkeypatch.setattr(obstore, "list", listing)

    fails(PermissionDeniedError("not for you"))
    assert ts.open_cube(address).identity.startswith("zarr ")
    fails(GenericError("no route to the server"))
    with pytest.raises(InputError, match="no route to the server"):
        _ = ts.open_cube(address).identity
