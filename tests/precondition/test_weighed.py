"""Noise, weights and gain: what is searched is weighed, what is measured is divided by the gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from conditioned import SHAPE, column, cube, find, places, sky
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource

import tessellar as ts
from tessellar.engine.precondition.prepare import prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import CubeNotFoundError, InputError, UsageError
from tessellar.tiling.box import Box

TWO = (2, 3, 2)


def companion(values: object, shape: tuple[int, int, int] = SHAPE) -> MemorySource:
    return cube(np.broadcast_to(np.asarray(values, np.float32), shape).copy())


def views(recipe: Preconditioning, voxels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a cube as it is searched and as it is measured."""
    prepared = prepare(cube(voxels), recipe)
    whole = Box.of_shape(prepared.source.meta.shape)
    return prepared.source.read(whole), prepared.measured.read(whole)


def test_each_view_has_its_own_companions() -> None:
    voxels = np.arange(12, dtype=np.float32).reshape(TWO)
    noise, weights, gain = (companion(value, TWO) for value in (4, 9, 0.5))
    searched, measured = views(Preconditioning(noise=noise, weights=weights, gain=gain), voxels)
    np.testing.assert_array_equal(searched, voxels / 4 * 3)
    np.testing.assert_array_equal(measured, voxels * 2)


def test_a_map_holds_for_all_channels() -> None:
    voxels = np.ones(TWO, np.float32)
    sensitivity = np.array([[1, 2], [4, 8], [16, 32]], np.float32)
    searched, measured = views(Preconditioning(noise=companion(sensitivity, (1, 3, 2))), voxels)
    np.testing.assert_array_equal(searched, np.broadcast_to(1 / sensitivity, TWO))
    np.testing.assert_array_equal(measured, voxels)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("kind", ["noise", "weights", "gain"])
def test_both_views_are_blank_where_a_companion_says_nothing(kind: str, bad: float) -> None:
    values = np.ones(TWO, np.float32)
    values[1, 2, 0] = bad
    for view in views(Preconditioning(**{kind: companion(values, TWO)}), np.ones(TWO, np.float32)):
        assert np.argwhere(np.isnan(view)).tolist() == [[1, 2, 0]]


def test_what_becomes_infinite_is_blank() -> None:
    searched, _ = views(Preconditioning(noise=companion(1e-38, TWO)), np.full(TWO, 1e3, np.float32))
    assert np.isnan(searched).all()


@given(st.data())
@settings(max_examples=30)
def test_any_box_is_that_of_the_whole(data: st.DataObject) -> None:
    region = (3, 30, 2, 35, 1, 20)
    rng = np.random.default_rng(5)
    recipe = Preconditioning(
        region=region,
        gain=companion(rng.uniform(0.5, 2, SHAPE)),
        noise=companion(rng.uniform(0.5, 2, SHAPE[1:]), (1, *SHAPE[1:])),
        invert=True,
    )
    prepared = prepare(cube(sky()), recipe)
    shape = prepared.source.meta.shape
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in shape]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    for source in (prepared.source, prepared.measured):
        np.testing.assert_array_equal(source.read(box), source.read(Box.of_shape(shape))[box.slices()])
    gain = recipe.gain.voxels[1:21, 3:31, 2:36]
    np.testing.assert_array_equal(
        prepared.measured.read(Box.of_shape(shape)), -sky()[1:21, 3:31, 2:36] / gain
    )


@pytest.mark.parametrize(("kind", "value"), [("noise", 0.5), ("weights", 4.0)])
def test_an_even_weight_changes_nothing(kind: str, value: float) -> None:
    plain, weighed = find(cube(sky())), find(cube(sky()), Preconditioning(**{kind: companion(value)}))
    assert len(plain.catalogue) == 3
    for name in plain.catalogue.colnames:
        assert column(weighed, name) == column(plain, name), name


def test_an_even_gain_divides_fluxes_and_their_errors_alone() -> None:
    plain, divided = find(cube(sky())), find(cube(sky()), Preconditioning(gain=companion(0.5)))
    for name in plain.catalogue.colnames:
        factor = (
            2
            if name in ("f_sum", "f_min", "f_max", "mean", "std", "rms", "err_f_sum", "f_sum_corr")
            else None
        )
        expected = column(plain, name)
        assert column(divided, name) == ([v * factor for v in expected] if factor else expected), name


