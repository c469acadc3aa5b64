"""What others say of blanks, units and frequencies is heeded, or it is told why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from astropy.io import fits
from memory_cube import noisy

import tessellar as ts
from tessellar.errors import UsageError
from tessellar.io.blanks import blanks_of
from tessellar.tiling.box import Box, Shape

SHAPE: Shape = (8, 9, 10)
HERTZ = 1.4e9 + 1e5 * np.arange(8)


def image(voxels: Any, hertz: Any = HERTZ, **attributes: Any) -> xarray.Dataset:
    array = (("frequency", "l", "m"), voxels, {"units": "Jy/beam", **attributes})
    return xarray.Dataset({"SKY": array}, {"frequency": ("frequency", hertz, {"units": "Hz"})})


def blank_cube() -> np.ndarray[Any, Any]:
    voxels = noisy(SHAPE)
    voxels[2:4, 5] = np.nan
    return voxels


@pytest.mark.parametrize("fill", [-999.0, 1e20, np.nan, 0.0])
@pytest.mark.parametrize("name", ["_FillValue", "missing_value"])
def test_fill_values_that_xarray_writes_are_blank(tmp_path: Path, fill: float, name: str) -> None:
    dataset = image(blank_cube())
    dataset["SKY"].encoding = {name: np.float32(fill)}
    dataset.to_zarr(tmp_path / "cube.zarr", consolidated=False)
    found = ts.open_cube(tmp_path / "cube.zarr")
    np.testing.assert_array_equal(found.read(Box.of_shape(SHAPE)), blank_cube())
    assert any("are blank" in sentence for sentence in found.meta.missing) == (not np.isnan(fill))


@pytest.mark.parametrize("how", ["stored", "opened"])
def test_fill_values_of_integers_are_blank(tmp_path: Path, how: str) -> None:
    numbers = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)
    dataset = image(numbers, _FillValue=np.int16(7), missing_value=np.int16(11))
    dataset.to_zarr(tmp_path / "cube.zarr", consolidated=False)
    opened = xarray.open_zarr(tmp_path / "cube.zarr", consolidated=False, mask_and_scale=False)
    found = ts.open_cube(tmp_path / "cube.zarr" if how == "stored" else opened)
    voxels = found.read(Box.of_shape(SHAPE))
    assert np.isnan(voxels).sum() == 2
    assert np.isnan(voxels[numbers == 7]).all()
    np.testing.assert_array_equal(voxels[~np.isnan(voxels)], np.delete(numbers.ravel(), [7, 11]))


@pytest.mark.parametrize(
    ("value", "blanks"),
    [
        (None, ()),
        ("not base64!", ()),
        ("QUJD", ()),
        ([], ()),
        (True, ()),
        (1e300, (np.inf,)),
        ("-5", (-5.0,)),
    ],
)
def test_other_words_are_no_blanks(value: Any, blanks: tuple[float, ...]) -> None:
    assert blanks_of({"_FillValue": value}, "float32") == blanks


@pytest.mark.parametrize(
    ("hertz", "words"),
    [
        (np.where(np.arange(8) == 3, np.nan, HERTZ), "not finite"),
        (np.where(np.arange(8) == 3, np.inf, HERTZ), "not finite"),
        (np.full(8, 1e9), "neither rise nor fall"),
        (HERTZ[[3, 1, 0, 2, 4, 5, 7, 6]], "neither rise nor fall"),
    ],
)
def test_frequencies_that_are_no_axis(hertz: Any, words: str) -> None:
    found = ts.open_cube(image(noisy(SHAPE), hertz)).meta
    assert found.spectral.kind == "channel"
    assert any(words in sentence for sentence in found.missing)


@pytest.mark.parametrize("units", ["furlong per fortnight", ["Jy", "beam"], 5])
def test_a_unit_that_is_not_known_is_quoted(units: Any) -> None:
    dataset = image(noisy(SHAPE))
    dataset["SKY"].attrs["units"] = units
    found = ts.open_cube(dataset).meta
    assert found.unit == ""
    assert any(f"The unit {units} of the voxels is not known" in sentence for sentence in found.missing)


def test_a_unit_in_a_list_is_a_unit() -> None:
    dataset = image(noisy(SHAPE))
    dataset["SKY"].attrs["units"] = ["Jy/beam"]
    assert ts.open_cube(dataset).meta.unit == "Jy / beam"


UNEVEN = HERTZ + 2e7 * (np.arange(8) >= 4)


@pytest.mark.parametrize("verb", ["convert", "denoise", "separate"])
def test_uneven_channels_do_not_become_even_ones(tmp_path: Path, verb: str) -> None:
    dataset, out = image(noisy(SHAPE), UNEVEN), tmp_path / "out.fits"
    calls = {
        "convert": lambda: ts.convert(dataset, out),
        "denoise": lambda: ts.denoise(dataset, ts.Gaussian(), out=out),
        "separate": lambda: ts.separate_foregrounds(dataset, ts.PCA(1), out=out),
    }
    with pytest.raises(UsageError, match=r"not evenly spaced.*Name the output \.zarr"):
        calls[verb]()
    assert not list(tmp_path.iterdir())
    path = ts.convert(dataset, tmp_path / "out.zarr")
    assert ts.open_cube(path).meta.spectral.values == tuple(UNEVEN)


def test_channels_that_are_even_but_for_rounding_are_even(tmp_path: Path) -> None:
    path = ts.convert(image(noisy(SHAPE), HERTZ + 1e-4 * np.sin(np.arange(8))), tmp_path / "out.fits")
    assert fits.getheader(path)["CDELT3"] == pytest.approx(1e5, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "stop", "words"),
    [(0, 4, ("FREQ", 0, 1e5)), (4, 8, ("FREQ", 4, 1e5)), (2, 6, ("CHANNEL", 2, 1.0))],
)
def test_small_cubes_have_the_axis_of_their_own_channels(
    first: int, stop: int, words: tuple[str, int, float]
) -> None:
    from tessellar.io.map_fits import cube_header

    meta = ts.open_cube(image(noisy(SHAPE), UNEVEN)).meta
    header = cube_header(meta, Box((first, 0, 0), (stop, 9, 10)))
    kind, channel, step = words
    value = float(channel) if kind == "CHANNEL" else UNEVEN[channel]
    assert (header["CTYPE3"], header["CRPIX3"], header["CRVAL3"]) == (kind, 1.0, value)
    assert header["CDELT3"] == pytest.approx(step)
