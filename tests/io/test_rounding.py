"""Lossy storage: rounding is to the nearest, halves to even, never blanks a voxel, and errs as much as it says."""

from __future__ import annotations

import json
from fractions import Fraction
from math import floor, inf, log2, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.errors import UsageError
from tessellar.io.rounding import Rounding
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import FloatArray

LARGEST = float(np.finfo(np.float32).max)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def nearest_multiple(value: Fraction, step: Fraction) -> Fraction:
    """Return the nearest multiple of a step, halves to even, by exact arithmetic."""
    return round(value / step) * step  # Python rounds fractions half to even


@settings(max_examples=150)
@given(value=numbers, keep=st.integers(1, 22))
def test_bits_are_rounded_as_exact_arithmetic_rounds(value: float, keep: int) -> None:
    found = float(Rounding(keep)(np.array([value], np.float32))[0])
    if value == 0:
        assert found == 0
        return
    step = Fraction(2) ** (floor(log2(abs(Fraction(value)))) - keep)
    while step * 2**keep > abs(Fraction(value)):  # the logarithm of a float may be rounded up
        step /= 2
    wanted = nearest_multiple(Fraction(value), step)
    if abs(wanted) > Fraction(LARGEST):
        assert np.isfinite(found)
    else:
        assert Fraction(found) == wanted
    assert abs(found - value) <= abs(value) * 2.0 ** -(keep if abs(value) > 1e38 else keep + 1)


@settings(max_examples=100)
@given(value=numbers, power=st.integers(-40, 10))
def test_multiples_of_a_step_are_what_exact_arithmetic_gives(value: float, power: int) -> None:
    found = float(Rounding(step=2.0**power)(np.array([value], np.float32))[0])
    assert Fraction(found) == nearest_multiple(Fraction(value), Fraction(2) ** power)


@pytest.mark.parametrize("rounding", [Rounding(1), Rounding(7), Rounding(22), Rounding(step=0.25)])
def test_blanks_stay_blank_and_nothing_becomes_infinite(rounding: Rounding) -> None:
    voxels = np.array([nan, inf, -inf, 0.0, LARGEST, -LARGEST, 1e-45, 1.0], np.float32)
    rounded = rounding(voxels)
    assert rounded.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(rounded), np.isnan(voxels))
    np.testing.assert_array_equal(np.isinf(rounded), np.isinf(voxels))
    assert rounded[7] == 1.0
    np.testing.assert_array_equal(rounding(rounded), rounded)
    part = np.lib.stride_tricks.as_strided(np.arange(8, dtype=np.float32), (4,), (8,))  # not contiguous
    np.testing.assert_array_equal(rounding(part), rounding(part.copy()))


def test_halves_go_to_the_even_neighbour() -> None:
    # one kept bit: 1, 1.5, 2, 3, 4; between them 1.25 -> 1, 1.75 -> 2, 2.5 -> 2, 3.5 -> 4
    found = Rounding(1)(np.array([1.25, 1.75, 2.5, 3.5, -2.5], np.float32))
    assert found.tolist() == [1.0, 2.0, 2.0, 4.0, -2.0]
    assert Rounding(step=0.5)(np.array([0.25, 0.75, -0.25], np.float32)).tolist() == [0.0, 1.0, 0.0]


def noise(shape: tuple[int, ...] = (24, 40, 48), sigma: float = 3e-4) -> FloatArray:
    return np.random.default_rng(1).normal(0, sigma, shape).astype(np.float32)


@pytest.mark.parametrize("keep", [2, 4, 7])
def test_the_error_over_the_noise_is_what_is_said(keep: int) -> None:
    voxels = noise((200_000,))
    error = (Rounding(keep)(voxels) - voxels).std() / voxels.std()
    assert Rounding(keep).noise_error == pytest.approx(error, rel=0.02)
    by_noise = Rounding.to_noise(0.1, float(voxels.std()))
    error = (by_noise(voxels) - voxels).std() / voxels.std()
    assert by_noise.noise_error == pytest.approx(error, rel=0.02)
    assert 0.05 < error <= 0.1


def test_requests_that_make_no_sense_are_refused() -> None:
    for wrong in ({}, {"keep_bits": 3, "step": 0.5}, {"keep_bits": 0}, {"keep_bits": 23}, {"step": 0.3}):
        with pytest.raises(UsageError):
            Rounding(**wrong)
    for fraction in (0.0, 1.0, -1.0, nan):
        with pytest.raises(UsageError, match="no share of the noise"):
            Rounding.to_noise(fraction, 1.0)
    with pytest.raises(UsageError, match="--keep-bits"):
        Rounding.to_noise(0.1, None)


@pytest.mark.parametrize(
    ("asked", "method"), [({"keep_bits": 5}, "bits"), ({"lossy_noise_fraction": 0.1}, "step")]
)
def test_a_cube_is_converted_and_says_what_was_done(
    asked: dict[str, float], method: str, tmp_path: Path
) -> None:
    voxels = noise()
    voxels[3, 4, 5] = np.nan
    source = MemorySource(voxels, meta_of(voxels.shape))
    whole, rounded = tmp_path / "whole.zarr", tmp_path / "rounded.zarr"
    ts.convert(source, whole, executor="serial")
    ts.convert(source, rounded, executor="serial", **asked)
    stored = ts.open_cube(rounded)
    assert stored.stored_bytes < 0.6 * ts.open_cube(whole).stored_bytes
    assert any("rounded to" in sentence for sentence in stored.meta.missing)
    said = json.loads((rounded / "SKY" / "zarr.json").read_text())["attributes"]["rounding"]
    assert method in said["method"]
    seen = ZarrSource(rounded).read(ZarrSink(whole, source.meta).pieces[0])
    kept = np.isfinite(voxels)
    np.testing.assert_array_equal(np.isfinite(seen), kept)
    error = (seen - voxels)[kept].std() / voxels[kept].std()
    assert said["rms_error_over_noise"] == pytest.approx(error, rel=0.05)
    assert not ts.verify(rounded).damage


def test_only_zarr_is_rounded_and_only_in_one_way(tmp_path: Path) -> None:
    source = MemorySource(noise((2, 4, 4)), meta_of((2, 4, 4)))
    with pytest.raises(UsageError, match="rounding is for Zarr output"):
        ts.convert(source, tmp_path / "a.fits", keep_bits=4)
    with pytest.raises(UsageError, match="codec is for Zarr output"):
        ts.convert(source, tmp_path / "a.fits", codec="lz4")
    with pytest.raises(UsageError, match="Leave --keep-bits or --lossy-noise-fraction out"):
        ts.convert(source, tmp_path / "a.zarr", keep_bits=4, lossy_noise_fraction=0.1)


def test_the_same_voxels_become_the_same_bytes(tmp_path: Path) -> None:
    source = MemorySource(noise((40, 64, 64)), meta_of((40, 64, 64)))
    for name, workers in (("a", 1), ("b", 2)):
        ts.convert(
            source, tmp_path / f"{name}.zarr", workers=workers, tile=(16, 32, 32), codec="lz4", keep_bits=6
        )
    one, two = (
        {
            p.relative_to(tmp_path / f"{name}.zarr"): p.read_bytes()
            for p in (tmp_path / f"{name}.zarr").rglob("*")
            if p.is_file()
        }
        for name in "ab"
    )
    assert one == two