def test_known_noise_keeps_what_is_only_noise_out() -> None:
    noise = np.ones(SHAPE, np.float32)
    noise[:12, 24:], noise[12:, :24] = 6, 6  # neither a spectrum nor a map
    voxels = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32) * noise
    voxels[14:20, 38:44, 14:20] += 9
    plain, weighed = find(cube(voxels)), find(cube(voxels), Preconditioning(noise=cube(noise)))
    assert len(plain.catalogue) > 5
    assert places(weighed) == [(40, 16, 16)]


def test_files_of_cubes_and_maps_are_read(tmp_path: Path) -> None:
    gain = np.random.default_rng(0).uniform(0.5, 2, TWO).astype(np.float32)
    fits.writeto(tmp_path / "gain.fits", gain.transpose(0, 2, 1))
    fits.writeto(tmp_path / "noise.fits", gain[0].T)
    fits.writeto(tmp_path / "weights.fits.gz", gain[:1].transpose(0, 2, 1))
    recipe = Preconditioning(gain=tmp_path / "gain.fits", noise=str(tmp_path / "noise.fits"))
    searched, measured = views(recipe, np.ones(TWO, np.float32))
    np.testing.assert_array_equal(searched, np.broadcast_to(1 / gain[0], TWO))
    np.testing.assert_array_equal(measured, 1 / gain)
    searched, _ = views(Preconditioning(weights=tmp_path / "weights.fits.gz"), np.ones(TWO, np.float32))
    np.testing.assert_array_equal(searched, np.broadcast_to(np.sqrt(gain[0]), TWO))


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 3, 2), (1, 2, 3)])
def test_another_shape_is_refused(shape: tuple[int, int, int]) -> None:
    recipe = Preconditioning(gain=companion(1, shape))
    with pytest.raises(InputError, match="As gain a cube of the same shape is needed, or an image of 3 x 2"):
        prepare(cube(np.ones(TWO, np.float32)), recipe)


def test_a_file_that_is_missing_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CubeNotFoundError, match=r"gain\.fits"):
        prepare(cube(sky()), Preconditioning(gain=tmp_path / "gain.fits"))
    (tmp_path / "gain.fits").write_text("no gain")
    with pytest.raises(InputError, match=r"gain\.fits is a text file"):
        prepare(cube(sky()), Preconditioning(gain=tmp_path / "gain.fits"))


@pytest.mark.parametrize("order", [-1, 0])
def test_a_run_is_refused_when_a_companion_changed(order: int, tmp_path: Path) -> None:
    def write(value: float) -> None:
        image = np.full((SHAPE[2], SHAPE[1]), value, np.float32)
        fits.writeto(tmp_path / "gain.fits", image, overwrite=True)

    recipe = Preconditioning(gain=tmp_path / "gain.fits", contsub_order=order)
    write(0.5)
    find(cube(sky()), recipe, out=tmp_path / "run")
    again = find(cube(sky()), recipe, out=tmp_path / "run")
    assert again.info["stages"]["noise-measured"]["resumed"] == 1
    write(0.25)
    with pytest.raises(UsageError, match="the input or the program is not the one"):
        find(cube(sky()), recipe, out=tmp_path / "run")
    assert (tmp_path / "run" / "catalogue.ecsv").exists()
    with pytest.raises(UsageError, match=r"gain was .*, now off"):
        find(cube(sky()), out=tmp_path / "run")


def test_the_plan_counts_what_is_read_along() -> None:
    plans = [
        ts.plan(cube(sky()), tile=(12, 20, 20), preconditioning=recipe)
        for recipe in (
            Preconditioning(),
            Preconditioning(gain=companion(1, (1, *SHAPE[1:]))),
            Preconditioning(gain=companion(1)),
            Preconditioning(gain=companion(1), noise=companion(1)),
        )
    ]
    plain, with_map, one, two = (plan.bytes_read for plan in plans)
    assert with_map == plain + 4 * 24 * 32 * 32  # the noise of the measured view
    assert (one, two) == (2 * with_map, 3 * with_map)
    assert plans[2].unit_bytes > plans[0].unit_bytes
    assert "1 companion cube read along with every voxel" in str(plans[2])
    assert "companion" not in str(plans[1])


@pytest.mark.parametrize(
    "recipe", [Preconditioning(flag_region=(0, 47, 0, 39, 0, 23)), Preconditioning(gain=companion(-1))]
)
def test_options_that_leave_nothing_are_named_and_not_the_cube(recipe: Preconditioning) -> None:
    with pytest.raises(InputError, match=r"nothing of .* is left to search"):
        find(cube(sky()), recipe)
