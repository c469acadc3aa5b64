"""The part of a signal that gets through a filter, and by how much that differs from one signal to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skies import ALL, sky_modes
from test_cylindrical_power import WIDE, noise

from tessellar.kernels.power.cylindrical import cross_power
from tessellar.kernels.power.transfer import transfer_of

SHAPE = (32, 20, 20)


def test_what_is_let_through_whole_is_all_there() -> None:
    signal = sky_modes(noise(SHAPE))
    half = replace(signal, values=0.5 * signal.values)
    for left, expected in ((signal, 1.0), (half, 0.25)):
        found = transfer_of(left, left, signal, ALL, WIDE)
        assert found.part == pytest.approx(expected)
        assert found.scatter == pytest.approx(0.0, abs=1e-6)
        assert found.error == pytest.approx(0.0, abs=1e-6)


def test_what_learning_adds_is_in_the_error_and_not_in_the_part() -> None:
    signal, stray = sky_modes(noise(SHAPE)), sky_modes(noise(SHAPE, 0.5, seed=1))
    left = replace(signal, values=signal.values + stray.values)
    found = transfer_of(left, signal, signal, ALL, WIDE)
    assert np.abs((found.part - 1.0) / found.error).max() < 4.0
    assert found.scatter == pytest.approx(0.0, abs=1e-6)
    assert found.error.min() > 0.0


@pytest.mark.parametrize("kind", ["along frequency", "blanks"])
def test_the_scatter_is_that_of_many_signals(kind: str) -> None:
    """Three modes along frequency are taken out, which mixes cells of k_par; or a third of the voxels is blank."""
    random = np.random.default_rng(3)
    blank = random.random(SHAPE) < (1 / 3 if kind == "blanks" else 0.0)
    smooth, _ = np.linalg.qr(np.polynomial.legendre.legvander(np.linspace(-1, 1, SHAPE[0]), 2))
    parts, expected = [], []
    for seed in range(60):
        voxels = noise(SHAPE, 1.0, seed)
        signal = sky_modes(voxels, 300.0)
        left = sky_modes(np.where(blank, np.nan, voxels), 300.0)
        if kind == "along frequency":
            left = replace(signal, values=signal.values - smooth @ (smooth.T @ signal.values))
        found = transfer_of(left, left, signal, ALL, WIDE)
        power = cross_power(left, left, ALL, WIDE).power / cross_power(signal, signal, ALL, WIDE).power
        assert found.part == pytest.approx(power)
        parts.append(found.part)
        expected.append(found.scatter)
    seen = np.std(parts, axis=0) / np.mean(parts, axis=0)
    told = np.sqrt(np.mean(np.square(expected), axis=0))
    rows = slice(0, 1) if kind == "along frequency" else slice(None)  # the others lose next to nothing
    assert np.sqrt(np.mean((seen / told)[rows] ** 2)) == pytest.approx(1.0, abs=0.2)
