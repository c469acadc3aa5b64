"""Errors hold against the truth also where the finder chose the mask: pulls of made-up galaxies in fresh noise."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.validation.biases import centre_and_scatter
from benchmarks.validation.lone_galaxies import LoneGalaxies
from benchmarks.validation.mask_edges import fitted
from tessellar.kernels.mask_edge import EDGE_LAWS, LEAST_SHARE, edge_factor

GALAXIES = LoneGalaxies(seed=79, count=56, noises=2)
KINDS = {"positions": ("x", "y", "z"), "widths": ("w20", "w50", "wm50"), "angles": ("ell_pa", "kin_pa")}


@pytest.fixture(scope="module")
def sample() -> dict[str, np.ndarray]:
    return GALAXIES.measured()


def test_a_bright_source_that_is_all_inside_scatters_a_little_more_than_its_noise() -> None:
    assert edge_factor("x", 1.0, np.inf) == pytest.approx(EDGE_LAWS["x"].at_all)


def test_the_less_is_inside_and_the_fainter_a_channel_the_less_is_certain() -> None:
    law = EDGE_LAWS["z"]
    assert edge_factor("z", 0.8, np.inf) == pytest.approx(law.at_all / 0.8**law.power)
    assert edge_factor("z", 1.0, law.faint) == pytest.approx(law.at_all * np.sqrt(2.0))
    assert edge_factor("z", 0.1, 0.0) == edge_factor("z", LEAST_SHARE, 0.5)
    assert np.isfinite(edge_factor("z", 1.0, np.nan))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("low", "high"), [(5.0, 15.0), (15.0, np.inf)])
def test_pulls_have_unit_width_where_the_finder_chose_the_mask(
    sample: dict[str, np.ndarray], kind: str, low: float, high: float
) -> None:
    inside = (sample["snr"] >= low) & (sample["snr"] < high)
    pulls = []
    for name in KINDS[kind]:
        of_one = (sample[f"off_{name}"] / sample[f"err_{name}"])[inside]
        middle = centre_and_scatter(of_one)[0]
        assert abs(middle) < (2.0 if kind == "widths" else 0.5), name  # masks cut lines short
        pulls.append(of_one - middle)
    together = np.concatenate(pulls)
    assert np.isfinite(together).sum() > 60
    assert centre_and_scatter(together)[1] == pytest.approx(1.0, abs=0.15)


def test_a_law_is_found_again(sample: dict[str, np.ndarray]) -> None:
    law, rng = EDGE_LAWS["x"], np.random.default_rng(3)
    made = {name: np.tile(sample[name], 20) for name in ("snr", "share", "channel_snr")}
    made["inside_x"] = np.ones(made["snr"].size)
    factor = [law.factor(*one) for one in zip(made["share"], made["channel_snr"], strict=True)]
    made["off_x"] = rng.normal(size=made["snr"].size) * factor
    again = fitted([made], {"x"})
    for share, channel_snr in ((1.0, 10.0), (0.9, 3.0), (0.8, 1.5)):
        assert again.factor(share, channel_snr) == pytest.approx(law.factor(share, channel_snr), rel=0.1)
