"""Two catalogues held against each other: cases worked out by hand, and laws of the one-to-one match."""

from __future__ import annotations

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.table import MaskedColumn, QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.challenge.match import match
from tessellar.challenge.pairing import pair
from tessellar.challenge.places import Places
from tessellar.errors import InputError

SCALES = {"beam_arcsec": 11.2, "pixel_arcsec": 2.8, "channel_hz": 30e3}


def table(
    rows: list[tuple[float, ...]], names: str = "x y z", meta: dict | None = None, **units: str
) -> QTable:
    columns = list(zip(*rows, strict=True)) or [[] for _ in names.split()]
    return QTable(
        {name: np.array(column, dtype=float) for name, column in zip(names.split(), columns, strict=True)},
        units=units,
        meta=meta or {},
    )


def test_a_catalogue_agrees_with_itself() -> None:
    rows = [(10.0, 10.0, 5.0), (50.0, 52.0, 9.0), (90.0, 12.0, 30.0)]
    result = match(table(rows), table(rows[::-1]))
    assert result.completeness == result.reliability == 1.0
    assert result.pairs.catalogue.tolist() == [2, 1, 0]
    assert result.pairs.reference.tolist() == [0, 1, 2]
    assert [o.median for o in result.offsets] == [0, 0, 0]


def test_completeness_and_reliability_by_hand() -> None:
    truth = table([(10, 10, 5), (50, 50, 9), (90, 10, 30), (20, 80, 60)])
    found = table([(11, 10, 6), (90, 12, 29), (200, 200, 5)])
    result = match(found, truth)
    assert result.n_matched == 2
    assert result.completeness == 0.5
    assert result.reliability == pytest.approx(2 / 3)
    assert result.pairs.separation.tolist() == [1.0, 2.0]
    assert result.pairs.depth.tolist() == [1.0, -1.0]
    assert [(o.name, o.median) for o in result.offsets] == [("x", 0.5), ("y", 1.0), ("z", 0.0)]


@pytest.mark.parametrize(
    ("found", "matches"),
    [((14.0, 10, 5), 1), ((14.1, 10, 5), 0), ((10, 10, 9.0), 1), ((10, 10, 9.1), 0), ((14.0, 10, 9.0), 1)],
)
def test_reach_is_one_beam_and_four_channels(found: tuple[float, ...], matches: int) -> None:
    assert match(table([found]), table([(10, 10, 5)], meta=SCALES)).n_matched == matches


@pytest.mark.parametrize(("x", "matches"), [(19.9, 1), (20.1, 0)])
def test_a_large_source_may_be_found_within_its_radius(x: float, matches: int) -> None:
    truth = table(
        [(10, 10, 5, 56.0)], "x y z hi_size", meta=SCALES, hi_size="arcsec"
    )  # 56" = 20 pixels across
    assert match(table([(x, 10, 5)]), truth).n_matched == matches


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (600e3, "Hz"),
        (0.6, "MHz"),
        (20.0, "pix"),
        (299_792.458 * 1420405751.786 * 600e3 / 1e9**2, "km/s"),
        (299_792_458.0 * 1420405751.786 * 600e3 / 1e9**2, "m/s"),
    ],
)
def test_a_broad_line_may_be_found_within_half_its_width_in_any_unit(value: float, unit: str) -> None:
    """600 kHz at 1 GHz are 20 channels of 30 kHz."""
    truth = table([(10, 10, 50, 1e9, value)], "x y z freq w20", meta=SCALES, freq="Hz", w20=unit)
    assert match(table([(10, 10, 59.9)]), truth).n_matched == 1
    assert match(table([(10, 10, 60.1)]), truth).n_matched == 0


def test_the_bounding_box_stands_in_for_size_and_width() -> None:
    truth = table([(10, 10, 50, 0, 20, 5, 15, 40, 60)], "x y z x_min x_max y_min y_max z_min z_max")
    assert match(table([(20, 10, 60)]), truth).n_matched == 1
    assert match(table([(20.6, 10, 50)]), truth).n_matched == 0


