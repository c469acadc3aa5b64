"""A cube that is stored nowhere: its bits belong to a place and a seed, its noise is normal, its sources are known."""

from __future__ import annotations

import hashlib
import itertools
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tessellar.errors import UsageError
from tessellar.model import GAUSSIAN_AREA, Source
from tessellar.simulate.procedural import MAX_SOURCES_PER_MVOXEL, ProceduralSky
from tessellar.simulate.procedural_drawing import add_sources
from tessellar.simulate.procedural_lattice import BALL, IMAGE_RADIUS, LINE_RADIUS, RADIUS_90
from tessellar.simulate.procedural_noise import deviate, fill_noise, pieces
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

SHAPE = (70, 140, 100)
SKY = ProceduralSky("hi", SHAPE, seed=0, sources_per_mvoxel=7.6, flux_range=(500.0, 1500.0))
HUGE = ProceduralSky("hi", (65536, 8192, 8192), seed=1)


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    return SKY.read(Box.of_shape(SHAPE))


@pytest.fixture(scope="module")
def white() -> np.ndarray:
    """Eight million voxels of unit noise."""
    return ProceduralSky("noise", (32, 512, 512), seed=11, rms_jy=1.0).read(Box.of_shape((32, 512, 512)))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SHAPE]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, SHAPE, strict=True)]
    return Box(tuple(starts), tuple(stops))  # type: ignore[arg-type]


@settings(max_examples=60)
@given(boxes())
def test_every_box_is_a_part_of_the_whole(whole: np.ndarray, box: Box) -> None:
    part = SKY.read(box)
    assert part.dtype == np.float32
    assert part.flags.c_contiguous
    assert part.tobytes() == whole[box.slices()].tobytes()


@settings(max_examples=15)
@given(st.tuples(st.integers(20, 70), st.integers(30, 140), st.integers(30, 100)), st.randoms())
def test_any_partition_in_any_order_gives_the_whole(whole: np.ndarray, core: tuple, order: object) -> None:
    grid = Grid(SHAPE, core)
    numbers = list(range(len(grid)))
    order.shuffle(numbers)  # type: ignore[attr-defined]
    copy, found = pickle.loads(pickle.dumps(SKY)), np.full(SHAPE, np.nan, np.float32)
    for number in numbers:
        box = grid[number].core
        found[box.slices()] = copy.read(box)
    assert found.tobytes() == whole.tobytes()


def test_the_cube_of_the_laws_has_overlapping_sources_and_sources_at_its_edges() -> None:
    """Without these the laws above would say little."""
    rows = list(SKY.truth())
    centres = np.array([[row[axis] for axis in "zxy"] for row in rows])
    steps = np.abs(centres[:, np.newaxis] - centres) + 1e3 * np.eye(len(rows))[..., np.newaxis]
    assert np.any(np.all(steps < (10, 8, 8), axis=2))
    for axis, length in enumerate(SHAPE):
        assert min(centres[:, axis].min(), length - 1 - centres[:, axis].max()) < 5


def test_a_voxel_does_not_know_the_shape_of_its_cube() -> None:
    box = Box((0, 0, 0), (32, 64, 64))
    larger = ProceduralSky("noise", (1000, 3000, 2000), seed=9)
    assert np.array_equal(larger.read(box), ProceduralSky("noise", (32, 64, 64), seed=9).read(box))


def test_other_seed_other_noise_and_other_sources(whole: np.ndarray) -> None:
    other = ProceduralSky("hi", SHAPE, seed=4, sources_per_mvoxel=7.6, flux_range=(500.0, 1500.0))
    box = Box.of_shape(SHAPE)
    assert other.identity != SKY.identity
    assert np.mean(other.read(box) == whole) < 1e-3
    assert abs(np.corrcoef(other.read(box)[0].ravel(), whole[0].ravel())[0, 1]) < 0.05
    assert {row["id"] for row in other.truth()} != {row["id"] for row in SKY.truth()}


