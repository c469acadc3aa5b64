"""Local noise is measured on a lattice anchored to the cube; the search is divided by it, and errors know it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from conditioned import LINKER, catalogue_bytes, column, cube, find, sky
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource

import tessellar as ts
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find.calibration import Calibration, calibrate
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.local_noise import LocalNoise
from tessellar.engine.precondition.prepare import Prepared, prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.local_noise import FEWEST_NEGATIVE, local_levels
from tessellar.tiling.box import Box

SHAPE = (40, 96, 80)
LOCAL = Preconditioning(scale_noise="local", scale_noise_window_xy=15, scale_noise_window_z=9)


def uneven(seed: int = 0) -> np.ndarray:
    """Noise that is three times as high in one corner of the sky and of the band, and no spectrum times a map."""
    voxels = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
    voxels[:20, :48] *= 3
    return voxels


def calibrated(voxels: np.ndarray, recipe: Preconditioning, folder: Path) -> tuple[Prepared, Calibration]:
    """Return a cube as it is searched, and its noise."""
    crew = Crew(SerialExecutor(), PartialStore(folder))
    return calibrate(crew, prepare(cube(voxels), recipe), Recipes(preconditioning=recipe))


def test_a_window_has_the_mad_of_its_negative_voxels() -> None:
    voxels = np.random.default_rng(1).normal(size=(9, 11, 13)).astype(np.float32)
    voxels[4, 5, 6] = np.nan
    channel = np.linspace(0.5, 1, 9, dtype=np.float32)
    sky = np.linspace(1, 2, 11 * 13, dtype=np.float32).reshape(11, 13)
    windows = np.array([[[0, 0, 0], [9, 11, 13]], [[2, 3, 4], [9, 10, 11]], [[0, 0, 0], [4, 4, 4]]])
    scaled = voxels * channel[:, None, None] * sky
    found = local_levels(voxels, channel, sky, windows)
    for (start, stop), level in zip(windows.tolist(), found, strict=True):
        window = scaled[Box(tuple(start), tuple(stop)).slices()]
        negative = -window[window < 0]
        wanted = 1.4826 * np.median(negative) if negative.size >= FEWEST_NEGATIVE else 1.0
        assert level == pytest.approx(wanted, rel=0.02)
    assert found[2] == 1.0


def test_sofia_s_grid_is_half_the_window_made_odd() -> None:
    assert LocalNoise(25, 15, 0, 0, False).lattice(SHAPE).step == (7, 13, 13)


def test_what_is_searched_has_even_noise_and_what_is_measured_knows_it(tmp_path: Path) -> None:
    voxels = uneven()
    even, calibration = calibrated(voxels, LOCAL, tmp_path)
    searched = even.source.read(Box.of_shape(SHAPE)) / calibration.noise.sigma(Box.of_shape(SHAPE))
    sigma = calibration.measured_noise.sigma(Box.of_shape(SHAPE))
    for part, true in (
        (np.s_[2:14, 4:40], 3.0),
        (np.s_[26:38, 4:40], 1.0),
        (np.s_[2:14, 56:90], 1.0),
        (np.s_[26:38, 56:90], 1.0),
    ):
        assert searched[part].std() == pytest.approx(1.0, abs=0.05)
        assert np.median(sigma[part]) == pytest.approx(true, rel=0.05)
    product = calibrated(voxels, Preconditioning(), tmp_path / "product")[1].measured_noise
    assert np.median(product.sigma(Box.of_shape(SHAPE))[2:14, 4:40]) < 2.8
    np.testing.assert_array_equal(even.measured.read(Box.of_shape(SHAPE)), voxels)


@pytest.fixture(scope="module", params=[False, True])
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Prepared, Calibration]:
    recipe = Preconditioning(
        scale_noise="local", scale_noise_window_xy=15, scale_noise_interpolate=request.param
    )
    folder = tmp_path_factory.mktemp("partials")
    even, calibration = calibrated(uneven(), recipe, folder)
    assert (folder / "local-noise").is_dir()
    return pickle.loads(pickle.dumps(even)), pickle.loads(pickle.dumps(calibration))


@given(st.data())
@settings(max_examples=15)
def test_any_box_is_that_of_the_whole(seen: tuple[Prepared, Calibration], data: st.DataObject) -> None:
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in SHAPE]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    even, calibration = seen
    whole = Box.of_shape(SHAPE)
    np.testing.assert_array_equal(even.source.read(box), even.source.read(whole)[box.slices()])
    noise = calibration.measured_noise
    np.testing.assert_array_equal(noise.sigma(box), noise.sigma(whole)[box.slices()])


def with_sources() -> MemorySource:
    """Two equal sources, one where noise is high."""
    voxels = uneven()
    for x, z in ((20, 8), (70, 28)):
        voxels[z : z + 6, x : x + 6, 30:36] += 12
    return cube(voxels)


def test_errors_of_fluxes_are_those_of_the_place() -> None:
    run = find(with_sources(), LOCAL)
    assert column(run, "rms") == pytest.approx([3, 1], rel=0.15)
    pixels = np.array(column(run, "n_pix"))
    ratio = np.array(column(run, "err_f_sum")) / np.sqrt(pixels)
    assert ratio[0] / ratio[1] == pytest.approx(column(run, "rms")[0] / column(run, "rms")[1], rel=0.1)
    plain = find(with_sources())
    assert len(run.catalogue) == 2 < len(plain.catalogue)  # noise thrice as high is found without it


@pytest.mark.parametrize(("executor", "tile"), [("serial", (13, 30, 40)), ("threads", (40, 17, 23))])
def test_the_law_holds(executor: str, tile: tuple[int, int, int]) -> None:
    whole = catalogue_bytes(with_sources(), LOCAL, tile=SHAPE)
    assert whole == catalogue_bytes(with_sources(), LOCAL, executor=executor, workers=2, tile=tile)


def test_with_a_gain_each_view_has_its_own(tmp_path: Path) -> None:
    gain = np.full(SHAPE, 0.5, np.float32)
    recipe = Preconditioning(scale_noise="local", scale_noise_window_xy=15, gain=cube(gain))
    _, calibration = calibrated(uneven(), recipe, tmp_path)
    inside = Box((4, 10, 10), (12, 36, 70))
    assert np.median(calibration.measured_noise.sigma(inside)) == pytest.approx(6.0, rel=0.05)


def test_the_plan_counts_reading_and_memory() -> None:
    source = cube(np.zeros((64, 400, 400), np.float32))
    recipe = Preconditioning(scale_noise="local", scale_noise_window_xy=301)
    plain, local = (
        ts.plan(source, tile=(8, 16, 16), executor="serial", preconditioning=one)
        for one in (Preconditioning(), recipe)
    )
    lattice = LocalNoise(301, 15, 0, 0, False).lattice((64, 400, 400))
    assert local.bytes_read - plain.bytes_read == 4 * lattice.n_read
    assert local.cost.unit_bytes == 20 * lattice.most_read
    assert local.unit_bytes > plain.unit_bytes
    assert "voxels for the local noise" in str(local)


def test_a_run_with_another_window_is_refused(tmp_path: Path) -> None:
    find(with_sources(), LOCAL, out=tmp_path)
    with pytest.raises(UsageError, match="scale_noise_window_z was 9, now 11"):
        find(
            with_sources(),
            Preconditioning(scale_noise="local", scale_noise_window_xy=15, scale_noise_window_z=11),
            out=tmp_path,
        )


def test_where_it_could_not_be_measured_nothing_is_searched_and_the_rest_is() -> None:
    damaged = cube(sky((24, 300, 40)))
    damaged.broken = [(12, 270, 38)]
    run = find(damaged, LOCAL, tile=(24, 50, 40))
    failed = {name: len(stage["failed"]) for name, stage in run.info["stages"].items()}
    assert failed["local-noise"] == 1
    assert 0 < failed["detect"] < run.info["n_tiles"]
    assert run.info["partial"]
    assert len(run.catalogue) == 3


def test_a_cube_without_negative_voxels_has_no_local_noise() -> None:
    run = ts.find_sources(
        cube(np.ones((8, 30, 30), np.float32)), executor="serial", linker=LINKER, preconditioning=LOCAL
    )
    assert len(run.catalogue) == 0
    assert "local-noise" not in run.info["stages"]


@pytest.mark.parametrize(
    "wrong", [{"scale_noise": "spectral"}, {"scale_noise_window_xy": 0}, {"scale_noise_grid_z": -1}]
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Preconditioning(**wrong)
