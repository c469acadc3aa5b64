"""The errors of a submission: those of the catalogue in other units, and those of a fit with what discs leave out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import QTable
from test_sdc2_submission import SAMPLING, one

from tessellar.challenge.sdc2.errors import FAINT, MODEL, PA_LIMIT, fitted_errors, measured_errors
from tessellar.challenge.sdc2.fitting import fit_discs
from tessellar.challenge.sdc2.shape import INCLINATION_LIMIT
from tessellar.challenge.sdc2.submission import Measured, submitted
from tessellar.kernels.disc_fit import FLUX, WIDTH
from tessellar.simulate.sdc2.sky import Sdc2Sky

ERRORS = {
    "err_x": (0.5, "pix"), "err_y": (0.25, "pix"), "err_freq": (2e4, "Hz"), "err_w20": (5e4, "Hz"),
    "err_kin_pa": (7.0, "deg"), "f_sum_corr": (625.0, "Jy Hz"),
}  # fmt: skip


def catalogue(**changes: float) -> QTable:
    table = one(f_sum=500.0, err_f_sum=50.0)
    for name, (value, unit) in ERRORS.items():
        table[name] = QTable({name: [changes.get(name, value)]}, units={name: unit})[name]
    return table


def errors_of(table: QTable) -> dict[str, float]:
    (row,) = measured_errors(Measured.of(table, SAMPLING))
    return {name: float(getattr(row[name], "value", row[name])) for name in row.colnames}


def test_errors_of_the_catalogue_are_carried_on_to_the_columns_of_the_challenge() -> None:
    found = errors_of(catalogue())
    assert (found["err_ra"], found["err_dec"]) == (1.4, 0.7)
    assert found["err_central_freq"] == 2e4
    assert found["err_w20"] == pytest.approx(5e4 * 299792.458 * 1.420405752e9 / 1e9**2)
    assert found["err_pa"] == 7.0
    assert found["err_line_flux_integral"] == pytest.approx(625.0 * math.hypot(0.1, 0.2))
    assert 0 < found["err_i"] <= INCLINATION_LIMIT
    assert not found["fitted"]


def test_where_no_rotation_is_seen_either_side_may_recede() -> None:
    assert errors_of(catalogue(err_kin_pa=np.nan))["err_pa"] == PA_LIMIT


def test_a_catalogue_without_errors_has_errors_that_are_no_numbers() -> None:
    """That of another program, of which size and inclination are known to be as uncertain as its flux."""
    found = errors_of(one(err_f_sum=50.0))
    assert all(math.isnan(found[name]) for name in ("err_ra", "err_dec", "err_central_freq", "err_w20"))
    assert found["err_hi_size"] > 0


def test_a_size_that_was_not_measured_is_as_uncertain_as_sizes_for_a_mass() -> None:
    small = one(ell_maj=1.0, ell_min=1.0, err_f_sum=1e-3)
    found = Measured.of(small, SAMPLING)
    size = found.shape.size(found.mass, found.kpc)
    assert size.error[0] / size.value[0] == pytest.approx(math.log(10.0) * 0.134, rel=1e-3)


def test_errors_of_a_fit_grow_where_a_channel_is_faint_and_never_vanish() -> None:
    row = {"hi_size": 10.0, "line_flux_integral": 100.0, "w20": 200.0}
    bright, faint = (fitted_errors(np.full(8, noise), 16.0, row, 3e4) for noise in (1e-4, 0.25))
    assert bright["err_line_flux_integral"] == pytest.approx(100.0 * MODEL[FLUX], rel=1e-3)
    assert faint["err_w20"] == pytest.approx(
        200.0 * math.hypot(0.25 * math.sqrt(1.0 + FAINT[WIDTH] ** 4), MODEL[WIDTH])
    )
    lost = fitted_errors(np.full(8, 9.0), 16.0, row, 3e4)
    assert (lost["err_pa"], lost["err_i"]) == (PA_LIMIT, INCLINATION_LIMIT)


def test_a_fit_leaves_the_table_that_it_began_with_alone() -> None:
    sky = Sdc2Sky((64, 48, 48), 3, density=20.0, rms_jy=2e-6, edge_noise=1.0, first_frequency_hz=1060e6)
    number = int(np.argmax(sky.galaxies["flux"]))
    galaxy = sky.galaxies.galaxy(number)
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    place = WCS(Header.fromstring(sky.meta.wcs_header, sep="\n")).all_pix2world(
        galaxy.x, galaxy.y, galaxy.z, 0
    )
    table = one(
        ra=float(place[0]), dec=float(place[1]), freq=float(place[2]), f_sum=galaxy.flux * 3e4, err_f_sum=1.0
    )
    found = Measured.of(table, SAMPLING)
    before, errors = submitted(found), measured_errors(found)
    kept, own = before.copy(), errors.copy()
    done: list[tuple[int, int]] = []
    fitted = fit_discs(before, sky, SAMPLING, errors=errors, tell=lambda *at: done.append(at))
    assert (fitted.n_kept, done) == (0, [(1, 1)])
    assert fitted.errors is not None
    assert fitted.errors["fitted"].tolist() == [True]
    assert fitted.table["line_flux_integral"] != kept["line_flux_integral"]
    for after, table in ((before, kept), (errors, own)):
        assert all(np.array_equal(after[name], table[name], equal_nan=True) for name in table.colnames)
