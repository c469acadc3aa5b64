"""A low-frequency sky that is stored nowhere: any box of it is a part of the whole, to the bit."""

from __future__ import annotations

import hashlib
import pickle
import tracemalloc
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.engine.power.stage import unit_channels
from tessellar.errors import UsageError
from tessellar.kernels.power.field import field_of
from tessellar.model import Source
from tessellar.simulate.eor import drawing, lattices
from tessellar.simulate.eor.settings import PARTS
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

SHAPE = (37, 46, 41)
BEAM = {"beam_arcsec": 500.0, "chromatic": True, "sidelobe": 0.03}
FINE = {"pixel_arcsec": 16.0, "beam_arcsec": 60.0}  # the signal comes from sparse lattices here
SKIES = {
    **{part: EorSky(SHAPE, 5, part) for part in PARTS},
    "beam": EorSky(SHAPE, 5, **BEAM, rfi_fraction=0.1, rfi_channels=0.1),
    "fine": EorSky(SHAPE, 6, half=2, **FINE),
}
HUGE = EorSky((901, 2048, 2048), 1, pixel_arcsec=16.0, first_frequency_hz=106e6)

DIGESTS = {"foregrounds": "41c4876cc8635573", "signal": "e7746486775fb7bf", "noise": "79e326f19f676840"}


@cache
def whole(name: str) -> np.ndarray:
    """Return the cube, made in small blocks: its seams lie where no box of the tests has them."""
    usual, drawing.BLOCK = drawing.BLOCK, (13, 17, 23)
    try:
        return SKIES[name].read(Box.of_shape(SHAPE))
    finally:
        drawing.BLOCK = usual


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SHAPE]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, SHAPE, strict=True)]
    return Box(tuple(starts), tuple(stops))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SKIES)
@settings(max_examples=12)
@given(box=boxes())
def test_every_box_is_a_part_of_the_whole(name: str, box: Box) -> None:
    part = SKIES[name].read(box)
    assert part.dtype == np.float32
    assert part.flags.c_contiguous
    assert part.tobytes() == whole(name)[box.slices()].tobytes()


@settings(max_examples=4)
@given(st.tuples(*(st.integers(12, n) for n in SHAPE)), st.randoms())
def test_any_partition_in_any_order_gives_the_whole(core: tuple, order: object) -> None:
    grid = Grid(SHAPE, core)
    numbers = list(range(len(grid)))
    order.shuffle(numbers)  # type: ignore[attr-defined]
    copy, found = pickle.loads(pickle.dumps(SKIES["beam"])), np.zeros(SHAPE, np.float32)
    for number in numbers:
        box = grid[number].core
        found[box.slices()] = copy.read(box)
    assert found.tobytes() == whole("beam").tobytes()


def test_parts_add_up() -> None:
    foregrounds = sum(whole(part).astype(float) for part in ("synchrotron", "freefree", "points"))
    assert np.allclose(whole("foregrounds"), foregrounds, rtol=3e-7, atol=0)
    assert np.allclose(whole("sky"), foregrounds + whole("signal"), rtol=3e-7, atol=0)
    assert np.allclose(whole("all"), foregrounds + whole("signal") + whole("noise"), rtol=3e-7, atol=0)


def test_another_seed_is_another_sky() -> None:
    box = Box.of_shape(SHAPE)
    for part in ("synchrotron", "freefree", "points", "signal", "noise"):
        other = EorSky(SHAPE, 6, part).read(box)
        assert abs(np.corrcoef(other.ravel(), whole(part).ravel())[0, 1]) < 0.3
        assert np.mean(other == whole(part)) < (0.3 if part == "points" else 1e-3)  # pixels without a point


def test_bits_never_change() -> None:
    """Arithmetic alone makes them, so this holds on every processor; a change needs a new drawing number."""
    found = {name: hashlib.sha256(whole(name).astype("<f4").tobytes()).hexdigest()[:16] for name in DIGESTS}
    assert found == DIGESTS


