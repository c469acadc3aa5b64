from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from tessellar.errors import UsageError
from tessellar.kernels import reliability as module
from tessellar.kernels.reliability import Reliability, parameters
from tessellar.model import Payload


def columns(seed: int, n: int, boost: float = 1.0, sign: float = 1.0) -> Payload:
    """Return n detections whose peaks scatter around 5 times ``boost`` in units of their noise."""
    rng = np.random.default_rng(seed)
    rms = rng.uniform(0.5, 2.0, n)
    peak = 5.0 * boost * rng.lognormal(0.0, 0.15, n)
    n_pix = np.round(rng.lognormal(4.0, 0.4, n))
    mean = peak * rng.uniform(0.4, 0.6, n)
    low, high = (np.zeros(n), peak * rms) if sign > 0 else (-peak * rms, np.zeros(n))
    return {
        "f_min": low,
        "f_max": high,
        "mean": sign * mean * rms,
        "n_pix": n_pix,
        "rms": rms,
        "snr": mean * np.sqrt(n_pix) / 3.0,
    }


def joined(*parts: Payload) -> Payload:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def test_places_are_logarithms_in_units_of_the_noise():
    one = {"f_min": [-1.0], "f_max": [20.0], "mean": [4.0], "n_pix": [50.0], "rms": [2.0], "snr": [8.0]}
    arrays = {name: np.array(values) for name, values in one.items()}
    assert parameters(arrays, 1.0) == pytest.approx(np.array([[1.0, np.log10(8.0), np.log10(2.0)]]))
    negative = arrays | {"f_min": np.array([-20.0]), "mean": np.array([-4.0])}
    assert parameters(negative, -1.0) == pytest.approx(parameters(arrays, 1.0))


def test_densities_are_those_of_another_library():
    positive, negative = joined(columns(1, 80), columns(2, 40, 1.5)), columns(3, 60, sign=-1.0)
    judgement = Reliability(0.5, 0.4, 0.0)(positive, negative)
    covariance = np.cov(judgement.negatives.T) * 0.4**2
    assert judgement.covariance == pytest.approx(covariance)
    for place, rel in zip(judgement.points, judgement.rel, strict=True):
        kernel = multivariate_normal(place, covariance)
        p, n = kernel.pdf(judgement.points).sum(), kernel.pdf(judgement.negatives).sum()
        assert rel == pytest.approx(max(0.0, (p - n) / p), abs=1e-6)
    assert np.array_equal(judgement.kept, judgement.rel >= 0.5)
    assert judgement.doubts() == []


def test_bright_detections_are_real_and_those_like_the_negative_ones_are_not():
    positive = joined(columns(1, 400), columns(2, 40, 4.0))
    judgement = Reliability(0.9)(positive, columns(3, 400, sign=-1.0))
    assert judgement.rel[400:].min() > 0.99
    assert judgement.kept[:400].mean() < 0.05
    assert np.median(judgement.rel[:400]) < 0.2


def test_a_low_signal_to_noise_ratio_is_never_reliable():
    """SoFiA's ratio: the sum over the noise, the root of the number of voxels and that of the beam's pixels."""
    positive, negative = columns(2, 40, 4.0), columns(3, 60, sign=-1.0)
    positive["n_pix"] = (2.9 * positive["rms"] / positive["mean"]) ** 2 * 16.0
    judgement = Reliability(0.0, 0.4, 3.0)(positive, negative, 16.0)
    assert not judgement.kept.any()
    assert not judgement.rel.any()
    assert Reliability(0.0, 0.4, 3.0)(positive, negative, 14.0).kept.all()


@pytest.mark.parametrize("n", [0, 1, 7])
def test_too_few_negative_ones_leave_the_reliability_unknown(n):
    positive = columns(2, 40, 4.0)
    positive["n_pix"][:5] = 0.01
    judgement = Reliability()(positive, columns(3, n, sign=-1.0))
    assert np.isnan(judgement.rel[5:]).all()
    assert judgement.kept[5:].all()
    assert not judgement.kept[:5].any()
    (doubt,) = judgement.doubts()
    assert f"{n} negative detections are too few" in doubt