def test_bits_never_change(whole: np.ndarray) -> None:
    """Arithmetic alone makes them, so this holds on every processor; a change needs a new drawing number."""
    assert (
        hashlib.sha256(whole.astype("<f4").tobytes()).hexdigest()
        == "402e511115d0c3d44562e66e274734cacf1a79be11da433169840694674c977b"
    )


def test_it_is_a_source_that_travels_light() -> None:
    assert isinstance(HUGE, Source)
    assert HUGE.chunks is None
    assert HUGE.stored_bytes == 0
    assert len(pickle.dumps(HUGE)) < 500
    assert pickle.loads(pickle.dumps(HUGE)) == HUGE
    assert ProceduralSky("noise", (4, 8, 8)).name.isprintable()


def test_threads_read_side_by_side() -> None:
    for loop in (fill_noise, add_sources):
        assert loop.targetoptions["nogil"]  # type: ignore[attr-defined]


def test_the_far_corner_of_sixteen_tebibytes_takes_no_memory() -> None:
    corner = Box((65530, 8180, 8170), HUGE.shape)
    HUGE.read(corner)  # compile, and describe the axes
    tracemalloc.start()
    found = HUGE.read(corner)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < found.nbytes + 100_000
    assert found[-1:, -1:, -1:] == HUGE.read(Box((65535, 8191, 8191), HUGE.shape))
    assert 0 < found.std() < 1e-2


def test_the_truth_of_a_part_of_sixteen_tebibytes_is_that_of_its_voxels() -> None:
    box = Box((60_000, 8000, 4000), (60_128, 8192, 4192))
    rows = list(HUGE.truth(box))
    assert len(rows) == pytest.approx(HUGE.sources_per_mvoxel * box.size / 1e6, abs=15)
    near = [r for r in rows if r["z_min"] > box.start[0] + 20 and r["z_max"] < box.stop[0] - 20]
    row = max(near, key=lambda row: row["f_sum"])
    z, x, y = (round(row[axis]) for axis in "zxy")
    around = HUGE.read_sources(Box((z, x, y), (z + 1, x + 1, y + 1)))
    assert around[0, 0, 0] > 3 * HUGE.rms_jy


@given(st.integers(0, 2**64 - 1))
def test_a_deviate_is_that_of_the_normal_distribution_to_two_hundred_thousandths(bits: int) -> None:
    share = ((bits >> 12) + 0.5) * 2.0**-53
    sign = 1 if bits & 1 else -1
    assert deviate(np.uint64(bits), pieces()) == pytest.approx(-sign * special.ndtri(share), abs=2e-5)


@given(st.integers(0, 51), st.integers(0, 2**52 - 1))
def test_so_are_those_of_the_tail(octave: int, below: int) -> None:
    number = (1 << octave) + (below >> (52 - octave))
    found = deviate(np.uint64(number << 12 | 1), pieces())
    assert found == pytest.approx(-special.ndtri((number + 0.5) * 2.0**-53), abs=2e-5)


def test_the_deviate_reaches_eight_sigma_and_is_symmetric() -> None:
    for bits in (0, 5 << 12, (2**52 - 1) << 12):
        assert deviate(np.uint64(bits), pieces()) == -deviate(np.uint64(bits | 1), pieces())
    assert deviate(np.uint64(1), pieces()) == pytest.approx(-special.ndtri(2.0**-54), abs=2e-5)


def test_moments_are_normal(white: np.ndarray) -> None:
    voxels = white.ravel().astype(np.float64)
    n = voxels.size
    assert abs(voxels.mean()) < 4 / math.sqrt(n)
    assert abs(voxels.var() - 1) < 4 * math.sqrt(2 / n)
    squares = voxels * voxels
    assert abs(np.mean(squares * voxels)) < 4 * math.sqrt(15 / n)
    assert abs(np.mean(squares * squares) - 3) < 4 * math.sqrt(96 / n)


