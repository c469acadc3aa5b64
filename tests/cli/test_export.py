"""A finished run is laid out for other programs: what they read is what was found; bad input is one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from cli_calls import SMALL, call, complaint, voxels_with_sources, write_cube

import tessellar as ts
from tessellar.challenge.tables import read_table
from tessellar.errors import InputError
from tessellar.io import mask_fits
from tessellar.io.catalogue import read_catalogue
from tessellar.report import export_products

USAGE, BAD_INPUT = 2, 3
CUBELET = {
    *("cube.fits", "mask.fits", "mom0.fits", "mom1.fits", "mom2.fits", "chan.fits", "snr.fits", "pv.fits"),
    "spec.txt",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a cube with a name that is odd in files."""
    folder = tmp_path_factory.mktemp("export")
    cube = write_cube(folder / "ngc 1.fits", voxels_with_sources(SMALL))
    assert call("find", cube, "--out", folder / "run", "-q").exit_code == 0
    return folder / "run"


@pytest.fixture(scope="module")
def sofia(run: Path) -> Path:
    """The run as SoFiA would have left it."""
    out = run.parent / "sofia"
    assert call("export", run, out, "--format", "sofia", "-q").exit_code == 0
    return out


def copy_of(run: Path, folder: Path) -> Path:
    return shutil.copytree(run, folder / "run")