def test_it_is_a_source_that_travels_light() -> None:
    assert isinstance(HUGE, Source)
    assert HUGE.chunks == (32, 128, 128)
    assert SKIES["all"].chunks == (32, 46, 41)
    assert HUGE.stored_bytes == 0
    assert len(pickle.dumps(HUGE)) < 1000
    assert pickle.loads(pickle.dumps(HUGE)) == HUGE
    assert HUGE.meta.unit == "K"
    assert HUGE.meta.spectral.values[-1] == 196e6


@pytest.mark.parametrize("size", [(901, 128, 32), (901, 64, 64), (32, 128, 128)])
def test_a_box_as_the_engine_reads_it_draws_few_random_numbers(size: tuple, monkeypatch) -> None:
    """Moments, cleaning and power spectra: what lies around a box is made for it as well, and costs little."""
    drawn = []

    def count(white: np.ndarray, *_: object) -> None:
        drawn.append(white.size)
        white[:] = 0.0

    monkeypatch.setattr(lattices, "fill_noise", count)
    box = Box.of_shape(size).shift((0, 640, 320))
    HUGE.only("sky").read(box)
    assert sum(drawn) < 3.2 * box.size


def test_a_power_spectrum_reads_runs_of_channels() -> None:
    """One channel at a time would make every lattice anew for each."""
    field = field_of(HUGE.meta, reach=1000.0)
    assert unit_channels(HUGE, field, 901) == HUGE.chunks[0]


def test_a_far_corner_of_fifteen_gigabytes_takes_little_memory() -> None:
    box = Box((880, 2000, 2000), (901, 2048, 2048))
    HUGE.read(box)
    tracemalloc.start()
    try:
        HUGE.read(box)
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_identities_differ_with_every_setting() -> None:
    skies = [
        *SKIES.values(),
        *(EorSky(SHAPE, 5, **{name: value}) for name, value in BEAM.items() if name == "beam_arcsec"),
        EorSky(SHAPE, 5, half=1),
        EorSky(SHAPE, 5, signal_mk=4),
        EorSky(SHAPE, 5, noise_mk=4),
    ]
    assert len({sky.identity for sky in skies}) == len(skies)


def test_a_box_outside_is_refused() -> None:
    for box in (Box((0, 0, 0), (1, 1, 47)), Box((3, 3, 3), (3, 4, 4)), Box((-1, 0, 0), (1, 1, 1))):
        with pytest.raises(UsageError, match="not inside the cube"):
            HUGE.only("signal").read(Box((901, 0, 0), (902, 1, 1)))
        with pytest.raises(UsageError, match="not inside the cube"):
            SKIES["signal"].read(box)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"part": "dust"}, "part is 'dust'.*synchrotron"),
        ({"half": 3}, "half is 3"),
        ({"seed": -1}, "2\\^64"),
        ({"seed": 1.5}, "2\\^64"),
        ({"shape": (0, 4, 4)}, "1 to 524288 channels"),
        ({"shape": (4, 4)}, "1 to 524288 channels"),
        ({"signal_mk": 0}, "signal_mk is 0"),
        ({"noise_mk": float("nan")}, "noise_mk is nan"),
        ({"rfi_fraction": 1.5}, "rfi_fraction is 1.5, needed is 0 to 1"),
        ({"points_jy": (2.0, 1.0)}, "the lower first"),
        ({"points_jy": (1.0,)}, "two positive numbers"),
        ({"points_per_deg2": 1e5}, "points in a pixel"),
        ({"first_frequency_hz": 1.4e9, "channel_hz": 1e6}, "below the 21-cm line"),
        ({"shape": (1, 2000, 2000)}, "half of the sky"),
        ({"chromatic": True}, "give a beam_arcsec"),
        ({"sidelobe": 0.1}, "give a beam_arcsec"),
        ({"beam_arcsec": 100.0}, "0.444 pixels wide in channel 0"),
        ({"beam_arcsec": 226.0, "chromatic": True}, "pixels wide in channel 127"),
        ({"beam_arcsec": 1e5}, "444 pixels wide"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(settings: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        EorSky(**settings)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"part is.*half is.*seed is.*noise_mk is.*points_jy.*shape is"):
        EorSky((0, 1, 1), -1, "dust", 7, noise_mk=-1, points_jy=(0, 0))