def test_the_tails_hold_their_share() -> None:
    """Beyond five sigma lie 77 of 268 million voxels on each side; a sum of 16 uniforms would leave 5."""
    sky = ProceduralSky("noise", (1024, 512, 512), seed=5, rms_jy=1.0)
    levels = (3.0, 4.0, 5.0)
    counts = np.zeros((2, len(levels)), dtype=int)
    for z in range(0, 1024, 4):
        voxels = sky.read(Box((z, 0, 0), (z + 4, 512, 512)))
        far = voxels[np.abs(voxels) > levels[0]]
        counts += [[np.count_nonzero(sign * far > level) for level in levels] for sign in (1, -1)]
    for level, both in zip(levels, counts.T, strict=True):
        low, high = stats.binom.interval(0.9999, math.prod(sky.shape), special.ndtr(-level))
        assert low <= both.min()
        assert both.max() <= high


def test_the_distribution_passes_kolmogorov_smirnov(white: np.ndarray) -> None:
    assert stats.kstest(white[20, :300].ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    "step", [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0), (1, 0, 1), (0, 0, 2), (0, 64, 0)]
)
def test_neighbours_are_independent(white: np.ndarray, step: tuple[int, int, int]) -> None:
    part = white[:16].astype(np.float64)
    ahead = part[tuple(slice(n, None) for n in step)]
    behind = part[tuple(slice(length - n) for length, n in zip(part.shape, step, strict=True))]
    for power in (1, 2):
        a, b = ahead**power, behind**power
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / math.sqrt(a.size)


