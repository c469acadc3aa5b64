"""The command that holds separations against the truth runs at toy size, and its numbers are those done by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.validation import foregrounds
from benchmarks.validation.low_sky import SIGNAL_K, low_sky, through_beam, with_lost_voxels
from benchmarks.validation.separation_numbers import numbers_before, numbers_by_k, numbers_of
from benchmarks.validation.separation_peers import PEERS, between
from benchmarks.validation.separations import METHODS, Trial, error_rms

TOY = (48, 24, 24)
INTERPRETER = """#!{python} -Werror
import sys

import numpy as np

program, given, made, name, modes, *more = sys.argv[1:]
assert program.endswith(("run_sklearn.py", "run_ps_eor.py")) and name in ("pca", "ica", "poly")
assert len(more) == (5 if "ps_eor" in program else 0)
cube = np.load(given)
spectra = cube.reshape(len(cube), -1)
spectra = spectra - spectra.mean(axis=1, keepdims=True)
vectors = np.linalg.svd(spectra, full_matrices=False)[0][:, : int(modes)]
np.save(made, (spectra - vectors @ (vectors.T @ spectra)).reshape(cube.shape))
"""


def test_the_command_tells_kernels_and_other_programs_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text(INTERPRETER.format(python=sys.executable))
    interpreter.chmod(0o755)
    monkeypatch.setattr(foregrounds, "METHODS", METHODS[1:2])
    monkeypatch.setattr("benchmarks.validation.separation_peers.PEERS", (PEERS[0], PEERS[3]))
    words = [
        "--seeds",
        "1",
        "--shape",
        *map(str, TOY),
        "--skies",
        "plain",
        "common",
        "--sklearn",
        str(interpreter),
    ]
    words += [
        "--ps-eor",
        str(interpreter),
        "--json",
        str(tmp_path / "v.json"),
        "--figure",
        str(tmp_path / "v.png"),
    ]
    assert foregrounds.main(words) == 0
    told = capsys.readouterr().out
    assert told.startswith("`python -m benchmarks.validation.foregrounds --seeds 1")
    assert "| ps_eor PCA, 3 modes |" in told
    assert "leaves the clean cube as it is" in told
    assert (tmp_path / "v.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((tmp_path / "v.json").read_text())
    rows = record["skies"]["plain"]
    assert rows["nothing taken out"]["power_lo"] > 1e5
    assert 0.05 < rows["PCA, 3 modes"]["transfer_lo"] < 0.7 < rows["PCA, 3 modes"]["transfer_hi"] < 1.01
    ours, theirs = record["peers"]["scikit-learn PCA, 3 modes"]
    assert ours["rms"] == pytest.approx(theirs["rms"], rel=1e-4)  # an SVD of the whole cube is what PCA is


def test_the_sky_is_made_of_what_it_says() -> None:
    sky = low_sky(3, shape=TOY)
    assert sky.signal.std() == pytest.approx(SIGNAL_K)
    assert sky.noise.std() == pytest.approx(2.5e-3, rel=0.02)
    assert np.corrcoef(sky.noises[0].ravel(), sky.noises[1].ravel())[0, 1] == pytest.approx(0.0, abs=0.03)
    whole = 0.5 * sum(half.voxels.astype(np.float64) for half in sky.halves)
    assert np.abs(whole - sky.cube.voxels).max() < 1e-4  # they are rounded to float32 each
    assert low_sky(3, shape=TOY).cube.identity == sky.cube.identity != low_sky(4, shape=TOY).cube.identity
    lost = with_lost_voxels(sky, 0.2, 3)
    assert np.isnan(lost.cube.voxels).mean() == pytest.approx(0.2, abs=0.02)
    assert np.isfinite(lost.seen(lost.signal, masked=False).voxels).all()


def test_a_beam_keeps_the_mean_of_a_channel_and_widens_with_the_wavelength() -> None:
    sky = low_sky(3, shape=TOY)
    seen = through_beam(sky)
    assert seen.foreground.mean(axis=(1, 2)) == pytest.approx(sky.foreground.mean(axis=(1, 2)))
    assert seen.beams is not None
    assert (np.diff(seen.beams) < 0).all()
    assert seen.cube.meta.beams[0].major == pytest.approx(seen.beams[0] * 4.0 / TOY[1])
    assert seen.foreground[0].std() < sky.foreground[0].std()


def test_waves_between_two_lengths() -> None:
    waves = 2.0 * np.pi * np.arange(24) / 24
    field = 1.0 / np.deg2rad(4.0)  # wavelengths of the longest wave in the field
    short, long = np.cos(5 * waves), np.cos(waves)
    image = (short + long)[None, :, None] * np.ones((1, 24, 24))
    assert between(image, 2 * field, 6 * field)[0, :, 0] == pytest.approx(short)
    assert between(image, 0.5 * field, 2 * field)[0, :, 0] == pytest.approx(long)


def test_an_error_is_that_of_voxels_that_are_left_without_the_mean_of_a_channel() -> None:
    wanted = np.zeros((2, 2, 2))
    left = np.array([[[1.0, 3.0], [1.0, 3.0]], [[np.nan, 7.0], [5.0, 6.0]]])
    assert error_rms(left, wanted) == pytest.approx(np.sqrt((4 * 1.0 + 2 * 1.0) / 7))


def test_numbers_by_hand() -> None:
    """Two bins below and one above; a third column has no modes."""
    true = np.array([[1.0, 2.0, np.nan], [4.0, 4.0, np.nan], [1.0, 1.0, np.nan]])
    after, transfer = 0.5 * true, np.full((3, 3), 0.4)
    after[2], transfer[2] = 1.1 * true[2], 1.0
    power = after / transfer
    sigma = np.full((3, 3), 0.3)
    trial = Trial(
        np.array([0.05, 0.10, 0.15]),
        0.6,
        true,
        100 * true,
        after,
        transfer,
        power,
        sigma,
        0.5 * true,
        0.1 * true,
    )
    numbers = numbers_of([trial, trial])
    assert numbers["rms"] == 0.6
    assert numbers["power_lo"] == pytest.approx(0.5)
    assert numbers["power_hi"] == pytest.approx(1.1)
    assert numbers["transfer_lo"] == pytest.approx(0.4)
    assert numbers["corrected_lo"] == pytest.approx(1.25)
    assert numbers["posterior_lo"] == pytest.approx(0.6)
    assert numbers["close"] == pytest.approx(2 / 6)  # those above: 1.1
    assert numbers["covered"] == pytest.approx(3 / 6)  # off by 0.25, 0.5, 1, 1, 0.1, 0.1
    assert numbers["covered_hi"] == 1.0
    assert numbers_before([trial]) == pytest.approx({"power_lo": 100.0, "power_hi": 100.0})
    assert [row["corrected"] for row in numbers_by_k([trial])] == pytest.approx([1.25, 1.25, 1.1])