def digests(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_file_has_the_name_that_sofia_gives_it(run: Path, sofia: Path) -> None:
    sources = read_catalogue(run)
    assert len(sources) == 2
    whole = {f"ngc_1_{ending}" for ending in ("cat.txt", "cat.xml", "mask.fits", "mom0.fits", "mom1.fits")}
    whole |= {"ngc_1_mom2.fits", "ngc_1_chan.fits", "ngc_1_cubelets", "export.json"}
    assert {path.name for path in sofia.iterdir()} == whole
    made = {path.name for path in (sofia / "ngc_1_cubelets").iterdir()}
    assert made == {f"ngc_1_{number}_{ending}" for number in (1, 2) for ending in CUBELET}


@pytest.mark.parametrize("file", ["ngc_1_cat.txt", "ngc_1_cat.xml"])
def test_the_catalogue_reads_back_to_the_last_bit(run: Path, sofia: Path, file: str) -> None:
    ours, theirs = read_catalogue(run), read_table(sofia / file)
    assert theirs.colnames == [*ours.colnames, "tsl_id"]
    assert theirs["id"].tolist() == [1, 2]
    assert theirs["tsl_id"].tolist() == ours["id"].tolist()
    for name in set(ours.colnames) - {"id", "name"}:
        mine, other = ours[name], theirs[name]
        assert mine.unit == other.unit
        np.testing.assert_array_equal(np.asarray(mine), np.ma.filled(np.asarray(other), np.nan))
    assert [str(name) for name in theirs["name"]] == [str(name) for name in ours["name"]]


@pytest.mark.parametrize("file", ["ngc_1_cat.txt", "ngc_1_cat.xml"])
def test_match_finds_the_catalogue_equal_to_itself(run: Path, sofia: Path, file: str) -> None:
    found = ts.match(sofia / file, run)
    assert found.completeness == found.reliability == 1
    assert found.flux_ratio is not None
    assert (found.flux_ratio.median, found.flux_ratio.scatter) == (1, 0)
    assert [(offset.median, offset.scatter) for offset in found.offsets] == [(0, 0)] * 3


def test_the_text_has_the_lines_of_sofia(sofia: Path) -> None:
    lines = (sofia / "ngc_1_cat.txt").read_text().splitlines()
    assert lines[0] == "# SoFiA source catalogue"
    assert all(line.startswith("#") for line in lines[:20])
    numbers, names, units = (line[1:].split() for line in lines[17:20])
    assert numbers == [str(number + 1) for number in range(len(names))]
    assert len(names) == len(units)
    assert dict(zip(names, units, strict=True))["f_sum"] == "Jy*Hz"
    assert dict(zip(names, units, strict=True))["rms"] == "Jy/beam"
    assert dict(zip(names, units, strict=True))["n_pix"] == "-"
    assert lines[20] == ""
    assert len(lines) == 23


def test_spectra_have_the_four_columns_and_the_lines_of_sofia(run: Path, sofia: Path) -> None:
    source = int(read_catalogue(run)["id"][1])
    ours = np.loadtxt(run / "cubelets" / f"ngc_1_{source}_spec.txt")
    spectrum = sofia / "ngc_1_cubelets" / "ngc_1_2_spec.txt"
    np.testing.assert_array_equal(np.loadtxt(spectrum), ours[:, :4])
    lines = spectrum.read_text().splitlines()
    assert [line.startswith("#") for line in lines[:48]] == [True] * 47 + [False]
    assert lines[44][1:].split() == ["chan", "freq", "f_sum", "n_pix"]
    assert lines[45][1:].split() == ["-", "Hz", "Jy", "-"]


def test_cubelets_are_those_of_the_run_but_for_what_sofia_calls_otherwise(run: Path, sofia: Path) -> None:
    source = int(read_catalogue(run)["id"][1])
    for product in ("cube", "mom0", "mom1", "mom2", "chan", "snr", "pv", "mask"):
        with (
            fits.open(run / "cubelets" / f"ngc_1_{source}_{product}.fits") as ours,
            fits.open(sofia / "ngc_1_cubelets" / f"ngc_1_2_{product}.fits") as theirs,
        ):
            times = 2 if product == "mask" else 1  # the number of the source
            np.testing.assert_array_equal(theirs[0].data, ours[0].data.astype(theirs[0].data.dtype) * times)
            theirs.verify("exception")
            differing = {key for key in ours[0].header if ours[0].header[key] != theirs[0].header[key]}
            assert differing == {"mom0": {"BUNIT"}, "pv": {"CTYPE1"}, "mask": {"BITPIX"}}.get(product, set())
            if product == "mom0":
                assert theirs[0].header["BUNIT"] == "Jy/beam*Hz"
    assert fits.getheader(sofia / "ngc_1_mom0.fits")["BUNIT"] == "Jy/beam*Hz"


@pytest.mark.parametrize("piece", [None, 7])
@pytest.mark.parametrize("layout", ["sofia", "fits"])
def test_the_mask_has_the_rows_of_the_catalogue(
    run: Path, tmp_path: Path, layout: str, piece: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if piece is not None:  # so small that rows and channels are cut
        monkeypatch.setattr(mask_fits, "_PIECE_VOXELS", piece)
        monkeypatch.setattr(mask_fits, "_DEPTH", 3)
        monkeypatch.setattr(mask_fits, "_ROWS", piece)
    ts.export(run, tmp_path / "out", format=layout)
    labels = fits.getdata(tmp_path / "out" / "ngc_1_mask.fits")
    header = fits.getheader(tmp_path / "out" / "ngc_1_mask.fits")
    sources = read_catalogue(run)
    assert labels.dtype.name == "int32"
    assert labels.shape == SMALL
    assert np.bincount(labels.ravel())[1:].tolist() == sources["n_pix"].tolist()
    for number, row in enumerate(sources, start=1):
        zs, ys, xs = np.nonzero(labels == number)
        found = [[int(axis.min()), int(axis.max())] for axis in (xs, ys, zs)]
        assert found == [[int(row[f"{axis}_{end}"].value) for end in ("min", "max")] for axis in "xyz"]
    assert (header["CTYPE1"], header["CTYPE3"], header["RESTFRQ"]) == ("RA---SIN", "FREQ", 1.420405751786e9)


def test_the_fits_table_has_units_and_meanings(run: Path, tmp_path: Path) -> None:
    ts.export(run, tmp_path / "out", format="fits")
    ours = read_catalogue(run)
    with fits.open(tmp_path / "out" / "ngc_1_cat.fits") as hdus:
        hdus.verify("exception")
        header = hdus["CATALOGUE"].header
        place = ours.colnames.index("f_sum") + 1
        assert header[f"TUCD{place}"] == "phot.flux"
        assert header[f"TCOMM{place}"].startswith("Integrated flux")
        assert "ngc 1.fits" in str(header["HISTORY"])
    theirs = Table.read(tmp_path / "out" / "ngc_1_cat.fits")
    assert theirs.colnames == ours.colnames
    for name in ours.colnames:
        values = getattr(ours[name], "value", ours[name])
        np.testing.assert_array_equal(np.asarray(values).astype(str), np.asarray(theirs[name]).astype(str))
        assert theirs[name].unit == ours[name].unit
    names = {path.name for path in (tmp_path / "out").iterdir()}
    maps = {f"ngc_1_{name}.fits" for name in ("mom0", "mom1", "mom2", "chan", "snr")}
    assert names == maps | {"ngc_1_cat.fits", "ngc_1_mask.fits", "export.json"}


@pytest.mark.parametrize("layout", ["sofia", "fits"])
def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path, layout: str) -> None:
    one, two = (ts.export(run, tmp_path / name, format=layout) for name in ("one", "two"))
    assert digests(one) == digests(two)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_an_interrupted_export_goes_on_and_ends_the_same(
    run: Path, sofia: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    copy = export_products.copy_fits

    def copy_five(source: Path, target: Path, cards: object) -> None:
        if len(copied) == 5:
            raise KeyboardInterrupt
        copied.append(target.name)
        copy(source, target, cards)

    monkeypatch.setattr(export_products, "copy_fits", copy_five)
    result = call("export", run, tmp_path / "out", "--format", "sofia", "-q")
    assert result.exit_code == 130
    assert "Repeat the command to resume" in result.stderr
    assert not (tmp_path / "out").exists()
    again: list[str] = []
    monkeypatch.setattr(
        export_products, "copy_fits", lambda a, b, cards: (again.append(b.name), copy(a, b, cards))
    )
    assert call("export", run, tmp_path / "out", "--format", "sofia", "-q").exit_code == 0
    assert digests(tmp_path / "out") == digests(sofia)
    assert not set(copied) & set(again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_what_was_begun_of_another_run_is_not_kept(run: Path, sofia: Path, tmp_path: Path) -> None:
    other = copy_of(run, tmp_path)
    info = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps(info | {"seconds": 1.0}))
    (other / "maps" / "mom0.fits").write_bytes(b"")
    assert "mom0.fits" in complaint(
        call("export", other, tmp_path / "out", "--format", "sofia", "-q"), BAD_INPUT
    )
    assert call("export", run, tmp_path / "out", "--format", "sofia", "-q").exit_code == 0
    assert digests(tmp_path / "out") == digests(sofia)


def test_an_output_that_exists_is_replaced_only_when_asked(run: Path, tmp_path: Path) -> None:
    words = ("export", run, tmp_path / "out", "--format", "fits", "-q")
    assert call(*words).exit_code == 0
    assert "exists already" in complaint(call(*words), USAGE)
    (tmp_path / "out" / "ngc_1_cat.fits").unlink()
    assert call(*words, "--overwrite").exit_code == 0
    assert (tmp_path / "out" / "ngc_1_cat.fits").exists()


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_another_folder_or_a_file_is_never_replaced(
    run: Path, tmp_path: Path, overwrite: tuple[str, ...]
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("thesis", "file", "no/where"):
        complaint(call("export", run, tmp_path / name, "--format", "fits", "-q", *overwrite), USAGE)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["chapter1.tex", "file", "thesis"]


@pytest.mark.parametrize("layout", ["sdc4", "csv", ""])
def test_a_format_that_does_not_exist_names_those_that_do(run: Path, tmp_path: Path, layout: str) -> None:
    said = complaint(call("export", run, tmp_path / "out", "--format", layout), USAGE)
    assert not (tmp_path / "out").exists()
    if layout:
        assert "sofia, fits, sdc2" in said


def test_a_submission_is_what_its_scorer_reads(run: Path, tmp_path: Path) -> None:
    words = ("export", run, tmp_path / "mine.txt", "--format", "sdc2")
    assert call(*words, "-q", "--errors", tmp_path / "errors.ecsv").exit_code == 0
    assert QTable.read(tmp_path / "errors.ecsv")["err_w20"].unit == "km/s"
    lines = (tmp_path / "mine.txt").read_text().splitlines()
    assert lines[0] == "id ra dec hi_size line_flux_integral central_freq pa i w20"
    assert len(lines) == 1  # the cube is at 1.42 GHz, beyond the band
    assert "2 of 2 sources are not in mine.txt" in call(*words, "--overwrite").stderr
    assert "exists already" in complaint(call(*words, "-q"), USAGE)


def test_discs_are_fitted_for_the_challenge_only(run: Path, tmp_path: Path) -> None:
    said = complaint(call("export", run, tmp_path / "out", "--format", "fits", "--fit", run), USAGE)
    assert "for sdc2 only" in said
    said = complaint(
        call("export", run, tmp_path / "out", "--format", "sdc2", "--fit", "none.fits"), BAD_INPUT
    )
    assert "none.fits" in said


@pytest.mark.parametrize("layout", ["fits", "sdc2"])
def test_what_is_no_run_is_refused(tmp_path: Path, layout: str) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        said = complaint(call("export", tmp_path / name, tmp_path / "out", "--format", layout), BAD_INPUT)
        assert "not the folder of a run" in said


@pytest.mark.parametrize("layout", ["fits", "sdc2"])
def test_an_unfinished_run_is_refused(run: Path, tmp_path: Path, layout: str) -> None:
    unfinished = copy_of(run, tmp_path)
    for name in ("catalogue.ecsv", "catalogue.vot", "catalogue.parquet", "run.json"):
        (unfinished / name).unlink()
    said = complaint(call("export", unfinished, tmp_path / "out", "--format", layout), BAD_INPUT)
    assert "is unfinished" in said
    assert not (tmp_path / "out").exists()


def test_a_partial_run_is_exported_with_a_warning(run: Path, tmp_path: Path) -> None:
    partial = copy_of(run, tmp_path)
    info = json.loads((partial / "run.json").read_text())
    (partial / "run.json").write_text(json.dumps(info | {"partial": True}))
    result = call("export", partial, tmp_path / "out", "--format", "fits")
    assert result.exit_code == 0
    assert "is partial" in result.stderr
    assert json.loads((tmp_path / "out" / "export.json").read_text())["partial"] is True


def test_what_a_run_lacks_is_told_and_left_out(run: Path, tmp_path: Path) -> None:
    bare = copy_of(run, tmp_path)
    for name in ("mask.zarr", "maps", "cubelets"):
        shutil.rmtree(bare / name)
    result = call("export", bare, tmp_path / "out", "--format", "sofia")
    assert result.exit_code == 0
    for said in ("no mask.zarr", "no maps", "0 sources of 2 have cubelets"):
        assert said in result.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "ngc_1_cat.txt",
        "ngc_1_cat.xml",
        "export.json",
    }


@pytest.mark.parametrize(
    "file", ["maps/mom1.fits", "cubelets/*_mask.fits", "cubelets/*_spec.txt", "mask.zarr/zarr.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"neither FITS nor text"])
def test_a_damaged_product_is_one_sentence(
    run: Path, tmp_path: Path, file: str, content: bytes | None
) -> None:
    damaged = copy_of(run, tmp_path)
    victim = next(damaged.glob(file))
    victim.unlink()
    if content is not None:
        victim.write_bytes(content)
    said = complaint(call("export", damaged, tmp_path / "out", "--format", "sofia", "-q"), BAD_INPUT)
    assert "Run the find again." in said
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError):
        ts.export(damaged, tmp_path / "out", format="sofia")


def test_a_run_without_sources_has_an_empty_catalogue(tmp_path: Path) -> None:
    voxels = np.random.default_rng(3).normal(0, 1e-3, SMALL).astype(np.float32)
    cube = write_cube(tmp_path / "void.fits", voxels)
    assert (
        call("find", "--no-report", cube, "--out", tmp_path / "run", "-q", "--threshold", "9").exit_code == 0
    )
    for layout in ("sofia", "fits"):
        assert call("export", tmp_path / "run", tmp_path / layout, "--format", layout, "-q").exit_code == 0
    assert len(read_table(tmp_path / "sofia" / "void_cat.xml")) == 0
    assert len(Table.read(tmp_path / "fits" / "void_cat.fits")) == 0
    assert not fits.getdata(tmp_path / "fits" / "void_mask.fits").any()
