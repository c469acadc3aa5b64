"""A fitted disc: the model holds its flux, noise is whitened, and what was drawn is found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tessellar.kernels.disc_fit import (
    FLUX,
    INCLINATION,
    PA,
    SIZE,
    WIDTH,
    Expected,
    Surroundings,
    X,
    Y,
    Z,
    _whitener,
    fit_disc,
)
from tessellar.kernels.disc_model import Look, draw_disc, unit_clouds
from tessellar.simulate.noise import correlated_noise
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.tiling.box import Box

BEAM = 2.5 / 2.354820045
LOOK = Look(20.0, 12.3, 11.6, 0.8, 1.5, math.radians(60), math.radians(30), -9.0, BEAM, 1.1)
ANYTHING = Expected((0.0, 0.0, 1e3), (0.0, 0.0, 1e3))


def drawn(look: Look, shape: tuple[int, int, int] = (41, 25, 25)) -> np.ndarray:
    out = np.empty(shape)
    draw_disc(out, look, unit_clouds())
    return out


def test_the_model_holds_its_flux_and_recedes_where_it_should() -> None:
    voxels = drawn(LOOK)
    assert voxels.sum() == pytest.approx(LOOK.flux * 2 * math.pi * BEAM**2, rel=2e-3)
    z, x, y = np.indices(voxels.shape)
    centre = [(voxels * axis).sum() / voxels.sum() for axis in (z, x, y)]
    assert centre == pytest.approx([LOOK.z, LOOK.x, LOOK.y], abs=0.1)
    low = z < LOOK.z  # the far side has low frequencies
    east = -((x - LOOK.x) * voxels)[low].sum()
    north = ((y - LOOK.y) * voxels)[low].sum()
    assert math.degrees(math.atan2(east, north)) == pytest.approx(30, abs=3)
    mirrored = drawn(LOOK._replace(pa=LOOK.pa + math.pi, rotation=9.0))
    assert mirrored == pytest.approx(voxels, abs=4e-2 * voxels.max())  # the clouds are 600


def test_the_model_moves_smoothly() -> None:
    """Half of a small step changes half as much: nothing is put into whole voxels."""
    voxels = drawn(LOOK)
    whole, half = (drawn(LOOK._replace(x=LOOK.x + step)) - voxels for step in (2e-3, 1e-3))
    assert half == pytest.approx(0.5 * whole, abs=1e-2 * np.abs(whole).max())


def test_correlated_noise_is_white_afterwards() -> None:
    noise = correlated_noise(Box.of_shape((200, 21, 25)), 3, 2.5, 1.0).astype(np.float64)
    white = _whitener(21, BEAM) @ noise @ _whitener(25, BEAM).T
    assert white.std() == pytest.approx(1.0, abs=0.05)
    for axis in (1, 2):
        ahead, behind = np.delete(white, 0, axis), np.delete(white, -1, axis)
        assert (ahead * behind).mean() == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("receding", [-1.0, 1.0])
def test_what_was_drawn_is_found(receding: float) -> None:
    width = 24.0
    rotation = (
        receding * 0.5 * math.sqrt(width**2 - (0.75 * 2 * math.sqrt(2 * math.log(5)) * 1.1) ** 2) / 0.98
    )
    size = 2 * 1.5 * 4.15  # pixels
    voxels = drawn(LOOK._replace(rotation=rotation)) + 2e-4 * correlated_noise(
        Box.of_shape((41, 25, 25)), 1, 2.5, 1.0
    )
    around = Surroundings(voxels, 2e-4, BEAM, 1.1, receding, ANYTHING)
    start = np.array([11.5, 12.5, 22.0, math.log(0.5), math.log(8.0), 0.0, 3.0, math.log(20.0)])
    found = fit_disc(around, start)
    assert found[[X, Y, Z]] == pytest.approx([LOOK.x, LOOK.y, LOOK.z], abs=0.05)
    assert math.exp(found[FLUX]) == pytest.approx(0.8, rel=0.02)
    assert math.exp(found[SIZE]) == pytest.approx(size, rel=0.05)
    assert math.exp(found[WIDTH]) == pytest.approx(width, rel=0.02)
    assert math.degrees(found[INCLINATION]) == pytest.approx(60, abs=2)
    assert math.degrees(found[PA]) == pytest.approx(30, abs=1)


def test_galaxies_of_another_model_are_found_within_their_tolerances() -> None:
    """Warped, lopsided and thick ones: those of a made-up field, in noise at 1/30 of the peak or less."""
    sky = Sdc2Sky((200, 80, 80), seed=6, density=20.0, edge_noise=1.0)
    off = []
    for number in range(len(sky.galaxies)):
        galaxy, cubelet = sky.galaxies.galaxy(number), sky.cubelet(number)
        if galaxy.inclination < 35 or galaxy.hi_size < 5:
            continue
        voxels = cubelet.voxels.astype(np.float64)
        rms = voxels.max() / 30
        voxels += correlated_noise(Box.of_shape(voxels.shape), number, 2.5, rms)
        around = Surroundings(voxels, rms, BEAM, 1.1, -1.0, ANYTHING)
        z, x, y = (
            at - first for at, first in zip((galaxy.z, galaxy.x, galaxy.y), cubelet.box.start, strict=True)
        )
        start = np.array([x, y, z, math.log(galaxy.flux), 1.0, 0.0, 0.0, 3.0])
        found = fit_disc(around, start)
        turn = math.degrees(found[PA]) - galaxy.pa
        off.append([math.exp(found[FLUX]) / galaxy.flux - 1, (turn + 180) % 360 - 180])
    flux, pa = np.abs(np.array(off)).T
    assert len(off) >= 5
    assert np.median(flux) < 0.05
    assert np.median(pa) < 6
