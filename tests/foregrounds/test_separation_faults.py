"""Separations that cannot be, or that go wrong on the way: one clear sentence, the right exit code, nothing lost."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from mock_sky import kelvin_meta, mock_sky, write_cube

import tessellar as ts
from tessellar.errors import InputError, MemoryBudgetError, TessellarError, UsageError
from tessellar.model import Beam, CubeMeta, FloatArray, SpectralAxis
from tessellar.tiling.box import Box

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from cli_calls import call, complaint

BAD_INPUT, USAGE = 3, 2


@dataclass
class Cube:
    """An array as a cube; boxes that touch a broken pixel of the sky cannot be read."""

    voxels: FloatArray
    meta: CubeMeta
    broken: tuple[int, int] | None = None
    identity: str = "cube"
    chunks = None
    stored_bytes = 0

    def read(self, box: Box) -> FloatArray:
        if self.broken is not None:
            l, m = self.broken  # noqa: E741
            if box.start[1] <= l < box.stop[1] and box.start[2] <= m < box.stop[2] and box.shape[1] > 8:
                raise InputError("the disk has a bad sector.")
        return np.ascontiguousarray(self.voxels[box.slices()])


def cube(**changes: object) -> Cube:
    voxels = mock_sky((24, 48, 80)).cube
    return Cube(voxels, replace(kelvin_meta(voxels.shape), **changes))  # type: ignore[arg-type]


def axis(kind: str, unit: str, values: object, rest: float | None = None) -> SpectralAxis:
    return SpectralAxis(kind, unit, tuple(np.asarray(values, float).tolist()), rest)


def test_pieces_that_cannot_be_read_are_blank_and_told(tmp_path):
    broken = replace_broken(cube(), (45, 77))
    clean = ts.separate_foregrounds(
        broken, ts.PCA(2), out=tmp_path / "clean.zarr", tile=(24, 32, 32), power=False
    )
    assert not clean.complete
    assert clean.info["partial"]
    assert clean.info["tiles_failed"] == 1
    voxels = clean.cube.read(Box.of_shape(broken.meta.shape))
    assert np.isnan(voxels[:, 32:, 64:]).all()
    assert np.isfinite(voxels[:, :32]).all()
    assert any("bad sector" in warning for warning in clean.info["warnings"])


def replace_broken(found: Cube, pixel: tuple[int, int]) -> Cube:
    return Cube(found.voxels, found.meta, pixel)


@pytest.mark.parametrize(
    ("spectral", "words"),
    [
        (axis("channel", "", range(24)), "frequencies of cube are not known"),
        (axis("v_rad", "m/s", np.arange(24) * 1e3), "frequencies of cube are not known"),
        (axis("freq", "Hz", [1e8, 1.1e8, 1.05e8] * 8), "frequencies of cube are not known"),
    ],
    ids=["no axis", "velocity", "not ascending"],
)
def test_a_cube_without_frequencies_is_refused(tmp_path, spectral, words):
    with pytest.raises(InputError, match=words):
        ts.separate_foregrounds(cube(spectral=spectral), out=tmp_path / "clean.zarr")
    assert not list(tmp_path.iterdir())


def test_velocities_with_a_rest_frequency_will_do_without_power(tmp_path):
    spectral = axis("v_rad", "m/s", np.arange(24) * 1e3, 1.42e9)
    clean = ts.separate_foregrounds(cube(spectral=spectral), ts.PCA(2), out=tmp_path / "clean.zarr")
    assert any("The power is not measured" in warning for warning in clean.info["warnings"])
    assert not (clean.folder / "power.ecsv").exists()


def test_an_injection_into_a_cube_without_kelvin_is_refused(tmp_path):
    jansky = cube(unit="Jy / beam")
    with pytest.raises(InputError, match="does not say what its beam is"):
        ts.separate_foregrounds(jansky, out=tmp_path / "clean.zarr", inject=cube())


def test_a_cube_in_memory_stays_as_it_is(tmp_path):
    kept = cube()
    before = kept.voxels.copy()
    ts.separate_foregrounds(kept, ts.Polynomial(2), out=tmp_path / "clean.zarr")
    np.testing.assert_array_equal(kept.voxels, before)


def test_a_cube_in_jansky_with_a_beam_is_one_in_kelvin(tmp_path):
    """The same sky in both units has the same power."""
    from tessellar.engine.power.kelvin import kelvin_per_unit

    kelvin = cube()
    jansky = cube(unit="Jy / beam", beams=(Beam(0.2, 0.2, 0.0),))
    factors = kelvin_per_unit(jansky.meta).astype(np.float32)
    jansky.voxels = np.asarray(kelvin.voxels / factors[:, None, None], np.float32)
    tables = []
    for name, one in (("k", kelvin), ("jy", jansky)):
        clean = ts.separate_foregrounds(one, ts.Polynomial(2), out=tmp_path / f"{name}.zarr")
        tables.append(QTable.read(clean.folder / "power.ecsv"))
    before = [np.asarray(table["power_before"].value) for table in tables]
    good = np.isfinite(before[0])
    assert good.any()
    assert np.allclose(before[0][good], before[1][good], rtol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "shape", "words"),
    [
        (ts.PCA(24), (24, 8, 8), "leaves nothing of 24 channels"),
        (ts.PCA(1), (2, 8, 8), "has 2 channels that hold data"),
        (ts.Polynomial(2), (2, 8, 8), "has 2 channels that hold data"),
    ],
)
def test_more_modes_than_channels_are_refused(tmp_path, kernel, shape, words):
    voxels = mock_sky(shape).cube
    with pytest.raises(UsageError, match=words):
        ts.separate_foregrounds(
            Cube(voxels, kelvin_meta(shape)), kernel, out=tmp_path / "c.zarr", fill_degree=0
        )


@pytest.mark.parametrize("kernel", [ts.PCA(2), ts.Polynomial(2)])
def test_a_cube_without_voxels_is_refused(tmp_path, kernel):
    empty = cube()
    empty.voxels = np.full(empty.meta.shape, np.nan, np.float32)
    with pytest.raises(InputError, match=r"hold data|blank"):
        ts.separate_foregrounds(empty, kernel, out=tmp_path / "clean.zarr")


def test_two_grids_are_refused(tmp_path):
    other = Cube(mock_sky((24, 47, 80)).cube, kelvin_meta((24, 47, 80)), identity="other")
    with pytest.raises(UsageError, match="24 x 48 x 80 and 24 x 47 x 80 voxels"):
        ts.separate_foregrounds(cube(), out=tmp_path / "clean.zarr", halves=(cube(), other))
    shifted = cube(spectral=axis("freq", "Hz", 2e8 + 1e5 * np.arange(24)))
    with pytest.raises(UsageError, match="channels of cube and cube differ"):
        ts.separate_foregrounds(cube(), out=tmp_path / "clean.zarr", inject=shifted)


def test_a_band_is_cut_out_and_one_outside_is_refused(tmp_path):
    clean = ts.separate_foregrounds(cube(), ts.PCA(2), out=tmp_path / "clean.fits", band=(151.5, 152.5))
    assert clean.cube.meta.shape == (10, 48, 80)
    assert clean.cube.meta.spectral.values[0] == pytest.approx(151.5e6)
    with pytest.raises(
        UsageError, match="no channel in the band 160,170 MHz: its channels lie between 151 and"
    ):
        ts.separate_foregrounds(cube(), out=tmp_path / "no.zarr", band=(160.0, 170.0))


def test_a_plan_that_does_not_fit_names_three_numbers(tmp_path):
    with pytest.raises(MemoryBudgetError, match=r"needs .* and 64 MiB are allowed .* for the program\)"):
        ts.separate_foregrounds(cube(), out=tmp_path / "clean.zarr", memory="64MiB")
    address = "procedural://eor?shape=901,2048,2048&pixel_arcsec=16"
    plan = ts.plan_foregrounds(address, ts.PCA(4), memory="4GiB", workers=2)
    assert plan.projected_bytes < 4 * 2**30
    assert "14.1 GiB as float32" in str(plan)


def test_the_memory_of_a_plan_does_not_grow_with_the_sky(tmp_path):
    sizes = [
        ts.plan_foregrounds(f"procedural://eor?shape=256,{n},{n}&pixel_arcsec=16", power=False, workers=2)
        for n in (512, 8192)
    ]
    assert sizes[1].projected_bytes <= 1.01 * sizes[0].projected_bytes


def test_another_kernel_starts_over_where_a_run_was_interrupted(tmp_path):
    class Stop:
        def begin(self, stage: str, total: int) -> None: ...

        def progress(self, event: object) -> None:
            if getattr(event, "stage", "") == "separate":
                raise KeyboardInterrupt

        def say(self, text: str) -> None: ...

        def end(self, stage: str) -> None: ...

    sky = write_cube(tmp_path / "sky.zarr", cube().voxels)
    with pytest.raises(KeyboardInterrupt):
        ts.separate_foregrounds(
            sky, ts.PCA(2), out=tmp_path / "clean.zarr", observer=Stop(), executor="serial"
        )
    clean = ts.separate_foregrounds(sky, ts.PCA(3), out=tmp_path / "clean.zarr")
    assert clean.info["modes"] == 3
    assert clean.info["stages"]["separate"]["resumed"] == 0


COMPLAINTS = [
    (("--kernel", "svd"), USAGE, "There is no kernel 'svd'. Choose one of pca, poly, ica, gmca, gpr"),
    (("--set", "mode=3"), USAGE, "did you mean modes?"),
    (("--set", "modes"), USAGE, "'modes' is no setting"),
    (("--set", "modes=three"), USAGE, "modes is 'three'"),
    (("--kernel", "poly", "--modes", "3"), USAGE, "no such setting: 'modes'"),
    (("--band", "170"), USAGE, "166,181"),
    (("--halves", "a.fits", "b.fits"), BAD_INPUT, "a.fits"),
    (("--bands", "x"), USAGE, "'x' is not"),
    (("--inject", "no.fits"), BAD_INPUT, "no.fits"),
    (("--no-power", "--inject", "auto"), USAGE, "Leave out --no-power"),
    (("--common-resolution", "auto"), BAD_INPUT, "has no beam"),
    (("--foreground", "clean.zarr"), USAGE, "Give them two names"),
]


@pytest.mark.parametrize(("words", "code", "sentence"), COMPLAINTS, ids=lambda value: str(value))
def test_mistakes_on_the_command_line_meet_one_sentence(tmp_path, monkeypatch, words, code, sentence):
    monkeypatch.chdir(tmp_path)
    write_cube(tmp_path / "sky.fits", mock_sky((12, 20, 20)).cube)
    assert sentence in complaint(call("foregrounds", "sky.fits", "clean.zarr", *words), code)
    assert not Path("clean.zarr").exists()


def test_a_run_is_told_repeated_and_not_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cube(tmp_path / "sky.fits", mock_sky((24, 20, 20)).cube)
    words = (
        "foregrounds",
        "sky.fits",
        "clean.fits",
        "--set",
        "modes=2",
        "--fill-degree",
        "2",
        "--band",
        "151,153",
    )
    done = call(*words)
    assert done.exit_code == 0, done.output
    assert "2 modes of 20 channels taken out of 400 spectra by pca" in done.stdout
    assert "clean.fits exists already" in complaint(call(*words), USAGE)
    again = call("foregrounds", "sky.fits", "again.fits", "--config", "clean.foregrounds/run.toml", "--quiet")
    assert (again.exit_code, again.stdout) == (0, "")
    assert Path("again.fits").read_bytes() == Path("clean.fits").read_bytes()
    assert call("foregrounds", "sky.fits", "clean.fits", "--overwrite", "--kernel", "poly").exit_code == 0
    assert Path("again.fits").read_bytes() != Path("clean.fits").read_bytes()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "clean.foregrounds").mkdir()
    (tmp_path / "clean.foregrounds" / "thesis.tex").touch()
    with pytest.raises(TessellarError, match="holds other files"):
        ts.separate_foregrounds(cube(), out=tmp_path / "clean.zarr")


def test_the_memory_of_a_plan_holds_the_maps_that_a_kernel_works_on():
    address = "procedural://eor?shape=64,4096,4096&pixel_arcsec=16"
    pca, ica, gmca = (
        ts.plan_foregrounds(address, kernel, power=False, memory="100GiB", workers=2).driver_bytes
        for kernel in (ts.PCA(3), ts.FastICA(3), ts.GMCA(3))
    )
    pixels = 4096**2
    assert ica - pca >= (8 + 24) * 3 * pixels  # float32 maps twice, and three times in double precision
    assert gmca - pca >= 4 * 20 * 4 * pixels  # details of twenty maps at four scales


def test_the_first_stokes_plane_is_cleaned_and_said_to_be(tmp_path):
    from astropy.io import fits

    write_cube(tmp_path / "sky.fits", mock_sky((12, 20, 20)).cube)
    with fits.open(tmp_path / "sky.fits") as (image,):
        header, voxels = image.header, image.data
        header["CTYPE4"], header["CRPIX4"], header["CRVAL4"], header["CDELT4"] = "STOKES", 1.0, 1.0, 1.0
        fits.writeto(tmp_path / "iqu.fits", np.stack([voxels, 0 * voxels, 0 * voxels]), header)
    clean = ts.separate_foregrounds(
        tmp_path / "iqu.fits", ts.PCA(2), out=tmp_path / "clean.zarr", power=False
    )
    assert any("STOKES) has 3 planes: only the first is read" in text for text in clean.info["warnings"])
    alone = ts.separate_foregrounds(tmp_path / "sky.fits", ts.PCA(2), out=tmp_path / "i.zarr", power=False)
    box = Box.of_shape((12, 20, 20))
    assert clean.cube.read(box).tobytes() == alone.cube.read(box).tobytes()
