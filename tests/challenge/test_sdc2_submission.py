"""What is measured becomes the columns of SKA Data Challenge 2: by hand for one disc, and as a whole for a field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.table import QTable

import tessellar as ts
from tessellar.challenge.sdc2.galaxies import inclination_of_disc, size_of_disc, typical_size
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.score import score_sdc2
from tessellar.challenge.sdc2.submission import submission
from tessellar.challenge.tables import SDC2_UNITS, read_table
from tessellar.engine.observers import Silent
from tessellar.errors import InputError, UsageError
from tessellar.model import Progress
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import sdc2_table, truth_table, write_truth

SAMPLING = Sampling((7.0, 7.0), 0.0, 2.8, upper_recedes=False)
UNITS = {
    **dict.fromkeys(("ra", "dec", "ell_pa", "kin_pa"), "deg"),
    **dict.fromkeys(("freq", "w20"), "Hz"),
    **dict.fromkeys(("ell_maj", "ell_min"), "pix"),
    **dict.fromkeys(("f_sum", "err_f_sum"), "Jy Hz"),
}


class Told(Silent):
    """What an observer hears of an export."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def begin(self, stage: str, total: int) -> None:
        self.events.append(f"begin {stage}")

    def progress(self, event: Progress) -> None:
        self.events.append(f"{event.stage} {event.done} of {event.total}")

    def end(self, stage: str) -> None:
        self.events.append(f"end {stage}")


def one(**changes: float) -> QTable:
    """Return a catalogue of one bright, well resolved galaxy."""
    row = {
        "ra": 180.0, "dec": -30.0, "freq": 1.0e9, "f_sum": 500.0, "w20": 1e6, "err_f_sum": 0.05,
        "ell_maj": 20.0, "ell_min": 12.0, "ell_pa": 30.0, "kin_pa": 40.0,
    }  # fmt: skip
    return QTable({name: [value] for name, value in (row | changes).items()}, units=UNITS)


def made(catalogue: QTable, sampling: Sampling = SAMPLING) -> dict[str, float]:
    table, _ = submission(catalogue, sampling)
    assert table.colnames == ["id", *SDC2_UNITS]
    return {name: float(getattr(table[name][0], "value", table[name][0])) for name in table.colnames}


def test_an_exponential_disc_ends_where_one_solar_mass_a_square_parsec_is_left() -> None:
    scale = 5.0 / np.sqrt(3.0)  # kpc
    radius = size_of_disc(np.array([1e9]), np.array([5.0])) / 2
    assert 1e9 / (2 * np.pi * (1e3 * scale) ** 2) * np.exp(-radius / scale) == pytest.approx(1.0)
    assert size_of_disc(np.array([1e9]), np.array([0.0]))[0] == 0.0


@pytest.mark.parametrize(
    ("ratio", "degrees"), [(1.0, 0.0), (0.6, 54.7356), (0.2, 90.0), (0.1, 90.0), (1.2, 0.0)]
)
def test_a_disc_is_inclined_as_its_axes_tell(ratio: float, degrees: float) -> None:
    assert inclination_of_disc(np.array([ratio]))[0] == pytest.approx(degrees, abs=1e-4)


def test_a_resolved_galaxy_is_measured_without_its_beam() -> None:
    major, minor = (np.sqrt((half * 2.8) ** 2 - (7.0 / 2.35482) ** 2) for half in (10.0, 6.0))
    row = made(one())
    assert row["i"] == pytest.approx(inclination_of_disc(np.array([minor / major]))[0], abs=0.1)
    assert row["line_flux_integral"] == 500.0
    assert row["w20"] == pytest.approx(1e6 * 299792.458 * 1420405751.786 / 1e9**2)
    kpc = 1e3 * 1186.0 * np.pi / 648000  # angular diameter distance at 1 GHz, Mpc, H0 = 67
    mass = 49.7 * (1186.0 * 1.420405751786**2) ** 2 * 500.0
    expected = size_of_disc(np.array([mass]), np.array([major * kpc]))[0] / kpc
    assert row["hi_size"] == pytest.approx(expected, rel=0.01)


def test_a_galaxy_smaller_than_the_beam_has_the_usual_size_for_its_mass() -> None:
    row = made(one(ell_maj=1.0, ell_min=1.0, err_f_sum=100.0))
    kpc = 1e3 * 1186.0 * np.pi / 648000
    mass = 49.7 * (1186.0 * 1.420405751786**2) ** 2 * 500.0
    assert row["hi_size"] == pytest.approx(typical_size(np.array([mass]))[0] / kpc, rel=0.01)
    assert 0 <= row["i"] <= 90


def test_the_receding_side_is_that_of_the_lower_frequencies() -> None:
    assert made(one())["pa"] == 220.0
    assert made(one(), Sampling((7.0, 7.0), 0.0, 2.8, upper_recedes=True))["pa"] == 40.0
    assert made(one(kin_pa=np.nan, ell_pa=-30.0))["pa"] == 330.0