def test_the_end_of_a_row_is_not_the_beginning_of_the_next() -> None:
    sky = ProceduralSky("noise", (8, 512, 512), seed=2, rms_jy=1.0)
    white = sky.read(Box.of_shape(sky.shape)).astype(np.float64)
    for a, b in ((white[:, :-1, -1], white[:, 1:, 0]), (white[:-1, -1, :], white[1:, 0, :])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / math.sqrt(a.size)


def test_no_two_voxels_share_a_number(white: np.ndarray) -> None:
    """Rows that repeat each other would show as rows with the same beginning."""
    beginnings = {row.tobytes() for row in white[:, :, :4].reshape(-1, 4)}
    assert len(beginnings) == 32 * 512


def test_constants_of_a_source_are_those_of_its_formula() -> None:
    assert pytest.approx(special.betaincinv(1.5, 9, 0.9) ** 0.5) == RADIUS_90
    r = (np.arange(100_000) + 0.5) / 100_000
    assert pytest.approx(np.mean(4 * np.pi * r**2 * (1 - r**2) ** 8)) == BALL
    assert pytest.approx(0.5) == (1 - (0.5 / IMAGE_RADIUS) ** 2) ** 8
    assert pytest.approx(0.5) == (1 - (0.5 / LINE_RADIUS) ** 2) ** 9


def test_density_is_what_was_asked() -> None:
    sky = ProceduralSky("hi", (320, 640, 640), sources_per_mvoxel=3.0)
    expected = 3.0 * math.prod(sky.shape) / 1e6
    assert sum(1 for _ in sky.truth()) == pytest.approx(expected, abs=4 * math.sqrt(expected))
    assert list(ProceduralSky("hi", (32, 64, 64), sources_per_mvoxel=0).truth()) == []
    full = ProceduralSky("hi", (320, 640, 640), sources_per_mvoxel=MAX_SOURCES_PER_MVOXEL)
    assert sum(1 for _ in full.truth()) == 1000


def test_noise_alone_has_no_sources() -> None:
    sky = ProceduralSky("noise", (40, 70, 70))
    assert not sky.read_sources(Box.of_shape(sky.shape)).any()
    assert list(sky.truth()) == []


def test_fluxes_of_all_sources_are_those_of_the_voxels() -> None:
    """Also with a narrow beam, which samples a source least finely."""
    for beam in (5.6, 11.2, 33.6):
        sky = ProceduralSky("hi", SHAPE, seed=6, sources_per_mvoxel=7.6, beam_arcsec=beam)
        drawn = sky.read_sources(Box.of_shape(SHAPE)).sum(dtype=np.float64)
        area = GAUSSIAN_AREA * (beam / 2.8) ** 2
        told = sum(row["f_sum"] for row in sky.truth()) / sky.channel_hz * area
        assert told == pytest.approx(drawn, rel=1e-4)


def lonely(kind_of: str) -> tuple[ProceduralSky, dict[str, float]]:
    """Return a cube with one source, in the middle or cut by an edge, and its truth."""
    for seed in itertools.count():
        sky = ProceduralSky("hi", (64, 90, 80), seed, sources_per_mvoxel=1.5, flux_range=(900, 900))
        rows = list(sky.truth())
        if len(rows) == 1:
            margins = [
                min(rows[0][axis], n - 1 - rows[0][axis]) for axis, n in zip("zxy", sky.shape, strict=True)
            ]
            if (min(margins) > 30) if kind_of == "whole" else (min(margins) < 3):
                return sky, rows[0]
    raise AssertionError


@pytest.mark.parametrize("kind_of", ["whole", "cut"])
def test_the_truth_of_one_source_is_that_of_its_voxels(kind_of: str) -> None:
    sky, row = lonely(kind_of)
    voxels = sky.read_sources(Box.of_shape(sky.shape)).astype(np.float64)
    area = GAUSSIAN_AREA * 16
    assert row["f_sum"] == pytest.approx(voxels.sum() / area * 30e3, rel=1e-3)
    if kind_of == "whole":
        assert row["f_sum"] == pytest.approx(900 * 30e-6 * 30e3, rel=1e-9)
    else:
        assert row["f_sum"] < 0.9 * 900 * 30e-6 * 30e3
    falling = np.sort(voxels, axis=None)[::-1]
    n90 = int(np.searchsorted(np.cumsum(falling), 0.9 * voxels.sum())) + 1
    assert row["n90"] == pytest.approx(n90, rel=0.05 if kind_of == "whole" else 0.2)
    assert row["snr"] == pytest.approx(0.9 * voxels.sum() / (30e-6 * math.sqrt(row["n90"] * area)), rel=1e-3)
    bright = np.argwhere(voxels >= falling[n90 - 1])
    for axis, name in enumerate("zxy"):
        low, high = row[f"{name}_min"], row[f"{name}_max"]
        assert 0 <= low <= row[name] + 0.5
        assert row[name] - 0.5 <= high < sky.shape[axis]
        if kind_of == "whole":
            assert (low, high) == pytest.approx((bright[:, axis].min(), bright[:, axis].max()), abs=1)


def test_places_and_widths_are_those_of_the_voxels() -> None:
    sky, row = lonely("whole")
    voxels = sky.read_sources(Box.of_shape(sky.shape)).astype(np.float64)
    for axis, name in enumerate("zxy"):
        profile = voxels.sum(axis=tuple(a for a in range(3) if a != axis))
        centre = profile @ np.arange(profile.size) / profile.sum()
        assert row[name] == pytest.approx(centre, abs=1e-2)
    spectrum = voxels.sum(axis=(1, 2))
    fine = np.linspace(0, 63, 63_001)
    above = fine[np.interp(fine, np.arange(64), spectrum) > 0.2 * spectrum.max()]
    assert row["w20_freq"] == pytest.approx((above[-1] - above[0]) * 30e3, rel=0.02)
    assert row["w20"] == pytest.approx(299_792.458 * 1420405751.786 * row["w20_freq"] / row["freq"] ** 2)


def test_the_receding_side_lies_at_the_position_angle_on_the_sky() -> None:
    """Lower frequencies, from north through east, by astropy's own spherical trigonometry."""
    sky, row = lonely("whole")
    voxels = sky.read_sources(Box.of_shape(sky.shape)).astype(np.float64)
    wcs = WCS(fits.Header.fromstring(sky.meta.wcs_header, sep="\n")).celestial
    centre = wcs.pixel_to_world(row["x"], row["y"])
    assert (centre.ra.deg, centre.dec.deg) == pytest.approx((row["ra"], row["dec"]))
    z, x, y = (np.arange(n) for n in sky.shape)
    dx, dy = x - row["x"], y - row["y"]
    image = voxels.sum(axis=0)
    mixed = dx @ image @ dy
    lower = np.einsum(
        "zxy,z->xy", voxels, row["z"] - z
    )  # light times how far towards low frequencies it lies
    covariance = np.array([[dx**2 @ image.sum(axis=1), mixed], [mixed, image.sum(axis=0) @ dy**2]])
    gradient = np.linalg.solve(covariance, [dx @ lower.sum(axis=1), lower.sum(axis=0) @ dy])
    receding = wcs.pixel_to_world(*(np.array([row["x"], row["y"]]) + gradient))
    difference = (centre.position_angle(receding).deg - row["pa"] + 180) % 360 - 180
    assert abs(difference) < 1


def test_meta_agrees_with_its_own_headers() -> None:
    meta = ProceduralSky("hi", (5, 7, 9), beam_arcsec=10.0).meta
    header = fits.Header.fromstring(meta.header, sep="\n")
    assert [header[f"NAXIS{n}"] for n in (1, 2, 3)] == [7, 9, 5]
    assert header["OBJECT"] == meta.name == "procedural hi 0"
    wcs = WCS(fits.Header.fromstring(meta.wcs_header, sep="\n"))
    ra, dec, freq = wcs.all_pix2world([3, 4], [4, 4], [0, 4], 0)
    assert (ra[0], dec[0]) == pytest.approx((180, -30))
    assert freq == pytest.approx([meta.spectral.values[0], meta.spectral.values[4]])
    assert meta.beam_areas() == pytest.approx(np.full(5, GAUSSIAN_AREA * (10 / 2.8) ** 2))
    assert ProceduralSky("noise", (1, 4, 4)).meta.spectral.width == 30e3


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"kind": "eor"}, "hi or noise"),
        ({"shape": (0, 4, 4)}, "shape"),
        ({"shape": (4, 4)}, "shape"),
        ({"shape": ((1 << 20) + 1, 4, 4)}, "1048576 channels"),
        ({"shape": (4, 1 << 40, 4)}, "4194304 pixels"),
        ({"shape": (4, 500_000, 4)}, "half of the sky"),
        ({"seed": -1}, "seed"),
        ({"seed": 10**5000}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"rms_jy": 0.0}, "rms_jy"),
        ({"channel_hz": float("nan")}, "channel_hz"),
        ({"sources_per_mvoxel": 8.0}, "0 to 7.63"),
        ({"sources_per_mvoxel": float("nan")}, "0 to 7.63"),
        ({"flux_range": (5.0, 1.0)}, "flux_range"),
        ({"beam_arcsec": 3.0}, "2 to 12"),
        ({"beam_arcsec": 300.0}, "2 to 12"),
        ({"kind": "noise", "sources_per_mvoxel": 1.0}, "no sources"),
    ],
)
def test_a_cube_that_cannot_be_is_refused(wrong: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        ProceduralSky(**({"kind": "hi", "shape": (4, 8, 8)} | wrong))


def test_a_seed_of_numpy_is_the_same_cube() -> None:
    sky = ProceduralSky("hi", (4, 8, 8), seed=np.int64(5))
    assert sky.identity == ProceduralSky("hi", (4, 8, 8), seed=5).identity
    assert sky.address.endswith("seed=5")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"kind.*seed.*flux_range.*shape"):
        ProceduralSky("x", (4, 8), seed=-1, flux_range=(2.0, 1.0))


@pytest.mark.parametrize(
    "box", [Box((0, 0, 0), (71, 1, 1)), Box((-1, 0, 0), (1, 1, 1)), Box((3, 3, 3), (3, 4, 4))]
)
def test_a_box_outside_the_cube_is_refused(box: Box) -> None:
    for read in (SKY.read, SKY.read_sources):
        with pytest.raises(UsageError, match="inside the cube"):
            read(box)