def test_nearest_first_and_one_to_one() -> None:
    """A greedy choice in the order of rows would give the first row the second's counterpart."""
    truth = table([(10, 10, 5), (13, 10, 5)])
    found = table([(12.5, 10, 5), (12.0, 10, 5)])
    result = match(found, truth)
    assert result.pairs.catalogue.tolist() == [1, 0]
    assert result.pairs.reference.tolist() == [0, 1]


def test_fragments_of_one_source_count_once() -> None:
    result = match(table([(10, 10, 5), (11, 10, 5), (10, 12, 5), (99, 99, 5)]), table([(10, 10, 5)]))
    assert result.n_matched == 1
    assert result.reliability == 0.25
    assert result.pairs.duplicates.tolist() == [1, 2]
    assert "2 beside a match" in str(result)


def test_completeness_by_signal_to_noise() -> None:
    snr = [2.0, 3.0, 3.9, 4.0, 7.0, 12.0, 100.0]
    truth = table([(20.0 * i, 10, 5, s) for i, s in enumerate(snr)], "x y z snr")
    result = match(table([(20.0 * i, 10, 5) for i in (0, 2, 3, 6)]), truth)
    assert [(b.n_matched, b.n_reference) for b in result.bins] == [
        (1, 2),
        (1, 1),
        (0, 0),
        (0, 1),
        (0, 0),
        (1, 2),
    ]
    assert math.isnan(result.bins[2].completeness)
    assert result.bins[0].completeness == 0.5
    assert "1/2" in str(result)
    assert match(truth, table([(10, 10, 5)])).bins == ()


def test_fluxes_are_compared_whatever_their_units() -> None:
    rows = [(10.0, 10, 5), (50, 50, 9), (90, 10, 30)]
    truth = table([(*r, 2.0) for r in rows], "x y z f_sum", f_sum="Jy Hz")
    found = table(
        [(*r, f) for r, f in zip(rows, (1.8e3, 2.0e3, 2.2e3), strict=True)], "x y z f_sum", f_sum="mJy Hz"
    )
    ratio = match(found, truth).flux_ratio
    assert ratio is not None
    assert ratio.median == pytest.approx(1.0)
    assert ratio.scatter == pytest.approx(0.14826)


def test_fluxes_of_different_kinds_are_not_compared() -> None:
    truth = table([(10, 10, 5, 2.0)], "x y z f_sum", f_sum="Jy Hz")
    found = table([(10, 10, 5, 2.0)], "x y z f_sum", f_sum="Jy/beam")
    assert match(found, truth).flux_ratio is None
    assert match(table([(10, 10, 5)]), truth).flux_ratio is None


def test_on_the_sky_a_degree_of_right_ascension_shrinks_with_declination() -> None:
    """At declination -60, 20" of right ascension are 10" on the sky."""
    truth = table([(180, -60, 1e9)], "ra dec central_freq", SCALES, ra="deg", dec="deg", central_freq="Hz")
    near = table([(180 + 20 / 3600, -60, 1e9)], "ra dec freq", ra="deg", dec="deg", freq="Hz")
    far = table([(180 + 24 / 3600, -60, 1e9)], "ra dec freq", ra="deg", dec="deg", freq="Hz")
    result = match(near, truth)
    assert result.pairs.separation == pytest.approx([10.0], abs=1e-3)
    assert [o.median for o in result.offsets] == pytest.approx([10.0, 0.0, 0.0], abs=1e-2)
    assert match(far, truth).n_matched == 0


def test_right_ascension_wraps() -> None:
    truth = table([(0.0005, 10, 1e9)], "ra dec freq", SCALES, ra="deg", dec="deg", freq="Hz")
    found = table([(359.9995, 10, 1e9)], "ra dec freq", ra="deg", dec="deg", freq="Hz")
    assert match(found, truth).n_matched == 1


