"""SKA Data Challenge 3b: a posterior is written in the order that the scorer reads, and comes back the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tessellar.challenge.sdc3b.posterior import Posterior, read_posterior, write_posterior
from tessellar.errors import InputError, OutputError, UsageError

GRID = ((0.05, 0.125, 0.1), (0.1, 0.25, 0.2))  # first cell and width along each axis


def posterior() -> Posterior:
    values = np.random.default_rng(0).random((10, 4, 5))
    return Posterior(values / values.sum(), *GRID)


def test_a_posterior_comes_back_the_same(tmp_path: Path) -> None:
    path = write_posterior(posterior(), tmp_path, "Team", "PS1")
    assert path.name == "Team_PS1.fits"
    found = read_posterior(path)
    assert found.values.tobytes() == posterior().values.tobytes()
    assert (found.first, found.step) == GRID


def test_the_first_axis_of_the_array_is_the_first_fraction(tmp_path: Path) -> None:
    from astropy.io import fits

    values = np.zeros((100, 100, 100))
    values[70, 40, 12] = 1.0
    path = write_posterior(Posterior(values, (0.005,) * 3, (0.01,) * 3), tmp_path, "Team", "IM1")
    with fits.open(path) as file:
        data, header = file[0].data, file[0].header
        axes = [header[f"CRVAL{n}"] + header[f"CDELT{n}"] * np.arange(100) for n in (1, 2, 3)]
        index = [
            int(np.argmin(np.abs(axis - true)))
            for axis, true in zip(axes, (0.705, 0.405, 0.125), strict=True)
        ]
        assert data[tuple(index)] == 1.0
        assert [header[f"AXIS{n}-FREQ"] for n in (1, 2, 3)] == [
            "xHI 151-166 MHz",
            "xHI 166-181 MHz",
            "xHI 181-196 MHz",
        ]


def test_samples_become_cells_that_sum_to_1() -> None:
    samples = np.array([[0.704, 0.401, 0.126], [0.706, 0.402, 0.127], [1.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    found = Posterior.of_samples(samples)
    assert found.values[70, 40, 12] == 0.5
    assert found.values[99, 0, 50] == 0.25
    assert found.values.sum() == 1.0
    weighed = Posterior.of_samples(samples, 10, np.array([1.0, 2.0, 0.0, 1.0]))
    assert weighed.values[7, 4, 1] == 0.75


def test_the_score_is_the_probability_in_a_box_around_the_truth() -> None:
    even = Posterior(np.full((100, 100, 100), 1e-6), (0.005,) * 3, (0.01,) * 3)
    assert even.probability_near((0.6996, 0.40125, 0.12525)) == pytest.approx(11**3 * 1e-6)
    assert even.probability_near((0.005, 0.5, 0.995)) == pytest.approx(6 * 11 * 6 * 1e-6)
    assert even.probability_near((0.5, 0.5, 0.5), 0.5) == pytest.approx(51**3 * 1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((2, 2, 2), 0.1), "sum to 0.8, and 1 is needed"),
        (np.full((2, 2, 2), np.nan), "negative or no number"),
        (np.array([[[2.0, -1.0]]]), "negative or no number"),
        (np.ones((1, 1)), "has 3 axes"),
    ],
)
def test_what_is_no_posterior_is_refused(values: np.ndarray, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Posterior(values, *GRID)


@pytest.mark.parametrize(
    "samples", [np.ones((4, 2)), np.full((4, 3), 1.1), np.full((4, 3), np.nan), np.ones((0, 3))]
)
def test_what_are_no_samples_is_refused(samples: np.ndarray) -> None:
    with pytest.raises(InputError, match="fraction"):
        Posterior.of_samples(samples)


def test_files_that_cannot_be_written_or_read_are_refused(tmp_path: Path) -> None:
    from astropy.io import fits

    write_posterior(posterior(), tmp_path, "Team", "PS2")
    with pytest.raises(OutputError, match="exists already"):
        write_posterior(posterior(), tmp_path, "Team", "PS2")
    write_posterior(posterior(), tmp_path, "Team", "PS2", overwrite=True)
    with pytest.raises(UsageError, match="'PS9' is no data set"):
        write_posterior(posterior(), tmp_path, "Team", "PS9")
    with pytest.raises(UsageError, match="cannot be the name of a team"):
        write_posterior(posterior(), tmp_path, "a/b", "PS2")
    assert [path.name for path in tmp_path.iterdir()] == ["Team_PS2.fits"]
    (tmp_path / "text.fits").write_text("no FITS")
    fits.writeto(tmp_path / "bare.fits", np.ones((1, 1, 1)))
    for name in ("text.fits", "bare.fits", "none.fits"):
        with pytest.raises(InputError, match="is no posterior that can be read"):
            read_posterior(tmp_path / name)
