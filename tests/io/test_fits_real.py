"""Every real cube and odd header opens as what it is, with astropy's voxels, or is refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from astropy.io import fits

from tessellar.errors import InputError
from tessellar.io.open import open_source
from tessellar.report.describe import describe
from tessellar.report.sample import sample
from tessellar.tiling.box import Box


class Known(NamedTuple):
    shape: tuple[int, int, int]
    kind: str
    unit: str
    beams: int
    sky: bool = True
    index: tuple[int | slice, ...] = (0, slice(None), slice(None), slice(None))  # of astropy's array
    axes: tuple[int, int, int] = (0, 2, 1)  # of what remains: frequency, l, m


ALL = slice(None)
CUBE = {"index": (ALL, ALL, ALL)}
JY = "Jy / beam"
OPENS = {
    "cubes/NGC4047.co.smo7gain.fits.gz": Known((44, 128, 128), "v_rad", "", 1),
    "cubes/NGC4047.co.smo7msk.fits.gz": Known((44, 128, 128), "v_rad", JY, 1),
    "cubes/NGC4324.fits": Known((21, 100, 100), "v_app", JY, 1),
    "cubes/empty_corner.fits": Known((100, 51, 52), "v_opt", JY, 1, **CUBE),
    "cubes/eso121-g6.fits": Known((130, 64, 64), "v_app", JY, 1),
    "cubes/g035_n2hp.fits": Known((1000, 6, 21), "v_rad", "K", 1),
    "cubes/grs_13co_10x10.fits": Known((424, 10, 10), "v_opt", "K", 0, **CUBE),
    "cubes/l1448_13co.fits": Known((53, 105, 105), "v_opt", "", 0, **CUBE),
    "cubes/ngc2903_b1950.fits": Known((113, 70, 89), "v_app", JY, 1, **CUBE),
    "cubes/ngc6946.fits": Known((101, 100, 100), "v_app", JY, 1, **CUBE),
    "headers/M17_SWex_unittest.fits": Known((5, 31, 31), "freq", JY, 1, **CUBE),
    "headers/dec_pol_freq_ra.fits": Known(
        (17, 30, 36), "freq", "", 0, index=(ALL, ALL, 0, ALL), axes=(1, 0, 2)
    ),
    "headers/ra_pol_freq_dec.fits": Known(
        (16, 35, 41), "freq", "", 0, index=(ALL, ALL, 0, ALL), axes=(1, 2, 0)
    ),
    "headers/manyaxes.fits": Known((10, 50, 50), "freq", "", 0, axes=(2, 0, 1)),
    "headers/ghigls_cunit_M_S.fits": Known((490, 35, 35), "v_opt", "K", 1),
    "headers/imregion.fits": Known((20, 20, 20), "freq", "", 0),
    "headers/ngc5921.clean.fits": Known((8, 6, 11), "freq", JY, 1),
    "headers/noise_3d.fits": Known((10, 10, 10), "v_app", "Jy / pix", 0, **CUBE),
    "headers/noise_3d_degen.fits": Known((10, 10, 10), "v_app", "Jy / pix", 0),
    "headers/noise_4d.fits": Known((5, 10, 10), "v_app", "Jy / pix", 0),
    "headers/qualityimage.fits": Known((5, 5, 5), "freq", "1e-20 erg / (Angstrom s cm2)", 0, **CUBE),
    "headers/small_3D.fits": Known((1, 20, 20), "channel", JY, 1, **CUBE),
    "headers/small_4D.fits": Known((1, 20, 20), "channel", JY, 1),
    "headers/small_5D.fits": Known((1, 20, 20), "channel", JY, 1, index=(0, 0, ALL, ALL, ALL)),
    "headers/small_perplanebeam.fits": Known((11, 20, 21), "freq", JY, 11, **CUBE),
}
REFUSED = {
    "headers/blankset16.fits": "20 x 20 pixels",
    "headers/blanksetmin32.fits": "20 x 20 pixels",
    "headers/ngc5921.clean.no_freq.no_stokes.fits": "6 x 11 pixels",
}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize("name", OPENS)
def test_a_real_cube_opens_as_what_it_is(data_dir: Path, name: str):
    known, source = OPENS[name], open_source(data_dir / name)
    meta = source.meta
    assert (meta.shape, meta.spectral.kind, meta.unit) == (known.shape, known.kind, known.unit)
    assert meta.spectral.unit == {"freq": "Hz", "channel": ""}.get(known.kind, "m/s")
    assert len(meta.spectral.values) == known.shape[0]
    assert len(meta.beams) == known.beams
    assert bool(meta.wcs_header) is known.sky


@pytest.mark.filterwarnings("ignore:.*BLANK:astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize("name", OPENS)
def test_its_voxels_are_those_of_astropy(data_dir: Path, name: str):
    known = OPENS[name]
    expected = np.asarray(fits.getdata(data_dir / name)[known.index].transpose(known.axes), dtype=np.float32)
    source = open_source(data_dir / name)
    np.testing.assert_allclose(source.read(Box.of_shape(known.shape)), expected, rtol=1e-6, atol=1e-8)
    z, x, y = (n // 2 for n in known.shape)
    part = source.read(Box((z, x, 0), (z + 1, known.shape[1], y + 1)))
    np.testing.assert_allclose(part, expected[z : z + 1, x:, : y + 1], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", OPENS)
def test_it_can_be_said_in_words(data_dir: Path, name: str):
    text = describe(open_source(data_dir / name))
    assert text.startswith("Cube")
    assert "nan" not in text.lower().replace("nanometre", "")


@pytest.mark.parametrize("name", REFUSED)
def test_an_image_without_a_spectral_axis_is_refused(data_dir: Path, name: str):
    with pytest.raises(InputError, match=REFUSED[name]) as problem:
        open_source(data_dir / name)
    assert "spectral" in str(problem.value)
    assert problem.value.exit_code == 3


def test_no_file_is_forgotten(data_dir: Path):
    files = [*data_dir.glob("cubes/*.fits*"), *data_dir.glob("headers/*.fits*")]
    assert {f"{file.parent.name}/{file.name}" for file in files} == OPENS.keys() | REFUSED.keys()


def test_what_is_known_of_the_noise(data_dir: Path):
    known = {"NGC4324": 4.03e-3, "eso121-g6": 2.07e-3, "ngc2903_b1950": 3.2e-3, "g035_n2hp": 0.041}
    for name, rms in known.items():
        assert sample(open_source(data_dir / "cubes" / f"{name}.fits")).rms == pytest.approx(rms, rel=0.05)


def test_extensions_of_a_real_file(data_dir: Path):
    path = data_dir / "headers" / "qualityimage.fits"
    flags = open_source(f"{path}[IFU1.DQ]")
    assert flags.meta.name == "qualityimage.fits[IFU1.DQ]"
    expected = fits.getdata(path, 3).transpose(0, 2, 1)
    np.testing.assert_array_equal(flags.read(Box.of_shape(flags.meta.shape)), expected)
