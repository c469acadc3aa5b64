"""What is left of the continuum is fitted to line-free channels and subtracted, in both views of the cube."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conditioned import column, conditioned, cube, find
from hypothesis import given, settings
from hypothesis import strategies as st

import tessellar as ts
from tessellar.engine.precondition.continuum import WINDOW_VOXELS, groups_of_spectra
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.continuum import FEWEST_CHANNELS, fit_continuum
from tessellar.tiling.box import Box

SHAPE = (64, 48, 40)


def fit(spectrum: object, order: int) -> tuple[float, float]:
    """Return value and slope that are fitted to one spectrum with SoFiA's defaults."""
    voxels = np.asarray(spectrum, np.float32).reshape(-1, 1, 1)
    value, slope = fit_continuum(voxels, order, 2.0, 4, 3)[:, 0, 0]
    return float(value), float(slope)


def test_without_noise_constants_and_lines_are_found_exactly() -> None:
    z = np.arange(41)
    assert fit(np.full(41, 3.5), 0) == (3.5, 0.0)
    assert fit(2 + 0.25 * (z - 20), 0) == pytest.approx((2.0, 0.0))
    assert fit(2 + 0.25 * (z - 20), 1) == pytest.approx((2.0, 0.25))


@pytest.mark.parametrize("width", [1, 4, 12])
def test_a_line_takes_no_part(width: int) -> None:
    z = np.arange(101)
    spectrum = 1 + 0.01 * (z - 50)
    spectrum[30 : 30 + width] += 50
    assert fit(spectrum, 1) == pytest.approx((1.0, 0.01), abs=1e-5)


def test_noise_is_averaged_over_the_channels_that_are_left() -> None:
    rng = np.random.default_rng(0)
    voxels = rng.normal(3, 1, (400, 20, 20)).astype(np.float32)
    voxels[100:140] += 6
    value = fit_continuum(voxels, 0, 2.0, 4, 3)[0]
    assert abs(value.mean() - 3) < 0.02
    assert value.std() < 2.5 / np.sqrt(400)


def test_blank_channels_are_left_out_and_too_few_give_nothing() -> None:
    spectrum = np.full(40, 2.0)
    spectrum[5:20] = np.nan
    assert fit(spectrum, 1) == pytest.approx((2.0, 0.0))
    spectrum[FEWEST_CHANNELS - 3 :] = np.nan
    assert fit(spectrum, 0) == (0.0, 0.0)
    assert fit(np.full(40, np.nan), 1) == (0.0, 0.0)


@pytest.mark.parametrize(
    "shape", [(64, 48, 40), (1000, 3000, 7), (3 * WINDOW_VOXELS, 2, 3), (1, 600, 10_000)]
)
def test_groups_hold_a_bounded_number_of_voxels(shape: tuple[int, int, int]) -> None:
    grid = groups_of_spectra(shape)
    sizes = [grid[unit].core.size for unit in range(len(grid))]
    assert sum(sizes) == shape[1] * shape[2]
    assert max(sizes) * shape[0] <= max(WINDOW_VOXELS, shape[0])


@pytest.fixture(scope="module")
def tilted(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A cube larger than one group, whose every pixel has a line of its own to be subtracted."""
    x, y = np.indices((600, 5))
    z = np.arange(30)[:, None, None] - 14.5
    voxels = (x + 0.01 * y * z).astype(np.float32)
    recipe = Preconditioning(contsub_order=1, flag_region=(7, 7, 0, 4, 0, 20), invert=True)
    return conditioned(voxels, recipe, tmp_path_factory.mktemp("partials"))


def test_every_spectrum_loses_its_own_line(tilted: Prepared) -> None:
    assert len(groups_of_spectra((30, 600, 5))) > 1
    left = tilted.source.read(Box.of_shape((30, 600, 5)))
    assert np.isnan(left[:21, 7]).all()
    np.testing.assert_allclose(np.delete(left, 7, axis=1), 0, atol=1e-3)


@given(st.data())
@settings(max_examples=30)
def test_any_box_is_that_of_the_whole(tilted: Prepared, data: st.DataObject) -> None:
    shape = (30, 600, 5)
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in shape]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    whole = tilted.source.read(Box.of_shape(shape))
    np.testing.assert_array_equal(tilted.source.read(box), whole[box.slices()])


def test_fluxes_are_those_without_continuum(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    voxels = rng.normal(size=SHAPE).astype(np.float32)
    voxels[30:36, 20:28, 16:24] += 9
    offset = np.linspace(1, 4, SHAPE[0], dtype=np.float32)[:, None, None]
    clean = find(cube(voxels))
    dirty = find(cube(voxels + offset), Preconditioning(contsub_order=1), out=tmp_path / "run")
    (truth,), (flux,) = column(clean, "f_sum"), column(dirty, "f_sum")
    assert flux == pytest.approx(truth, rel=0.02)
    assert dirty.info["stages"]["continuum"]["voxels"] == voxels.size
    assert ts.plan(cube(voxels), preconditioning=Preconditioning(contsub_order=0)).bytes_read == (
        ts.plan(cube(voxels)).bytes_read + voxels.nbytes
    )


@pytest.mark.parametrize(
    "wrong",
    [{"contsub_order": 2}, {"contsub_threshold": 0}, {"contsub_shift": 0}, {"contsub_padding": -1}],
)
def test_wrong_values_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Preconditioning(**wrong)
