"""Power before and after a separation, halves, injected signals: what is told of a separation is true of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import xarray
from astropy.table import QTable
from mock_sky import mock_sky, svd_residual, write_cube

import tessellar as ts
from tessellar.engine.foregrounds.power_file import read_power
from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.operator import SpectralOperator, residual_of
from tessellar.model import FloatArray
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box

SKY = EorSky((64, 40, 36), seed=3, noise_mk=2.5, pixel_arcsec=400.0)


def column(out: Path, name: str) -> np.ndarray:
    table = QTable.read(out.with_suffix(".foregrounds") / "power.ecsv")
    return np.asarray(getattr(table[name], "value", table[name])).reshape(10, 10)


def part(**changes: object) -> EorSky:
    return replace(SKY, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Masked:
    """A cube with scattered blanks, the same in all cubes of one grid."""

    cube: EorSky
    share: float

    @property
    def meta(self):  # type: ignore[no-untyped-def]
        return self.cube.meta

    chunks = None
    stored_bytes = 0

    @property
    def identity(self) -> str:
        return f"{self.cube.identity} masked {self.share}"

    def read(self, box: Box) -> FloatArray:
        mask = np.random.default_rng(9).random(self.cube.shape) < self.share
        voxels = self.cube.read(box).copy()
        voxels[mask[box.slices()]] = np.nan
        return voxels


@pytest.mark.parametrize("kernel", [ts.PCA(3), ts.Polynomial(3), ts.GaussianProcess()], ids=lambda k: k.name)
def test_power_after_the_transfer_is_that_of_the_signal(kernel, tmp_path):
    out = tmp_path / "clean.zarr"
    ts.separate_foregrounds(SKY, kernel, out=out, halves=(part(half=1), part(half=2)), inject="auto")
    (true,) = ts.power_spectrum(part(part="signal")).bands.values()
    high = np.isfinite(true.power) & (column(out, "k_par") > 0.12)
    assert np.nanmedian(column(out, "power_before")[1] / true.power[1]) > 1e4
    ratio = column(out, "power")[high] / true.power[high]
    assert abs(np.average(ratio, weights=true.n_modes[high]) - 1.0) < 0.05
    pulls = (column(out, "power") - true.power)[high] / column(out, "sigma")[high]
    assert 0.55 < np.mean(np.abs(pulls) < 1) < 0.85
    assert np.nanmedian(column(out, "transfer")[1]) < 0.9  # the lowest k_par loses most


def test_modes_are_cleaned_as_cubes_are(tmp_path):
    """With blanks the halves and the sum with a signal are cleaned on disk, without on the modes: 1 of 5,000 voxels."""
    for share, name in ((0.0, "whole"), (2e-4, "masked")):
        cubes = [Masked(cube, share) for cube in (SKY, part(half=1), part(half=2))]
        signal = part(part="signal", seed=5)
        out = tmp_path / f"{name}.zarr"
        ts.separate_foregrounds(cubes[0], ts.PCA(3), out=out, halves=(cubes[1], cubes[2]), inject=signal)
    whole, masked = tmp_path / "whole.zarr", tmp_path / "masked.zarr"
    good = column(whole, "n_modes") > 0
    assert np.allclose(column(whole, "transfer")[good], column(masked, "transfer")[good], atol=0.02)
    high = good & (column(whole, "k_par") > 0.12)
    assert np.allclose(column(whole, "power")[high], column(masked, "power")[high], rtol=0.1)
    assert not list(tmp_path.glob(".*")), "the cubes of the workspace are gone"


@pytest.mark.parametrize("kernel", [ts.PCA(3), ts.Polynomial(2), ts.GaussianProcess()], ids=lambda k: k.name)
def test_nothing_injected_is_nothing_left(kernel, tmp_path):
    nothing = write_cube(tmp_path / "zero.zarr", np.zeros((48, 33, 29), np.float32))
    cube = write_cube(tmp_path / "sky.zarr", mock_sky().cube)
    out = tmp_path / "clean.zarr"
    ts.separate_foregrounds(cube, kernel, out=out, inject=nothing)
    assert np.isnan(column(out, "transfer")).all()  # 0 / 0: of what is left, and of what was injected


def test_without_a_signal_no_transfer_is_claimed(tmp_path):
    out = tmp_path / "clean.zarr"
    ts.separate_foregrounds(SKY, ts.PCA(3), out=out)
    assert np.isnan(column(out, "transfer")).all()
    assert np.array_equal(column(out, "power"), column(out, "power_after"), equal_nan=True)


def test_noise_learned_from_halves_is_theirs(tmp_path):
    out = tmp_path / "clean.zarr"
    halves = (part(half=1), part(half=2))
    clean = ts.separate_foregrounds(SKY, ts.GaussianProcess(), out=out, halves=halves)
    stage = clean.info["stages"]["half-noise"]
    assert stage["voxels"] == SKY.shape[0] * SKY.shape[1] * SKY.shape[2]
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.foregrounds.halves import noise_of_halves
    from tessellar.engine.partials import PartialStore

    with make_executor("serial") as pool:
        variance = noise_of_halves(*halves, Crew(pool, PartialStore(tmp_path / "partials")))
    expected = (2.5e-3) ** 2
    assert np.abs(variance / expected - 1).max() < 5 * np.sqrt(2 / (40 * 36))
    assert abs(variance.mean() / expected - 1) < 5 * np.sqrt(2 / (64 * 40 * 36))


def test_an_operator_on_modes_is_the_operator_on_spectra():
    rng = np.random.default_rng(2)
    basis, values = rng.normal(size=(12, 3)), rng.normal(size=(12, 5)) + 1j * rng.normal(size=(12, 5))
    by_basis = residual_of(SpectralOperator(np.zeros(12), basis=basis), values)
    fit = np.linalg.lstsq(basis, values, rcond=None)[0]
    assert np.allclose(by_basis, values - basis @ fit)
    matrix = rng.normal(size=(12, 12))
    assert np.allclose(residual_of(SpectralOperator(np.zeros(12), residual=matrix), values), matrix @ values)


def test_a_fifth_of_the_voxels_blank_costs_two_per_cent(tmp_path):
    """Against what each voxel should be: signal and noise."""
    sky = EorSky((96, 40, 40), seed=2, noise_mk=2.5)
    box = Box.of_shape(sky.shape)
    whole, wanted = (
        sky.read(box),
        replace(sky, part="signal").read(box) + replace(sky, part="noise").read(box),
    )
    blank = np.random.default_rng(1).random(sky.shape) < 0.2
    cube = write_cube(tmp_path / "sky.zarr", np.where(blank, np.float32(np.nan), whole))
    ts.separate_foregrounds(cube, ts.PCA(3), out=tmp_path / "clean.zarr", power=False)
    clean = ts.open_cube(tmp_path / "clean.zarr").read(box)
    assert np.array_equal(np.isnan(clean), blank)
    masked = np.sqrt(np.mean((clean - wanted)[~blank] ** 2))
    unmasked = np.sqrt(np.mean((svd_residual(whole, 3) - wanted)[~blank] ** 2))
    assert masked < 1.02 * unmasked


def test_the_table_of_power_comes_back(tmp_path):
    sky = EorSky((160, 16, 16), first_frequency_hz=166e6, pixel_arcsec=900.0, noise_mk=2.5)
    out = tmp_path / "clean.zarr"
    clean = ts.separate_foregrounds(sky, ts.PCA(3), out=out)
    ((band, power),) = read_power(clean.folder).items()
    assert str(band) == "166-181 MHz"
    assert np.array_equal(power.power, column(out, "power"), equal_nan=True)
    assert np.allclose(power.k_par_edges, 0.025 + 0.05 * np.arange(11))
    ts.export(clean.folder, tmp_path / "submission", format="sdc3a", team="Us")
    score = ts.score("sdc3a", tmp_path / "submission", clean.folder)
    assert score.record()["median_residual"] == pytest.approx(0.0, abs=1e-12)


def test_a_common_resolution_is_kept_in_the_result(tmp_path):
    sky = part(beam_arcsec=1200.0, chromatic=True, part="sky")
    clean = ts.separate_foregrounds(sky, ts.PCA(3), out=tmp_path / "clean.fits", common_resolution="auto")
    largest = max(beam.major for beam in sky.meta.beams)
    assert [beam.major for beam in clean.cube.meta.beams] == pytest.approx([largest])
    as_is = ts.separate_foregrounds(sky, ts.PCA(3), out=tmp_path / "asis.zarr")
    rms = [np.std(cube.read(Box.of_shape(SKY.shape))) for cube in (clean.cube, as_is.cube)]
    assert rms[0] < rms[1]  # the chromatic beam leaves more than three modes


@dataclass(frozen=True)
class InMillikelvin:
    """A cube in other units: the same sky."""

    cube: EorSky | Masked

    @property
    def meta(self):  # type: ignore[no-untyped-def]
        return replace(self.cube.meta, unit="mK")

    chunks = None
    stored_bytes = 0

    @property
    def identity(self) -> str:
        return f"{self.cube.identity} in mK"

    def read(self, box: Box) -> FloatArray:
        return np.asarray(self.cube.read(box) * np.float32(1000.0), dtype=np.float32)


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_a_signal_counts_in_its_own_unit(share, tmp_path):
    powers = []
    for number, signal in enumerate((part(part="signal"), InMillikelvin(part(part="signal")))):
        out = tmp_path / f"{number}.zarr"
        ts.separate_foregrounds(Masked(SKY, share) if share else SKY, ts.PCA(3), out=out, inject=signal)
        powers.append([column(out, name) for name in ("transfer", "power")])
    np.testing.assert_allclose(powers[1], powers[0], rtol=1e-3)
    assert 0.3 < np.nanmedian(powers[0][0]) < 1.1


def test_halves_in_another_unit_are_refused(tmp_path):
    halves = InMillikelvin(part(half=1)), InMillikelvin(part(half=2))
    with pytest.raises(UsageError, match="are in K and mK"):
        ts.separate_foregrounds(SKY, ts.GaussianProcess(), out=tmp_path / "c.zarr", halves=halves)
    assert not list(tmp_path.iterdir())


def test_a_signal_may_be_a_dataset(tmp_path):
    signal = tmp_path / "signal.fits"
    ts.convert(part(part="signal"), signal)
    given = {
        "path": signal,
        "dataset": xarray.open_dataset(signal, engine="tessellar").load(),
    }
    powers = []
    for name, inject in given.items():
        out = tmp_path / f"{name}.zarr"
        ts.separate_foregrounds(SKY, ts.PCA(3), out=out, inject=inject)
        powers.append(column(out, "power"))
    np.testing.assert_array_equal(powers[1], powers[0])
    with pytest.raises(InputError, match="does not say how large its pixels are"):
        ts.separate_foregrounds(SKY, ts.PCA(3), out=tmp_path / "x.zarr", inject=given["dataset"]["SKY"])


def test_numbers_of_numpy_are_numbers(tmp_path):
    out = tmp_path / "clean.zarr"
    made = ts.separate_foregrounds(
        SKY,
        ts.PCA(np.int64(3)),  # type: ignore[arg-type]
        out=out,
        field=np.float32(3.5),  # type: ignore[arg-type]
        bands=np.array([[152.0, 156.0]]),  # type: ignore[arg-type]
        workers=np.int64(1),  # type: ignore[arg-type]
    )
    assert made.info["settings"]["set"]["modes"] == 3
    settings = (out.with_suffix(".foregrounds") / "run.toml").read_text()
    assert "modes = 3" in settings
    assert "field = 3.5" in settings
