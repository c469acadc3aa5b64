"""A field like the challenge's: any box of it alone has the bits of the whole, and its truth is true."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.api import open_cube, score, simulate
from tessellar.errors import InputError, UsageError
from tessellar.model import GAUSSIAN_AREA, Source
from tessellar.simulate.sdc2.noise import expected_rms
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import read_truth, sdc2_table, truth_table
from tessellar.tiling.box import Box

SHAPE = (70, 90, 80)
EVERYTHING = {
    "shape": SHAPE,
    "seed": 3,
    "density": 60.0,
    "satellites": 1.5,
    "rfi_channels": 0.1,
    "continuum_residual": 0.1,
}


@pytest.fixture(scope="module", params=["discs", "atlas"])
def sky(request: pytest.FixtureRequest, sdc2_data: str) -> Sdc2Sky:
    """Return a field with every option on."""
    if request.param == "discs":
        return Sdc2Sky(**EVERYTHING)
    files = {"population": "sdc2", "shapes": "atlas", "noise": "measured", "sdc2_data": sdc2_data}
    return Sdc2Sky(**{**EVERYTHING, **files, "density": 100.0})


@pytest.fixture(scope="module")
def whole(sky: Sdc2Sky) -> np.ndarray:
    return sky.read(Box.of_shape(SHAPE))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SHAPE]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, SHAPE, strict=True)]
    return Box(tuple(starts), tuple(stops))  # type: ignore[arg-type]


@settings(max_examples=25)
@given(box=boxes())
def test_every_box_is_a_part_of_the_whole(sky: Sdc2Sky, whole: np.ndarray, box: Box) -> None:
    part = pickle.loads(pickle.dumps(sky)).read(box)
    assert part.dtype == np.float32
    assert part.flags.c_contiguous
    assert part.tobytes() == whole[box.slices()].tobytes()


def test_the_whole_holds_galaxies_that_overlap_and_satellites(sky: Sdc2Sky) -> None:
    """Without these the law above would say little."""
    assert isinstance(sky, Source)
    boxes = [sky.cubelet(number).box for number in range(len(sky.galaxies))]
    assert len(boxes) > sky.count > 15
    assert sum(not (a & b).empty for i, a in enumerate(boxes) for b in boxes[:i]) > 10


def test_no_galaxy_is_cut_by_its_box(sky: Sdc2Sky) -> None:
    for number in range(len(sky.galaxies)):
        voxels = sky.cubelet(number).voxels
        rims = [np.abs(np.take(voxels, end, axis)).max() for axis in range(3) for end in (0, -1)]
        assert max(rims) <= 1e-3 * voxels.max()


def test_the_flux_of_the_field_is_that_of_the_truth_and_of_the_population(sky: Sdc2Sky) -> None:
    field = sky.read_galaxies(Box.of_shape(SHAPE)).sum(dtype=np.float64)
    flux = field / (GAUSSIAN_AREA * (sky.beam_arcsec / sky.pixel_arcsec) ** 2) * sky.channel_hz
    truth = truth_table(sky)
    assert flux == pytest.approx(truth["f_sum"].to_value("Jy Hz").sum(), rel=1e-3)
    cube = Box.of_shape(SHAPE)
    inside = np.array([cube.contains(sky.cubelet(n).box) for n in range(len(truth))])
    assert inside.sum() > 8
    asked = sky.galaxies["flux"] * sky.channel_hz
    assert truth["f_sum"].to_value("Jy Hz")[inside] == pytest.approx(asked[inside], rel=1e-3)


def test_lines_are_as_wide_as_was_asked(sky: Sdc2Sky) -> None:
    calm = replace(sky, shape=(1200, 90, 80), density=8.0, satellites=0.0)
    truth, numbers = truth_table(calm), range(len(calm.galaxies))
    frequency = np.array([calm.frequency_of(number) for number in numbers])
    asked = calm.galaxies["width"] * 1420.405751786e6 / frequency / 1e3
    ratio = truth["w20"].to_value("km/s") / asked
    assert len(ratio) > 40
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    assert np.percentile(np.abs(ratio - 1.0), 90) < 0.12


def test_the_receding_side_lies_at_the_position_angle(sky: Sdc2Sky) -> None:
    """Lower frequencies lie on that side: anticlockwise from north (m), where east is to the left."""
    off = []
    for number in range(len(sky.galaxies)):
        galaxy, cubelet = sky.galaxies.galaxy(number), sky.cubelet(number)
        if galaxy.inclination < 40 or galaxy.width < 1e5:
            continue
        z, x, y = (np.arange(a, b) for a, b in zip(cubelet.box.start, cubelet.box.stop, strict=True))
        slow = np.tensordot(z - galaxy.z, cubelet.voxels.astype(np.float64), axes=1)
        east = -((x - galaxy.x)[:, None] * slow).sum()
        north = ((y - galaxy.y) * slow).sum()
        turn = np.degrees(np.arctan2(-east, -north)) - galaxy.pa
        off.append((turn + 180.0) % 360.0 - 180.0)
    assert len(off) > 8
    assert np.median(np.abs(off)) < 8.0
    assert np.percentile(np.abs(off), 90) < 25.0


def test_noise_is_that_of_the_formula_and_rises_to_the_corners() -> None:
    quiet = Sdc2Sky((20, 200, 200), seed=1, density=0.0, edge_noise=3.0)
    voxels = quiet.read(Box.of_shape(quiet.shape)).astype(np.float64)
    assert expected_rms(np.array([950e6]), 30e3)[0] == pytest.approx(26.63e-6, rel=1e-3)
    assert voxels[:, 80:120, 80:120].std() == pytest.approx(26.63e-6, rel=0.05)
    assert voxels[:, :10, -10:].std() == pytest.approx(26.63e-6 * (1 + 2 * 0.95**4), rel=0.1)


def test_measured_noise_and_interference_change_channels(sdc2_data: str) -> None:
    plain = Sdc2Sky((40, 64, 64), seed=1, density=0.0)
    measured = replace(plain, noise="measured", sdc2_data=sdc2_data)
    box = Box.of_shape(plain.shape)
    usual = plain.read(box)
    assert measured.read(box) == pytest.approx(1.25 * usual, rel=1e-5)
    spoilt = replace(plain, rfi_channels=0.25).read(box).std(axis=(1, 2)) / usual.std(axis=(1, 2))
    loud = spoilt > 1.001
    assert 4 <= loud.sum() <= 16
    assert spoilt[loud].min() >= 2.99
    assert spoilt[loud].max() <= 30.01
    assert replace(plain, rms_jy=1e-3).read(box).std() == pytest.approx(1e-3, rel=0.1)


def test_residuals_of_the_continuum_follow_their_share() -> None:
    quiet = Sdc2Sky((12, 120, 120), seed=2, density=0.0)
    box = Box.of_shape(quiet.shape)
    noise = quiet.read(box)
    once, twice = (replace(quiet, continuum_residual=share).read(box) - noise for share in (0.25, 0.5))
    assert np.abs(once).max() > 1e-4
    assert twice == pytest.approx(2.0 * once, abs=1e-8)


def test_identity_follows_what_the_files_hold(tmp_path: Path, sdc2_data: str) -> None:
    import shutil

    copy = shutil.copytree(sdc2_data, tmp_path / "copy")
    sky = Sdc2Sky(SHAPE, population="sdc2", sdc2_data=sdc2_data)
    assert replace(sky, sdc2_data=str(copy)).identity == sky.identity
    table = copy / "sky_dev_truthcat_v2.txt"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]), encoding="utf-8")
    other = shutil.copytree(copy, tmp_path / "other")
    assert replace(sky, sdc2_data=str(other)).identity != sky.identity


def test_written_by_many_hands_it_is_the_same_and_its_truth_is_worth_all_points(tmp_path: Path) -> None:
    sky = Sdc2Sky((64, 64, 64), seed=5, density=50.0)
    truth = simulate(sky, tmp_path / "a.zarr", executor="threads", tile=(32, 32, 32))
    simulate(sky, tmp_path / "b.fits", executor="serial")
    box = Box.of_shape(sky.shape)
    made = [open_cube(tmp_path / name).read(box).tobytes() for name in ("a.zarr", "b.fits")]
    assert made == [sky.read(box).tobytes()] * 2
    assert read_truth(tmp_path / "a.truth.ecsv").colnames == truth.colnames
    lines = (tmp_path / "a.truth.txt").read_text().splitlines()
    assert lines[0] == "id ra dec hi_size line_flux_integral central_freq pa i w20"
    assert len(lines) == len(sdc2_table(truth)) + 1 > 5
    own = score("sdc2", tmp_path / "a.truth.txt", tmp_path / "a.truth.ecsv")
    assert own.value == pytest.approx(len(truth))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"shape": (0, 4, 4)}, "shape"),
        ({"population": "dust"}, "mass-function or sdc2"),
        ({"shapes": "blobs"}, "discs or atlas"),
        ({"noise": "none"}, "expected or measured"),
        ({"seed": -1}, "seed"),
        ({"edge_noise": 0.5}, "edge_noise"),
        ({"density": float("nan")}, "density"),
        ({"beam_arcsec": 4.0}, "2 to 16"),
        ({"first_frequency_hz": 1.419e9, "shape": (100, 4, 4)}, "1419 MHz"),
        ({"shape": (4, 500_000, 4)}, "half of the sky"),
        ({"shape": (6668, 30_000, 30_000)}, "galaxies"),
    ],
)
def test_a_field_that_cannot_be_is_refused(wrong: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        Sdc2Sky(**wrong)


def test_files_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESSELLAR_DATA", raising=False)
    for wanted in ({"population": "sdc2"}, {"shapes": "atlas"}, {"noise": "measured"}):
        with pytest.raises(InputError, match="--sdc2-data"):
            Sdc2Sky(**wanted)
        with pytest.raises(InputError, match="cannot be read"):
            _ = Sdc2Sky(**wanted, density=50.0, sdc2_data=str(tmp_path)).read(Box((0, 0, 0), (2, 9, 9)))
    (tmp_path / "sky_dev_truthcat_v2.txt").write_text("id ra dec\n1 2 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column hi_size"):
        Sdc2Sky(population="sdc2", sdc2_data=str(tmp_path))


def test_a_box_outside_the_cube_is_refused() -> None:
    with pytest.raises(UsageError, match="inside the cube"):
        Sdc2Sky(SHAPE).read(Box((0, 0, 0), (71, 1, 1)))


def test_the_address_of_a_field_names_it(sky: Sdc2Sky) -> None:
    again = open_cube(sky.address)
    assert again == sky
    assert again.identity == sky.identity  # type: ignore[attr-defined]
    assert Sdc2Sky((4, 8, 8), 2).address == "procedural://sdc2?shape=4,8,8&seed=2"


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("population=sdc2", "shape is missing"),
        ("shape=4,8,8&population=dust", "mass-function, sdc2"),
        ("shape=4,8,8&density=loud", "needed is a number"),
        ("shape=4,8,8&density=1e3", "0 to 100"),
        ("shape=4,8,8&n_sources=4", "choose from shape, seed, population"),
        ("shape=4,8,8&population=sdc2&sdc2_data=%2Fnowhere", "is no folder"),
    ],
)
def test_a_bad_address_is_refused_with_what_is_allowed(rest: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        open_cube(f"procedural://sdc2?{rest}")
