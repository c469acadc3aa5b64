"""Cubes that cannot be used: one clear sentence, the right exit code, and nothing that looks like a result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli_calls import SMALL, call, catalogues_in, complaint, voxels_with_sources, write_cube

from tessellar.challenge.tables import read_table

BAD_INPUT = 3
Maker = Callable[[Path], Path]


def missing(folder: Path) -> Path:
    return folder / "no.fits"


def empty(folder: Path) -> Path:
    path = folder / "empty.fits"
    path.touch()
    return path


def text(folder: Path) -> Path:
    path = folder / "text.fits"
    path.write_text("This is a list of cubes.\n" * 200)
    return path


def truncated(folder: Path) -> Path:
    path = write_cube(folder / "whole.fits", voxels_with_sources(SMALL))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def truncated_in_the_header(folder: Path) -> Path:
    path = write_cube(folder / "header.fits", voxels_with_sources(SMALL))
    path.write_bytes(path.read_bytes()[:1000])
    return path


def image(folder: Path) -> Path:
    from astropy.io import fits

    path = folder / "image.fits"
    fits.PrimaryHDU(np.zeros((20, 20), np.float32)).writeto(path)
    return path


def table(folder: Path) -> Path:
    from astropy.io import fits

    path = folder / "table.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([])]).writeto(path)
    return path


def no_data(folder: Path) -> Path:
    from astropy.io import fits

    path = folder / "nodata.fits"
    fits.PrimaryHDU().writeto(path)
    return path


def empty_zarr(folder: Path) -> Path:
    path = folder / "cube.zarr"
    path.mkdir()
    return path


def corrupt_zarr(folder: Path) -> Path:
    path = whole_zarr(folder)
    (path / "zarr.json").write_text('{"zarr_format": 3, "node_ty')
    return path


def zarr_without_sky(folder: Path) -> Path:
    path = whole_zarr(folder)
    shutil.rmtree(path / "SKY")
    return path


def corrupt_sky(folder: Path) -> Path:
    path = whole_zarr(folder)
    (path / "SKY" / "zarr.json").write_text("{}")
    return path


def whole_zarr(folder: Path) -> Path:
    fits = write_cube(folder / "source.fits", voxels_with_sources(SMALL))
    result = call("convert", fits, folder / "cube.zarr", "--quiet")
    assert result.exit_code == 0, result.output
    return folder / "cube.zarr"


RESULTS = (".vot", ".parquet", ".ecsv", ".json", ".toml", ".html", ".npz")

UNREADABLE: dict[Maker, str] = {
    missing: "no.fits",
    empty: "empty",
    text: "text",
    truncated: "truncated",
    truncated_in_the_header: "header.fits",
    image: "image.fits",
    table: "table.fits",
    no_data: "nodata.fits",
    empty_zarr: "zarr.json",
    corrupt_zarr: "cube.zarr",
    zarr_without_sky: "cube.zarr",
    corrupt_sky: "cube.zarr",
}


@pytest.mark.parametrize("make", UNREADABLE, ids=lambda make: make.__name__)
def test_every_command_refuses_what_is_no_cube_in_one_sentence(make: Maker, empty_folder: Path) -> None:
    path = make(empty_folder)
    for words in (
        ("info", path),
        ("plan", path),
        ("find", path, "--out", "run"),
        ("convert", path, "out.zarr"),
        ("convert", path, "out.fits"),
    ):
        assert UNREADABLE[make] in complaint(call(*words), BAD_INPUT)
    assert not Path("run").exists()
    assert not Path("out.zarr").exists()
    assert not Path("out.fits").exists()


def test_a_refused_command_leaves_the_earlier_run_alone(empty_folder: Path) -> None:
    path = write_cube(empty_folder / "cube.fits", voxels_with_sources(SMALL))
    assert call("find", "--no-report", path, "--out", "run", "-q").exit_code == 0
    before = {file.name: file.read_bytes() for file in Path("run").iterdir() if file.suffix in RESULTS}
    assert len(before) >= 6
    whole = path.read_bytes()
    path.write_bytes(whole[:6000])
    complaint(call("find", path, "--out", "run", "-q"), BAD_INPUT)
    complaint(call("find", "cubee.fits", "--out", "run", "-q"), BAD_INPUT)
    path.write_bytes(whole[:-5000] + bytes(5000))
    assert "--fresh" in complaint(call("find", "--no-report", path, "--out", "run", "-q"), 2)
    after = {file.name: file.read_bytes() for file in Path("run").iterdir() if file.suffix in RESULTS}
    assert after == before


def test_a_cube_of_other_content_does_not_resume_a_run(empty_folder: Path) -> None:
    path = write_cube(empty_folder / "cube.fits", voxels_with_sources(SMALL))
    assert call("find", "--no-report", path, "--out", "run", "-q").exit_code == 0
    path.unlink()
    write_cube(path, -voxels_with_sources(SMALL), OBJECT="OTHER")
    before = catalogues_in(Path("run"))
    assert "--fresh" in complaint(call("find", "--no-report", path, "--out", "run", "-q"), 2)
    assert catalogues_in(Path("run")) == before
    assert call("find", "--no-report", path, "--out", "run", "-q", "--fresh").exit_code == 0
    assert catalogues_in(Path("run")) != before


def test_a_cube_of_nothing_but_blanks_is_refused_and_leaves_no_catalogue(empty_folder: Path) -> None:
    path = write_cube(empty_folder / "nan.fits", np.full(SMALL, np.nan, np.float32))
    assert "blank" in complaint(call("find", path, "--out", "run"), BAD_INPUT)
    assert catalogues_in(Path("run")) == {}
    assert call("info", path).exit_code == 0
    assert call("plan", path).exit_code == 0


@pytest.mark.parametrize(("name", "value"), [("zeros", 0.0), ("positive", 1.0), ("infinite", np.inf)])
def test_a_cube_without_negative_voxels_gives_an_empty_catalogue_and_a_warning(
    name: str, value: float, empty_folder: Path
) -> None:
    voxels = np.full(SMALL, value, np.float32)
    voxels[0] = 0.5
    path = write_cube(empty_folder / f"{name}.fits", voxels)
    result = call("find", "--no-report", path, "--out", "run")
    assert result.exit_code == 0, result.output
    assert "too few negative voxels" in result.stderr
    assert result.stdout.startswith("0 sources")
    assert len(catalogues_in(Path("run"))) == 3
    assert b"f_sum" in catalogues_in(Path("run"))["catalogue.ecsv"]


def test_a_broken_shard_fails_its_tiles_and_no_others(empty_folder: Path) -> None:
    fits = write_cube(empty_folder / "source.fits", voxels_with_sources((96, 36, 30)))
    assert call("convert", fits, "cube.zarr", "--tile", "16,32,32", "-q").exit_code == 0
    shards = sorted(path for path in Path("cube.zarr/SKY/c").rglob("*") if path.is_file())
    assert len(shards) == 12
    whole = shards[-1].read_bytes()
    shards[-1].write_bytes(whole[:100])
    words = ("find", "cube.zarr", "--out", "run", "--tile", "16,36,36", "--fresh")
    sentence = complaint(call(*words), 1)
    assert "failed" in sentence
    assert "damaged" in sentence
    assert sentence.endswith("try them again: tessellar find cube.zarr --out run --tile 16,36,36")
    assert len(catalogues_in(Path("run"))) == 3
    assert "some tiles failed" in Path("run/catalogue.ecsv").read_text()
    assert len(read_table("run")) == 2

    shards[-1].write_bytes(whole)
    assert "--fresh" in complaint(call(*words[:-1], "-q"), 2)  # the cube is not the one that was begun with
    assert call(*words, "-q").exit_code == 0
    assert call("find", "--no-report", fits, "--out", "whole", "-q").exit_code == 0
    assert len(read_table("run")) == len(read_table("whole"))
    assert catalogues_in(Path("run")).keys() == catalogues_in(Path("whole")).keys()


def test_a_broken_shard_is_not_converted(empty_folder: Path) -> None:
    path = whole_zarr(empty_folder)
    shard = next(file for file in (path / "SKY" / "c").rglob("*") if file.is_file())
    shard.write_bytes(shard.read_bytes()[:100])
    complaint(call("convert", path, "out.fits"), BAD_INPUT)
    assert not Path("out.fits").exists()


@pytest.mark.parametrize(
    "name",
    [
        "two words.fits",
        "NGC 1365 Ω–ï.fits",
        "two\nlines.fits",
        "cube[1].fits",
        "--odd.fits",
        "a'b\"c;$x.fits",
    ],
)
def test_a_hostile_name_is_just_a_name(name: str, empty_folder: Path) -> None:
    path = write_cube(empty_folder / name, voxels_with_sources(SMALL))
    assert call("info", path).exit_code == 0
    assert call("plan", path).exit_code == 0
    result = call("find", path, "--out", f"run of {name}", "-q")
    assert result.exit_code == 0, result.output
    first = catalogues_in(Path(f"run of {name}"))
    assert len(first) == 3
    assert (
        call("find", "--no-report", "--config", f"run of {name}/run.toml", "--out", "again", "-q").exit_code
        == 0
    )
    assert catalogues_in(Path("again")) == first
    assert call("convert", path, f"copy of {name}.zarr", "-q").exit_code == 0
    assert call("info", f"copy of {name}.zarr").exit_code == 0


def test_a_missing_cube_of_hostile_name_is_named_on_one_line() -> None:
    assert "two\\nlines.fits" in complaint(call("info", "two\nlines.fits"), BAD_INPUT)
    assert "UTF-8" in complaint(call("info", "odd\udcff.fits"), 2)
