"""A made-up sky: any box of it alone has the bits of the whole, and its header says the truth about it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.model import GAUSSIAN_AREA, Source
from tessellar.simulate.hi import HiSky
from tessellar.simulate.population import Population
from tessellar.tiling.box import Box

SKY = HiSky((60, 70, 50), seed=3, n_sources=25, touch_edges=True)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return SKY.read(Box.of_shape(SKY.shape))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SKY.shape]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, SKY.shape, strict=True)]
    return Box(tuple(starts), tuple(stops))  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(boxes())
def test_every_box_is_a_part_of_the_whole(whole: np.ndarray, box: Box) -> None:
    part = SKY.read(box)
    assert part.dtype == np.float32
    assert part.flags.c_contiguous
    assert np.array_equal(part, whole[box.slices()])


def test_the_whole_holds_galaxies_that_overlap_and_galaxies_cut_by_edges() -> None:
    """Without these the law above would say little."""
    cube = Box.of_shape(SKY.shape)
    cubelets = [SKY.cubelet(n).box for n in range(25)]
    assert sum(not cube.contains(box) for box in cubelets) > 5
    assert any(not (a & b).empty for i, a in enumerate(cubelets) for b in cubelets[:i])


def test_same_seed_same_sky_other_seed_other_sky(whole: np.ndarray) -> None:
    cube = Box.of_shape(SKY.shape)
    again = pickle.loads(pickle.dumps(HiSky((60, 70, 50), 3, 25, touch_edges=True)))
    assert np.array_equal(again.read(cube), whole)
    other = HiSky((60, 70, 50), seed=4, n_sources=25, touch_edges=True)
    assert not np.array_equal(other.read(cube), whole)
    assert again.identity == SKY.identity != other.identity


def test_galaxies_are_a_matter_of_seed_and_number_only() -> None:
    few, many = HiSky((60, 70, 50), 3, 5), HiSky((60, 70, 50), 3, 50)
    assert all(few.population[n] == many.population[n] for n in range(5))


def test_flux_of_the_noiseless_sky_is_the_sum_of_its_galaxies() -> None:
    sky = HiSky((120, 100, 90), seed=1, n_sources=12)
    total = sky.read_galaxies(Box.of_shape(sky.shape)).sum(dtype=np.float64) / (GAUSSIAN_AREA * 16)
    assert total == pytest.approx(sky.population.flux.sum(), rel=0.01)


def test_noise_alone_has_the_asked_rms() -> None:
    sky = HiSky((40, 96, 96), n_sources=0, rms_jy=2e-4)
    assert sky.read(Box.of_shape(sky.shape)).std() == pytest.approx(2e-4, rel=0.02)


def test_default_density_is_forty_galaxies_in_the_demo_cube() -> None:
    assert len(HiSky((128, 192, 192)).population) == 40


def test_population_is_within_its_ranges() -> None:
    sky = HiSky((200, 300, 400), n_sources=3000, flux_range=(10.0, 1000.0))
    galaxies: Population = sky.population
    relative = galaxies.flux / sky.rms_jy
    assert relative.min() >= 10
    assert relative.max() <= 1000
    assert np.median(relative) == pytest.approx(100, rel=0.1)  # log-uniform
    assert np.mean(np.cos(np.radians(galaxies.inclination))) == pytest.approx(0.5, abs=0.03)  # isotropic
    assert np.corrcoef(np.log(galaxies.flux), np.log(galaxies.scale_length))[0, 1] > 0.9
    for centre, length in ((galaxies.z, 200), (galaxies.x, 300), (galaxies.y, 400)):
        assert centre.min() > 2
        assert centre.max() < length - 3


def test_it_is_a_source() -> None:
    assert isinstance(SKY, Source)
    assert SKY.chunks is None
    assert SKY.stored_bytes == 0
    assert len(pickle.dumps(SKY)) < 1000


def test_meta_agrees_with_its_own_headers() -> None:
    sky = HiSky((5, 7, 9), beam_arcsec=10.0, n_sources=0)
    meta = sky.meta
    header = fits.Header.fromstring(meta.header, sep="\n")
    assert [header[f"NAXIS{n}"] for n in (1, 2, 3)] == [7, 9, 5]
    assert all(len(card) <= 80 for card in meta.header.splitlines())
    assert header["BMAJ"] == pytest.approx(10 / 3600)
    assert header["BUNIT"] == "Jy/beam"
    assert meta.beams[0].major == header["BMAJ"]
    for text in (meta.header, meta.wcs_header):
        wcs = WCS(fits.Header.fromstring(text, sep="\n"))
        assert wcs.wcs.restfrq == 1420405751.786
        ra, dec, freq = wcs.all_pix2world([3, 4], [4, 4], [0, 4], 0)
        assert (ra[0], dec[0]) == pytest.approx((180, -30))
        assert ra[1] < ra[0]
        assert freq == pytest.approx([meta.spectral.values[0], meta.spectral.values[4]])
    assert meta.beam_areas() == pytest.approx(np.full(5, GAUSSIAN_AREA * (10 / 2.8) ** 2))


@pytest.mark.parametrize(
    ("settings_", "word"),
    [
        ({"shape": (0, 4, 4)}, "shape"),
        ({"shape": (4, 4)}, "shape"),
        ({"shape": (4, 4, 1 << 21)}, "shape"),
        ({"shape": (4, 4, 4), "n_sources": -1}, "n_sources"),
        ({"shape": (4, 4, 4), "rms_jy": 0.0}, "rms_jy"),
        ({"shape": (4, 4, 4), "beam_arcsec": 3.0}, "beam"),
        ({"shape": (4, 4, 4), "beam_arcsec": float("nan")}, "beam"),
        ({"shape": (4, 4, 4), "flux_range": (5.0, 1.0)}, "flux_range"),
        ({"shape": (4, 500_000, 4)}, "half of the sky"),
    ],
)
def test_a_sky_that_cannot_be_is_refused(settings_: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        HiSky(**settings_)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"n_sources.*flux_range"):
        HiSky((4, 4, 4), n_sources=-1, flux_range=(2.0, 1.0))


@pytest.mark.parametrize(
    "box", [Box((0, 0, 0), (61, 1, 1)), Box((-1, 0, 0), (1, 1, 1)), Box((3, 3, 3), (3, 4, 4))]
)
def test_a_box_outside_the_cube_is_refused(box: Box) -> None:
    with pytest.raises(UsageError, match="inside the cube"):
        SKY.read(box)