@pytest.mark.parametrize("convention", ["v_rad", "v_opt", "v_app"])
def test_velocities_meet_frequencies(convention: str) -> None:
    equivalency = {"v_rad": u.doppler_radio, "v_opt": u.doppler_optical, "v_app": u.doppler_relativistic}
    rest = 1420405751.786 * u.Hz
    velocity = (1.4e9 * u.Hz).to_value("m/s", equivalency[convention](rest))
    truth = table([(180, -30, 1.4e9)], "ra dec freq", SCALES, ra="deg", dec="deg", freq="Hz")
    found = table([(180, -30, velocity)], f"ra dec {convention}", ra="deg", dec="deg", **{convention: "m/s"})
    result = match(found, truth)
    assert result.n_matched == 1
    assert result.pairs.depth == pytest.approx([0.0], abs=1.0)


def test_empty_catalogues() -> None:
    truth = table([(10, 10, 5, 7.0)], "x y z snr")
    nothing_found = match(truth[:0], truth)
    assert nothing_found.completeness == 0.0
    assert math.isnan(nothing_found.reliability)
    assert str(nothing_found).startswith("completeness  0.000   0 of 1")
    nothing_there = match(truth, truth[:0])
    assert math.isnan(nothing_there.completeness)
    assert nothing_there.reliability == 0.0
    assert math.isnan(match(QTable(), QTable()).completeness)
    assert match(QTable(), truth).n_catalogue == 0


def test_rows_without_a_position_match_nothing() -> None:
    masked = QTable({n: MaskedColumn([10.0, 10.0], mask=[True, False]) for n in ("x", "y", "z")})
    result = match(masked, table([(10, 10, 10), (math.nan, 10, 10)]))
    assert result.pairs.catalogue.tolist() == [1]
    assert result.pairs.reference.tolist() == [0]


def test_clear_errors() -> None:
    good = table([(10, 10, 5)])
    with pytest.raises(InputError, match="beam_arcsec"):
        match(table([(1, 2)], "ra dec"), good)
    with pytest.raises(InputError, match="no usable column ra"):
        match(table([(1, 2)], "a b"), good, **SCALES)
    on_sky = table([(1, 2)], "ra dec", SCALES)
    with pytest.raises(InputError, match="no usable column freq"):
        match(on_sky, on_sky)
    with pytest.raises(InputError, match="holds text"):
        match(QTable({"x": ["a"], "y": [1.0], "z": [1.0]}), good)


points = st.lists(
    st.tuples(st.floats(0, 20), st.floats(0, 20), st.floats(0, 20), st.floats(0.5, 9)), max_size=25
)


def places(rows: list[tuple[float, ...]]) -> Places:
    array = np.array(rows, dtype=float).reshape(-1, 4)
    return Places(array[:, :2], array[:, 2], array[:, 3], 10.0 - array[:, 3])


@settings(deadline=None)
@given(points, points)
def test_the_tree_finds_what_trying_all_pairs_finds(ours: list, theirs: list) -> None:
    catalogue, reference = places(ours), places(theirs)
    candidates = []
    for i in range(len(ours)):
        for j in range(len(theirs)):
            separation = np.linalg.norm(catalogue.position[i] - reference.position[j])
            depth = abs(catalogue.depth[i] - reference.depth[j])
            if separation <= reference.radius[j] and depth <= reference.half_width[j]:
                distance = np.hypot(separation / reference.radius[j], depth / reference.half_width[j])
                candidates.append((distance, j, i))
    used_i, used_j, expected = set(), set(), []
    for _, j, i in sorted(candidates):
        if i not in used_i and j not in used_j:
            used_i.add(i)
            used_j.add(j)
            expected.append((j, i))
    result = pair(catalogue, reference)
    assert list(zip(result.reference.tolist(), result.catalogue.tolist(), strict=True)) == sorted(expected)
    assert set(result.duplicates.tolist()) == {i for _, _, i in candidates} - used_i


def test_many_sources_are_no_trouble() -> None:
    random = np.random.default_rng(0)
    places_ = random.uniform(0, 3000, (50_000, 3))
    truth = QTable(places_, names=["x", "y", "z"])
    found = QTable(places_[::2] + random.normal(0, 0.3, (25_000, 3)), names=["x", "y", "z"])
    result = match(found, truth)
    assert result.reliability > 0.99
    assert result.completeness == pytest.approx(0.5, abs=0.01)
