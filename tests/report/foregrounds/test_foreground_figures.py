"""The numbers behind the figures of a separation's report, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tessellar.kernels.foregrounds.pca import ABOVE_TAIL, count_modes, tail_of
from tessellar.report.foregrounds.bins import averaged, has_transfer, power_unit
from tessellar.report.foregrounds.frequency_axes import blank_spans
from tessellar.report.foregrounds.modes import MAX_SIDE, limits
from tessellar.report.foregrounds.modes import averaged as averaged_map
from tessellar.report.svg import decade
from tessellar.report.words import squared


def test_the_average_over_k_perp_weights_by_the_number_of_modes() -> None:
    bins = {
        "power": np.array([[1.0, 4.0, np.nan], [np.nan, np.nan, np.nan]]),
        "sigma": np.array([[0.3, 0.4, np.nan], [np.nan, np.nan, np.nan]]),
        "n_modes": np.array([[1.0, 2.0, 5.0], [0.0, 0.0, 0.0]]),
    }
    line = averaged(bins, "power", "sigma")
    assert line.power[0] == pytest.approx((1 * 1 + 2 * 4) / 3)
    assert line.sigma[0] == pytest.approx(np.hypot(1 * 0.3, 2 * 0.4) / 3)
    assert np.isnan([line.power[1], line.sigma[1], averaged(bins, "power").sigma[0]]).all()


def test_small_power_is_in_millikelvin() -> None:
    small, large = ({"power_after": np.array([[value, np.nan]])} for value in (-0.5, 2.0))
    assert (power_unit([small]).factor, power_unit([small]).name[:3]) == (1e6, "mK²")
    assert (power_unit([large]).factor, power_unit([large]).name[:2]) == (1.0, "K²")
    assert not has_transfer({"transfer": np.full((2, 2), np.nan)})


@pytest.mark.parametrize("turned", [False, True])
def test_runs_of_blank_channels_reach_half_a_channel_beyond_their_centres(turned: bool) -> None:
    used = np.array([False, True, True, False, False, False, True])
    megahertz = 100.0 + 2 * np.arange(7)
    spans = blank_spans(megahertz[::-1], used[::-1]) if turned else blank_spans(megahertz, used)
    assert sorted(spans) == [(99.0, 2.0), (105.0, 6.0)]
    assert blank_spans(megahertz, np.ones(7, bool)) == []


def test_colours_lie_about_zero_only_where_a_map_has_both_signs() -> None:
    noise = np.random.default_rng(0).normal(size=(50, 50))
    low, high = limits(noise)
    assert low == pytest.approx(-high)
    noise[0, 0], noise[1, 1] = 1e9, np.nan
    assert limits(noise)[1] < 4
    low, high = limits(noise + 100)
    assert 96 < low < 100 < high < 104
    assert limits(np.full((2, 2), np.nan)) == (-1.0, 1.0)
    assert limits(np.zeros((2, 2))) == (-1.0, 1.0)


def test_a_large_map_is_thinned_to_means() -> None:
    image = np.arange(2 * MAX_SIDE * 3, dtype=np.float32).reshape(2 * MAX_SIDE, 3)
    image[0, 0], image[2:4] = np.nan, np.nan
    small = averaged_map(image)
    assert small.shape == (MAX_SIDE, 2)
    assert small[0, 0] == pytest.approx((1 + 3 + 4) / 3)
    assert np.isnan(small[1]).all()
    assert small[-1, 1] == pytest.approx(image[-2:, 2].mean())


def test_the_tail_of_an_exponential_is_the_exponential_and_three_stand_out() -> None:
    logs = 2.0 - 0.1 * np.arange(60)
    values = np.exp(logs)
    values[:3] *= [1e6, 1e3, 1.01 * ABOVE_TAIL]
    tail, number = tail_of(values)
    assert tail == pytest.approx(logs[:9])  # up to the last of the six that it is drawn through
    assert number == count_modes(values) == 3
    values[2] = 0.99 * ABOVE_TAIL * np.exp(logs[2])
    assert count_modes(values) == 2
    assert tail_of(values[:6])[0] is None
    assert count_modes(values[:6]) == 1


def test_powers_of_ten_and_squares_are_plain_text() -> None:
    assert [decade(value) for value in (0.0, 0.001, 5000.0, 1e4, 2e-5, 1e13)] == [
        "0", "0.001", "5000", "10⁴", "2×10⁻⁵", "10¹³"
    ]  # fmt: skip
    assert (squared("K"), squared("Jy / beam"), squared("")) == ("K²", "(Jy / beam)²", "")