@pytest.mark.parametrize(
    ("axis", "recedes"),
    [
        ({"unit": "Hz", "first": 1e9, "last": 1.1e9}, False),
        ({"unit": "Hz", "first": 1.1e9, "last": 1e9}, True),
        ({"unit": "m/s", "first": 0.0, "last": 1e6}, True),
        ({"unit": "m/s", "first": 1e6, "last": 0.0}, False),
    ],
)
def test_which_channels_recede_depends_on_the_axis(axis: dict[str, Any], recedes: bool) -> None:
    cube = {"name": "c", "beam_arcsec": [8.0, 6.0], "beam_pa": 10.0, "pixel_arcsec": [2.0, 2.0]}
    sampling = Sampling.of_run({"cube": cube | {"spectral": axis}})
    assert sampling == Sampling((8.0, 6.0), 10.0, 2.0, recedes)


def test_a_cube_without_beam_or_axis_is_refused() -> None:
    cube = {"name": "c", "beam_arcsec": None, "pixel_arcsec": [2.0, 2.0], "spectral": {"unit": ""}}
    with pytest.raises(InputError, match="beam_arcsec and a frequency or velocity axis of c"):
        Sampling.of_run({"cube": cube})
    in_kelvin = one()
    in_kelvin["f_sum"] = [500.0] * units.K * units.Hz
    with pytest.raises(InputError, match="Jy times Hz"):
        submission(in_kelvin, SAMPLING)


@pytest.mark.parametrize("change", [{"f_sum": -1.0}, {"freq": 1.2e9}, {"ra": np.nan}, {"w20": np.nan}])
def test_what_could_only_cost_points_is_left_out(change: dict[str, float]) -> None:
    table, left_out = submission(one(**change), SAMPLING)
    assert (len(table), left_out) == (0, 1)


def test_a_field_is_found_exported_and_scored(tmp_path: Path) -> None:
    sky = HiSky((128, 160, 160), 1, n_sources=6, flux_range=(300.0, 1500.0))
    run = ts.find_sources(sky, out=tmp_path / "run", executor="serial")
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    table, left_out = submission(run.catalogue, Sampling.of_run(info))
    everything = truth_table(sky)
    truth = sdc2_table(everything)
    score = score_sdc2(table, truth, beam_arcsec=11.2)
    assert left_out == 0
    assert score.n_match == len(run.catalogue) >= 4
    for name in ("position", "central_freq", "hi_size", "w20"):
        assert score.accuracy[name] > 0.9, score
    write_truth(everything, tmp_path / "sky.truth.ecsv")
    again = ts.score("sdc2", tmp_path / "run", tmp_path / "sky.truth.ecsv", beam_arcsec=11.2)
    assert again.record() == ts.score("sdc2", run, tmp_path / "sky.truth.ecsv", beam_arcsec=11.2).record()
    assert again.value == pytest.approx(score.value)
    told = Told()
    fitted = ts.export(
        run, tmp_path / "fitted.txt", format="sdc2", fit=sky, errors=tmp_path / "errors.ecsv", observer=told
    )
    assert told.events == [
        "begin fit",
        *(f"fit {number + 1} of {len(table)}" for number in range(len(table))),
        "end fit",
    ]
    better = ts.score("sdc2", fitted, tmp_path / "sky.truth.ecsv", beam_arcsec=11.2)
    errors = QTable.read(tmp_path / "errors.ecsv", format="ascii.ecsv")
    assert errors["fitted"].all()
    for row, off in zip(read_table(fitted), errors, strict=True):
        nearest = truth[int(np.argmin(np.abs(truth["central_freq"] - row["central_freq"].value)))]
        for name in ("line_flux_integral", "w20", "i", "central_freq"):
            assert abs(row[name].value - nearest[name]) < 4.0 * off[f"err_{name}"].value, name
    assert better.n_match == score.n_match
    for name in ("position", "central_freq", "line_flux_integral", "pa", "w20", "i"):
        assert better.accuracy[name] > 0.97, better  # sizes have another meaning here than in the challenge
    assert fitted.read_text() != ts.export(run, tmp_path / "mine.txt", format="sdc2").read_text()
    with pytest.raises(InputError, match="is not the cube that was searched"):
        ts.export(run, tmp_path / "x.txt", format="sdc2", fit=HiSky((128, 160, 161), 1))
    with pytest.raises(UsageError, match="--errors"):
        ts.export(run, tmp_path / "x", format="fits", errors=tmp_path / "y")
    with pytest.raises(UsageError, match="--fit"):
        ts.export(run, tmp_path / "x", format="fits", fit=sky)
    text = ts.score("sdc2", tmp_path / "mine.txt", tmp_path / "sky.truth.ecsv", beam_arcsec=11.2).record()
    assert (
        text | {"bins": again.record()["bins"]} == again.record()
    )  # the text tells no signal-to-noise ratios
