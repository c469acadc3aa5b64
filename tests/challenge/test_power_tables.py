"""Tables of power spectra are read by their wave numbers, units and masks, not by the order of their rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.utils.masked import Masked

import tessellar as ts
from tessellar.challenge.sdc3a.bands import K_CENTRES
from tessellar.errors import InputError


def table() -> QTable:
    k_par, k_perp = (each.ravel() for each in np.meshgrid(K_CENTRES, K_CENTRES, indexing="ij"))
    rng = np.random.default_rng(1)
    volume = u.K**2 * u.Mpc**3
    return QTable(
        {
            "band_low": np.full(100, 151.0) * u.MHz,
            "band_high": np.full(100, 166.0) * u.MHz,
            "k_par": k_par / u.Mpc,
            "k_perp": k_perp / u.Mpc,
            "power": rng.uniform(1.0, 2.0, 100) * volume,
            "sigma": rng.uniform(0.1, 0.2, 100) * volume,
            "n_modes": np.arange(1, 101),
        }
    )


def reversed_rows(made: QTable) -> QTable:
    return made[::-1]


def in_millikelvin(made: QTable) -> QTable:
    for name in ("power", "sigma"):
        made[name] = made[name].to(u.mK**2 * u.Mpc**3)
    return made


def in_gigahertz(made: QTable) -> QTable:
    made["band_low"] = made["band_low"].to(u.GHz)
    return made


def without_units(made: QTable) -> QTable:
    return QTable({name: getattr(made[name], "value", made[name]) for name in made.colnames})


def written(path: Path, made: QTable) -> Path:
    made.write(path, format="ascii.ecsv", overwrite=True)
    return path


@pytest.mark.parametrize("change", [reversed_rows, in_millikelvin, in_gigahertz, without_units])
def test_the_same_power_scores_the_same(tmp_path: Path, change: Callable[[QTable], QTable]) -> None:
    truth = written(tmp_path / "truth.ecsv", table())
    made = ts.score("sdc3a", written(tmp_path / "made.ecsv", change(table())), truth)
    same = ts.score("sdc3a", truth, truth)
    assert made.bands.keys() == same.bands.keys()
    assert made.total.record() == pytest.approx(same.total.record(), abs=1e-9)


def test_masked_power_is_missing(tmp_path: Path) -> None:
    made = QTable(table(), masked=True)
    made["power"] = Masked(made["power"], mask=np.arange(100) < 30)
    truth = written(tmp_path / "truth.ecsv", table())
    assert ts.score("sdc3a", written(tmp_path / "made.ecsv", made), truth).total.n_missing == 30


def test_another_order_of_other_power_is_scored_bin_by_bin(tmp_path: Path) -> None:
    other = table()
    other["power"][37] += 5.0 * other["power"].unit
    truth = written(tmp_path / "truth.ecsv", table())
    straight = ts.score("sdc3a", written(tmp_path / "a.ecsv", other), truth)
    shuffled = other[np.random.default_rng(2).permutation(100)]
    assert ts.score("sdc3a", written(tmp_path / "b.ecsv", shuffled), truth).record() == straight.record()
    assert straight.total.within_2_sigma == 0.99


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: made[:93], "93 bins, which are not one for each of 10 k_par and 10 k_perp"),
        (lambda made: made[[*range(99), 0]], "not one for each"),
        (lambda made: made[made["k_par"] < 0.28 / u.Mpc], "has 5 bins of k_par from 0.05 to 0.25"),
        (lambda made: QTable({**made, "power": made["power"].value * u.s}), "are not convertible"),
        (lambda made: QTable({**made, "n_modes": np.ones(100) * u.s}), "n_modes is in s and has no unit"),
        (lambda made: QTable({**made, "k_perp": made["k_perp"] + 0.01 / u.Mpc}), "bins of k_perp from 0.06"),
    ],
)
def test_other_bins_are_refused(tmp_path: Path, change: Callable[[QTable], QTable], words: str) -> None:
    truth = written(tmp_path / "truth.ecsv", table())
    with pytest.raises(InputError, match=words):
        ts.score("sdc3a", written(tmp_path / "made.ecsv", change(table())), truth)
