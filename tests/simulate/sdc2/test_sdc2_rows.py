"""Where galaxies come from: the mass function counts as its integral does, and the bootstrap is like its catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, stats
from sdc2_files import ROWS

from tessellar.simulate.sdc2.files import catalogue_of
from tessellar.simulate.sdc2.relations import (
    JY_HZ,
    MASS_FUNCTION,
    SIZE_MASS,
    angular_diameter_distance,
    luminosity_distance,
)
from tessellar.simulate.sdc2.rows import MassFunction, Rows
from tessellar.simulate.sdc2.speeds import speed_of_width
from tessellar.simulate.voxels import stream

BAND = (950e6, 1150e6)
KEY = stream(1, 99)


def test_distances_are_those_of_astropy() -> None:
    from astropy.cosmology import LambdaCDM

    universe = LambdaCDM(H0=67.0, Om0=0.32, Ode0=0.68)
    frequency = np.array([955e6, 1040e6, 1149e6, 1400e6])
    redshift = 1420405751.786 / frequency - 1
    assert luminosity_distance(frequency) == pytest.approx(
        universe.luminosity_distance(redshift).value, rel=1e-3
    )
    assert angular_diameter_distance(frequency) == pytest.approx(
        universe.angular_diameter_distance(redshift).value, rel=1e-3
    )


def test_the_mass_function_has_as_many_galaxies_as_its_integral() -> None:
    """And as many as the challenge's catalogue, whose 2683 cover 0.2405 square degrees."""
    from astropy.cosmology import LambdaCDM

    universe = LambdaCDM(H0=67.0, Om0=0.32, Ode0=0.68)
    slope, knee, density = MASS_FUNCTION

    def heavier(redshift: float) -> float:
        least = np.log10(JY_HZ * universe.luminosity_distance(redshift).value ** 2 * 1.9)
        masses = np.linspace(least, 11.5, 600)
        ratio = 10 ** (masses - knee)
        return integrate.trapezoid(np.log(10) * density * ratio ** (slope + 1) * np.exp(-ratio), masses)

    redshifts = 1420405751.786 / np.linspace(*BAND, 60) - 1
    each = [universe.differential_comoving_volume(z).value * heavier(z) for z in redshifts]
    wanted = -integrate.trapezoid(each, redshifts) / (180 / np.pi) ** 2
    assert MassFunction().density(*BAND) == pytest.approx(wanted, rel=0.01)
    assert MassFunction().density(*BAND) == pytest.approx(2683 / 0.2405, rel=0.05)


def test_masses_and_sizes_are_those_of_the_relations() -> None:
    rows = MassFunction().draw(KEY, 20_000, *BAND)
    assert rows.flux.min() >= 0.99 * 1.9
    assert rows.frequency.min() >= BAND[0]
    assert rows.frequency.max() <= BAND[1]
    mass = np.log10(JY_HZ * luminosity_distance(rows.frequency) ** 2 * rows.flux)
    slope, knee, _ = MASS_FUNCTION
    masses = np.linspace(9.3, 11.5, 2000)  # all of these are bright enough everywhere
    ratio = 10 ** (masses - knee)
    enclosed = np.cumsum(ratio ** (slope + 1) * np.exp(-ratio))
    heavy = mass[mass > 9.3]
    assert stats.kstest(heavy, lambda m: np.interp(m, masses, enclosed / enclosed[-1])).pvalue > 1e-3
    kpc = np.radians(rows.hi_size / 3600) * 1e3 * angular_diameter_distance(rows.frequency)
    off = np.log10(kpc) - np.polyval(SIZE_MASS, mass)
    assert (off.mean(), off.std()) == pytest.approx((0.0, 0.134), abs=0.005)
    assert stats.kstest(np.cos(np.radians(rows.inclination)), "uniform").pvalue > 1e-3


def test_a_galaxy_is_a_matter_of_its_number() -> None:
    few, many = (MassFunction().draw(KEY, count, *BAND) for count in (5, 50))
    assert all(np.array_equal(getattr(few, name), getattr(many, name)[:5]) for name in Rows.__slots__)


def _like(parent: Rows, drawn: Rows) -> None:
    for name in Rows.__slots__:
        found = stats.ks_2samp(getattr(parent, name), getattr(drawn, name)).statistic
        assert found < 0.05, name
    pairs = [
        [np.log(rows.flux), np.log(rows.hi_size), np.log(rows.w20), rows.inclination]
        for rows in (parent, drawn)
    ]
    assert np.corrcoef(pairs[1]) == pytest.approx(np.corrcoef(pairs[0]), abs=0.06)


def test_the_bootstrap_is_like_its_catalogue(sdc2_data: str) -> None:
    catalogue = catalogue_of(sdc2_data)
    _like(catalogue.rows, catalogue.draw(KEY, 20_000, *BAND))
    assert catalogue.density(800e6, 1300e6) == pytest.approx(ROWS / catalogue.area_deg2)
    halves = catalogue.density(950e6, 1050e6) + catalogue.density(1050e6, 1150e6)
    assert halves == pytest.approx(catalogue.density(*BAND))


def test_the_bootstrap_of_a_narrow_band_stays_in_it(sdc2_data: str) -> None:
    rows = catalogue_of(sdc2_data).draw(KEY, 1000, 1000e6, 1002e6)
    assert rows.frequency.min() >= 1000e6
    assert rows.frequency.max() <= 1002e6
    assert len(np.unique(rows.flux)) == 1000


def test_the_bootstrap_is_like_the_real_catalogue(data_dir: Path) -> None:
    catalogue = catalogue_of(str(data_dir / "sdc2"))
    _like(catalogue.rows, catalogue.draw(KEY, 20_000, *BAND))
    assert catalogue.density(*BAND) == pytest.approx(11_150, rel=0.05)


def test_a_disc_at_the_speed_has_a_line_of_the_width() -> None:
    """The line of many clouds, binned and measured here."""
    rng = np.random.default_rng(2)
    for asked, turnover in ((60.0, 0.3), (150.0, 0.2), (400.0, 0.55)):
        speed = float(speed_of_width(np.array([asked]), np.array([9.0]), np.array([turnover]))[0])
        radii = rng.gamma(2.0, 1.0, 400_000)
        radii = radii[radii < 6.0]
        seen = speed * np.cos(rng.uniform(0, 2 * np.pi, radii.size)) * np.arctan(radii / turnover) * 2 / np.pi
        line, edges = np.histogram(seen + rng.normal(0, 9.0, radii.size), 400, (-400, 400))
        above = np.flatnonzero(line > 0.2 * line.max())
        found = edges[above[-1] + 1] - edges[above[0]]
        assert found == pytest.approx(asked, rel=0.06, abs=3.0)
    assert speed_of_width(np.array([20.0]), np.array([9.0]), np.array([0.3]))[0] == 0.0
