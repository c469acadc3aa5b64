"""The command that tells how good a network is runs, at toy size, and its figures are those that a hand finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from network.small import write_network

from benchmarks.validation import network
from benchmarks.validation.denoised_finder import Denoised, knowing_noise, noise_left
from benchmarks.validation.denoised_skies import Circumstance, Sums, beside
from benchmarks.validation.finding import Detections, detections
from tessellar.kernels.denoise.gaussian import Gaussian
from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.model import Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box


def test_the_command_writes_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "CIRCUMSTANCES", (Circumstance("toy", white=True),))
    monkeypatch.setattr(network, "_searches", lambda *_: iter([["finder", "0.5", "0.4", "0.3", "1"]]))
    weights = str(write_network(tmp_path))
    assert network.main(["--weights", weights, "--shape", "24", "40", "40", "--skies", "1"]) == 0
    told = capsys.readouterr().out
    assert told.count("| toy |") == 3
    assert told.count("| starlet2d1d, threshold ") == len(network.STARLETS)
    assert "Noise alone: the denoised cube" in told
    assert network.main(["--weights", "nothing"]) == 2


def test_a_tenth_of_the_error_is_ten_decibels() -> None:
    sums = Sums()
    sums.add("all", np.ones(10, np.float32), np.full(10, np.sqrt(10), np.float32))
    assert sums.gain("all") == (pytest.approx(10), pytest.approx(np.nan, nan_ok=True))
    sums.add("all", np.zeros(10, np.float32), np.full(10, np.sqrt(10), np.float32))
    sums.ratios += [(3.0, 0.5), (3.5, 0.7), (3.6, 0.6), (9.0, 1.0)]
    assert sums.flux_ratio(2, 4) == (pytest.approx(0.6), pytest.approx(0.1073, abs=1e-4), 3)
    assert sums.flux_ratio(4, 8)[2] == 0
    sums.counts[:, 0] = (90, 1.0, 4.0)
    sums.counts[:, 10] = (10, 5.0, 4.0)
    assert sums.calibration_error() == pytest.approx((3 + 1) / 100)
    assert sums.calibration_error(0.05) == pytest.approx(1 / 10)


def test_a_gain_is_as_sure_as_skies_agree() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        sums = Sums()
        for scale in rng.uniform(0.5, 1.5, 12):
            sums.add("all", np.array([scale], np.float32), np.array([2.0], np.float32))
        found.append(sums.gain("all"))
    gains, errors = np.array(found).T
    assert gains.std() == pytest.approx(np.median(errors), rel=0.2)
    sums = Sums()
    for _ in range(3):
        sums.add("all", np.ones(4, np.float32), np.full(4, 2.0, np.float32))
    assert sums.gain("all") == (pytest.approx(6.0206), pytest.approx(0, abs=1e-9))


def test_a_starlet_is_told_what_noise_its_bands_hold() -> None:
    quiet = HiSky((24, 64, 64), n_sources=0)
    recipe = Starlet2D1D(threshold=4.0, coarse="drop")
    assert noise_left(knowing_noise(recipe, quiet), quiet) < 0.3 * noise_left(recipe, quiet)


def test_another_denoiser_is_judged_by_the_same_voxels() -> None:
    shape, seeds = (32, 64, 64), range(3)
    nothing_done = beside(Gaussian(0.0, 0.0), shape, seeds, Circumstance("plain"))
    for part in ("everywhere", "sources", "elsewhere"):
        assert nothing_done.gain(part)[0] == pytest.approx(0, abs=1e-5)
    smoothed = beside(Gaussian(3.0, 3.0), shape, seeds, Circumstance("plain"))
    assert smoothed.gain("elsewhere")[0] > 3


def test_completeness_is_read_where_the_ranking_is_still_reliable() -> None:
    snr = np.array([9.0, 8.0, 7.0, 6.0, 5.0])
    galaxy = np.array([9.0, 8.0, 0.0, 6.0, 2.0])  # the third is false, the last too faint to count
    found = Detections(snr, galaxy, 6)
    assert found.completeness(1.0) == pytest.approx(2 / 6)
    assert found.completeness(0.8) == pytest.approx(3 / 6)
    assert Detections(snr[:0], galaxy[:0], 6).completeness(0.9) == 0


def test_a_denoiser_detects_what_stands_out_once_it_is_smoothed() -> None:
    sky = HiSky((16, 32, 32), n_sources=0)
    kernel = Gaussian(3.0, 3.0)
    box = Box.of_shape(sky.shape)
    voxels = sky.read(box) / np.float32(sky.rms_jy)
    voxels[6:9, 14:18, 14:18] += 8
    run = Denoised(kernel, 4.0).prepare(sky.meta, "cpu")
    lit = run.probability(Patch(voxels, box, box), np.ones(sky.shape, np.float32)) > 0.5
    assert lit[7, 15:17, 15:17].all()
    lit[4:11, 11:21, 11:21] = False
    assert not lit.any()
    assert noise_left(kernel, sky) == pytest.approx(0.5, abs=0.15)


def test_a_denoiser_searches_skies_in_the_place_of_a_network() -> None:
    finder = NetworkFinder(Denoised(Gaussian(3.0, 3.0), 2.0))  # type: ignore[arg-type]
    found = detections(finder, (32, 48, 48), range(2))
    assert found.n_galaxies > 0
    assert 0 < (found.galaxy > 0).sum() <= found.snr.size