def test_few_negative_ones_are_said_to_be_few():
    (doubt,) = Reliability()(columns(1, 9), columns(3, 20, sign=-1.0)).doubts()
    assert "rest on 20 negative detections" in doubt


def test_nothing_is_judged_when_there_is_nothing():
    judgement = Reliability()(columns(1, 0), columns(3, 50, sign=-1.0))
    assert (len(judgement.rel), len(judgement.kept)) == (0, 0)


def test_very_many_are_represented_by_every_nth(monkeypatch):
    positive, negative = joined(columns(1, 3600), columns(2, 400, 2.0)), columns(3, 3200, sign=-1.0)
    exact = Reliability()(positive, negative)
    monkeypatch.setattr(module, "MOST_VOICES", 1600)
    rough = Reliability()(positive, negative)
    assert not np.array_equal(rough.rel, exact.rel)
    assert np.abs(rough.rel - exact.rel)[exact.rel > 0.5].mean() < 0.05


def test_what_has_no_place_is_not_reliable():
    positive = columns(2, 40, 4.0)
    positive["mean"][3] = -1.0  # its bright voxels are outweighed by negative ones
    judgement = Reliability()(positive, columns(3, 60, sign=-1.0))
    assert not judgement.kept[3]
    assert judgement.rel[3] == 0.0
    assert judgement.kept[4]


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(), st.floats())
def test_parameters_out_of_range_are_refused(threshold, scale, snr):
    if 0 <= threshold <= 1 and 0 < scale < np.inf and 0 <= snr < np.inf:
        Reliability(threshold, scale, snr)
    else:
        with pytest.raises(UsageError, match="cannot be computed"):
            Reliability(threshold, scale, snr)


def test_a_detection_far_from_all_voices_is_real_however_many_there_are(monkeypatch):
    positive, negative = columns(1, 200), columns(3, 200, sign=-1.0)
    for row in (50, 51, 101):
        for name in ("f_max", "mean", "snr"):
            positive[name][row] *= 40.0 + row
    alone = Reliability(0.9, 0.4, 0.0)(positive, negative)
    monkeypatch.setattr(module, "MOST_VOICES", 100)
    thinned = Reliability(0.9, 0.4, 0.0)(positive, negative)
    for judgement in (alone, thinned):
        assert judgement.rel[[50, 51, 101]] == pytest.approx(1.0)
        assert judgement.kept[[50, 51, 101]].all()
    assert np.isfinite(thinned.rel).all()
    assert np.median(np.abs(thinned.rel - alone.rel)) < 0.15


def test_detections_of_single_voxels_are_judged_by_their_brightness():
    def of_one_voxel(values, sign):
        ones = np.ones(len(values))
        low, high = (np.zeros_like(values), values) if sign > 0 else (-values, np.zeros_like(values))
        return {"f_min": low, "f_max": high, "mean": sign * values, "n_pix": ones, "rms": ones, "snr": values}

    rng = np.random.default_rng(1)
    noise = 4.0 + rng.exponential(0.3, (2, 300))
    positive = np.concatenate([noise[0], [12.0, 20.0]])
    judgement = Reliability(0.9, 0.4, 0.0)(of_one_voxel(positive, 1.0), of_one_voxel(noise[1], -1.0))
    assert judgement.kept[-2:].all()
    assert judgement.rel[-2:] == pytest.approx(1.0)
    assert judgement.kept[:-2].sum() < 15
    same = of_one_voxel(np.full(20, 5.0), -1.0)
    judgement = Reliability(0.9, 0.4, 0.0)(of_one_voxel(positive, 1.0), same)
    assert judgement.kept[-2:].all()
    assert np.isfinite(judgement.rel).all()
