"""Modes that are kept as a cube is read are those of the whole transform, to the bit for any cut of the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skies import EVERYTHING, PIXEL, image_modes

from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.field import SkyField, field_of
from tessellar.kernels.power.tapers import TAPERS, independent_cells, taper
from tessellar.kernels.power.transform import ROWS, ImageTransform


def field_for(shape: tuple[int, ...], reach: float = EVERYTHING, name: str = "none") -> SkyField:
    return SkyField((0, 0), (shape[-2], shape[-1]), PIXEL, reach, name)


def with_holes(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Return a bright sky with noise: channel 1 has holes, channel 2 is blank."""
    rng = np.random.default_rng(seed)
    voxels = (300.0 + rng.normal(size=shape)).astype(np.float32)
    voxels[1, rng.random(shape[1:]) < 0.2] = np.nan
    voxels[2] = np.nan
    return voxels


@pytest.mark.parametrize("name", TAPERS)
@pytest.mark.parametrize("shape", [(3, 12, 9), (3, 9, 12), (3, 70, 7)])
def test_the_modes_are_those_of_the_whole_transform(shape: tuple[int, int, int], name: str) -> None:
    voxels, field = with_holes(shape), field_for(shape, name=name)
    found, kept = image_modes(voxels, field), field.modes()
    window = np.outer(taper(name, shape[1]), taper(name, shape[2])) * np.isfinite(voxels)
    for channel in (0, 1):
        weights, image = window[channel], np.nan_to_num(voxels[channel].astype(np.float64))
        mean = (image * weights).sum() / weights.sum()
        whole = np.fft.fft2((image - mean) * weights)
        assert found.values[channel] == pytest.approx(whole[kept.rows, kept.columns], rel=1e-12, abs=1e-9)
        assert found.squares[channel] == pytest.approx((weights**2).mean())
        assert found.tied[channel] == pytest.approx((weights**2 * np.roll(weights, 1, axis=1) ** 2).mean())
    assert found.valid == pytest.approx(np.isfinite(voxels).mean((1, 2)))
    assert np.isnan(found.values[2]).all()


@pytest.mark.parametrize("shape", [(12, 9), (9, 12), (8, 8), (7, 7), (1, 5), (5, 1)])
def test_half_a_plane_stands_for_the_whole(shape: tuple[int, int]) -> None:
    kept = field_for(shape).modes()
    assert kept.multiplicity.sum() == shape[0] * shape[1]
    plane = np.zeros(shape, int)
    np.add.at(plane, (kept.rows, kept.columns), 1)
    mirrored = kept.multiplicity == 2
    np.add.at(plane, (-kept.rows[mirrored] % shape[0], -kept.columns[mirrored] % shape[1]), 1)
    assert (plane == 1).all()


def test_a_short_reach_keeps_the_same_modes_and_fewer() -> None:
    voxels = with_holes((3, 40, 30))
    reach = 80.0
    near, far = field_for(voxels.shape, reach), field_for(voxels.shape)
    inside = far.modes().waves <= reach
    assert 0 < np.count_nonzero(inside) < 0.5 * inside.size
    assert near.n_columns < far.n_columns
    assert np.array_equal(near.modes().waves, far.modes().waves[inside])
    assert np.array_equal(
        image_modes(voxels, near).values, image_modes(voxels, far).values[:, inside], equal_nan=True
    )


@settings(max_examples=12)
@given(
    strip=st.integers(1, 4),
    runs=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    name=st.sampled_from(TAPERS),
)
def test_no_cut_of_the_work_changes_a_bit(strip: int, runs: list[int], name: str) -> None:
    voxels = with_holes((sum(runs) + 3, 3 * ROWS + 5, 21))
    field = field_for(voxels.shape, 60.0, name)
    whole = image_modes(voxels, field, 4 * ROWS)
    first = 0
    for run in (*runs, 3):
        part = image_modes(voxels[first : first + run], field, strip * ROWS)
        assert part.values.tobytes() == whole.values[first : first + run].tobytes()
        for name_of in ("valid", "squares", "tied"):
            assert np.array_equal(getattr(part, name_of), getattr(whole, name_of)[first : first + run])
        first += run


def test_how_voxels_lie_in_memory_changes_no_bit() -> None:
    voxels = with_holes((3, 40, 30))
    field = field_for(voxels.shape)
    turned = np.asfortranarray(voxels)
    assert image_modes(turned, field).values.tobytes() == image_modes(voxels, field).values.tobytes()


def test_tapers_are_those_of_scipy() -> None:
    from scipy.signal import windows

    for name in ("hann", "blackmanharris"):
        for length in (7, 150):
            want = windows.get_window(name, length, fftbins=False)
            assert taper(name, length) == pytest.approx(want, abs=1e-12)
    assert (taper("none", 5) == 1).all()
    with pytest.raises(UsageError, match="no taper 'kaiser'"):
        taper("kaiser", 5)
    with pytest.raises(UsageError, match="no taper 'kaiser'"):
        field_for((4, 4), name="kaiser")


def test_tapers_tie_neighbours_together() -> None:
    cells = np.arange(20, 60)
    assert independent_cells(np.ones(100), cells) == pytest.approx(40)
    weights = taper("hann", 100)
    many = independent_cells(weights, cells) / 40
    assert many == pytest.approx((weights**2).sum() ** 2 / (weights**4).sum() / 100, rel=0.03)
    assert independent_cells(weights, np.array([5])) == 1
    assert independent_cells(weights, np.array([], int)) == 0


def test_a_field_is_the_central_square_of_a_cube() -> None:
    from memory_cube import meta_of

    meta = meta_of((4, 100, 60))  # pixels of 0.01 and 0.02 degrees
    field = field_of(meta, 50.0, 0.5)
    assert (field.start, field.shape) == ((25, 17), (50, 25))
    assert field.pixel == pytest.approx(np.radians((0.01, 0.02)))
    assert field_of(meta, 50.0).shape == (100, 60)
    with pytest.raises(UsageError, match=r"1\.1 degrees was asked for, and cube has 1 x 1\.2 degrees"):
        field_of(meta, 50.0, 1.1)
    with pytest.raises(InputError, match="how large its pixels are"):
        field_of(meta_of((4, 10, 10), pixel_size=None), 50.0)


def test_the_transform_of_a_cube_without_rows_along_m_is_defined() -> None:
    field = field_for((3, 1))
    transform = ImageTransform(field, 1)
    transform.add(0, np.array([[[1.0], [2.0], [3.0]]], np.float32))
    assert transform.finish().values[0] == pytest.approx(np.fft.fft([-1, 0, 1])[[0, 1]])
