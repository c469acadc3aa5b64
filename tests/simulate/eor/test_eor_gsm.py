"""The measured diffuse sky in a made-up cube: the right brightness, at the right place, in any box."""

from __future__ import annotations

import os
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tessellar.errors import InputError, UsageError
from tessellar.simulate.eor.gsm import MAPS, SPECTRA, model_of
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box

FOLDER = Path(os.environ.get("TESSELLAR_DATA", "../shared/data")) / "foreground"
SHAPE = (6, 70, 150)

needs_maps = pytest.mark.skipif(
    not (FOLDER / MAPS).exists(), reason=f"the maps of GSM2016 are not in {FOLDER}"
)
needs_healpix = pytest.mark.skipif(
    find_spec("astropy_healpix") is None, reason="astropy-healpix is not installed (extra 'sky')"
)


def sky(**settings: object) -> EorSky:
    return EorSky(SHAPE, part="foregrounds", points_per_deg2=0, gsm=str(FOLDER), **settings)  # type: ignore[arg-type]


@pytest.mark.skipif(find_spec("astropy_healpix") is not None, reason="astropy-healpix is installed")
def test_without_the_library_it_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"pip install 'tessellar\[sky\]'"):
        EorSky(gsm="somewhere")


@needs_maps
def test_the_model_has_the_brightness_of_the_sky() -> None:
    """The mean of the Haslam map is about 34 K at 408 MHz; the mean index from 150 MHz is about -2.5."""
    model = model_of(str(FOLDER))
    low, high = (model.weights(np.array([150e6, 408e6])) @ model.maps).mean(axis=1)
    assert 30 < high < 40
    assert -2.7 < np.log(high / low) / np.log(408 / 150) < -2.3


@needs_maps
def test_spectra_pass_through_their_knots_and_are_no_straight_lines() -> None:
    model = model_of(str(FOLDER))
    knots = model.spectra[0] * 1e9
    kelvin = 2 * 1.380649e-23 * (knots / 299792458.0) ** 2 * 1e20
    assert np.allclose(model.weights(knots).T, model.spectra[2:] * model.spectra[1] / kelvin)
    band = model.weights(np.linspace(151e6, 164e6, 64)) @ model.maps[:, ::100]
    strength = np.linalg.svd(band, compute_uv=False)
    assert (
        strength / strength[0] > 1e-9
    ).sum() == 4  # a cubic between two knots; straight lines would give 2


@pytest.mark.parametrize("spectra", [None, "1 2 3\n", "words\n"])
def test_other_files_are_refused(spectra: str | None, tmp_path: Path) -> None:
    (tmp_path / MAPS).write_text("1 2 3\n")
    if spectra:
        (tmp_path / SPECTRA).write_text(spectra)
    with pytest.raises(InputError, match=r"gsm2016_spectra|needed are 49152 pixels"):
        model_of(str(tmp_path))


@needs_maps
@needs_healpix
def test_every_box_is_a_part_of_the_whole() -> None:
    made = sky(beam_arcsec=700.0)
    whole = made.read(Box.of_shape(SHAPE))
    for box in (Box((0, 0, 0), (1, 1, 1)), Box((2, 11, 63), (5, 70, 66)), Box((0, 63, 0), (6, 66, 150))):
        assert pickle.loads(pickle.dumps(made)).read(box).tobytes() == whole[box.slices()].tobytes()


@needs_maps
@needs_healpix
def test_a_pixel_shows_the_map_at_its_place() -> None:
    from astropy.coordinates import SkyCoord
    from astropy.io.fits import Header
    from astropy.wcs import WCS
    from astropy_healpix import HEALPix

    made = sky()
    wcs = WCS(Header.fromstring(made.meta.wcs_header, sep="\n")).celestial
    place = SkyCoord.from_pixel(np.array([3, 60]), np.array([140, 9]), wcs).galactic
    model = model_of(str(FOLDER))
    plane = (model.weights(np.array([made.frequency(4)])) @ model.maps)[0]
    expected = HEALPix(64, "nested").interpolate_bilinear_lonlat(place.l, place.b, plane)
    whole = made.read(Box.of_shape(SHAPE))
    assert np.allclose(whole[4, [3, 60], [140, 9]], expected, rtol=1e-6)
    assert not made.only("freefree").read(Box((0, 0, 0), (1, 5, 5))).any()


@needs_maps
@needs_healpix
def test_the_identity_knows_the_maps() -> None:
    assert model_of(str(FOLDER)).digest in sky().identity
