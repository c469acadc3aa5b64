"""The joint posterior of three neutral fractions, as the FITS cube that SKA Data Challenge 3b takes.

The scorer of the challenge takes the first axis of the array that it reads as the first fraction, and ``CRVAL1`` as
that axis's: not FITS order, in which ``CRVAL1`` belongs to the last axis of the array. The files here are in its order.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.challenge.sdc3a.files import check_team
from tessellar.errors import InputError, UsageError
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_file, check_target
from tessellar.model import DoubleArray

DATA_SETS = ("PS1", "PS2", "PS3", "IM1")
FRACTIONS = ("xHI 151-166 MHz", "xHI 166-181 MHz", "xHI 181-196 MHz")

_SUM_SLACK = 1e-6
_BOX = 0.1  # side of the box around the truth that is summed


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Probabilities of the neutral fractions in three bands, in cells of one width; they sum to 1.

    Attributes
    ----------
    values
        float64 array (fraction at 151-166, at 166-181, at 181-196 MHz).
    first
        Middle of the first cell along each axis.
    step
        Width of a cell along each axis.

    Raises
    ------
    InputError
        A probability is negative or no number, or they do not sum to 1.
    """

    values: DoubleArray
    first: tuple[float, float, float]
    step: tuple[float, float, float]

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or not self.values.size or not min(self.step) > 0:
            raise InputError(
                f"A posterior has 3 axes with cells wider than 0; this one has {self.values.ndim} axes and cells of "
                f"{', '.join(f'{step:g}' for step in self.step)}."
            )
        if not (self.values >= 0).all():
            raise InputError(
                "A probability of the posterior is negative or no number. Leave 0 where there is none."
            )
        total = float(self.values.sum())
        if abs(total - 1.0) > _SUM_SLACK:
            raise InputError(
                f"The probabilities of the posterior sum to {total:.6g}, and 1 is needed. Divide by that."
            )

    @classmethod
    def of_samples(
        cls, samples: DoubleArray, n_cells: int = 100, weights: DoubleArray | None = None
    ) -> Posterior:
        """Return the histogram of samples of a posterior, with cells from 0 to 1.

        Parameters
        ----------
        samples
            Neutral fractions, float64 array (sample, 3), the band of the lowest frequency first.
        n_cells
            Cells along each axis.
        weights
            Of the samples, float64 array (sample); equal ones when None.

        Raises
        ------
        InputError
            Samples do not have three fractions from 0 to 1.
        """
        if samples.ndim != 2 or samples.shape[1] != len(FRACTIONS) or not len(samples):
            raise InputError(
                f"Samples of a posterior have 3 fractions each; these have the shape {samples.shape}."
            )
        if not ((samples >= 0) & (samples <= 1)).all():
            raise InputError(
                "A neutral fraction lies below 0 or above 1, or is no number. Leave such samples out."
            )
        counts, _ = np.histogramdd(samples, bins=n_cells, range=[(0.0, 1.0)] * 3, weights=weights)
        step = 1.0 / n_cells
        return cls(counts / counts.sum(), (0.5 * step,) * 3, (step,) * 3)

    def probability_near(self, truth: tuple[float, float, float], width: float = _BOX) -> float:
        """Return the probability in a box around the true fractions: the score of the challenge.

        The box is made of whole cells, as the released scorer does it: 2 h + 1 of them along each axis around that
        of the truth, with h half the width in cells, rounded.
        """
        box = []
        for true, first, step, n_cells in zip(truth, self.first, self.step, self.values.shape, strict=True):
            middle, half = round((true - first) / step), round(width / step / 2)
            box.append(slice(*np.clip((middle - half, middle + half + 1), 0, n_cells)))
        return float(self.values[tuple(box)].sum())


def write_posterior(
    posterior: Posterior, folder: Path, team: str, data_set: str, *, overwrite: bool = False
) -> Path:
    """Write the cube of one data set, ``Team_PS1.fits``, whole or not at all, and return where it is.

    Parameters
    ----------
    posterior
        What is handed in.
    folder
        Where the file goes.
    team
        What its name begins with.
    data_set
        ``PS1``, ``PS2``, ``PS3`` or ``IM1``.
    overwrite
        Whether to replace a file that is there.

    Raises
    ------
    UsageError
        The name is no team's, or there is no such data set.
    OutputError
        The file exists or cannot be written.
    """
    from astropy.io import fits

    check_team(team)
    if data_set not in DATA_SETS:
        raise UsageError(
            f"{data_set!r} is no data set of the challenge. Choose one of {', '.join(DATA_SETS)}."
        )
    path = folder / f"{team}_{data_set}.fits"
    check_target(path, overwrite=overwrite)
    header = fits.Header()
    for axis, (name, first, step) in enumerate(
        zip(FRACTIONS, posterior.first, posterior.step, strict=True), start=1
    ):
        header[f"HIERARCH AXIS{axis}-FREQ"] = name
        header[f"CRPIX{axis}"], header[f"CRVAL{axis}"], header[f"CDELT{axis}"] = 1.0, first, step
    header["BTYPE"] = "Posterior Probability"
    header["COMMENT"] = (
        "CRVALn and AXISn-FREQ are of axis n - 1 of the array as numpy reads it, as the scorer takes it."
    )
    with atomic_file(path) as temporary:
        fits.PrimaryHDU(posterior.values, header).writeto(temporary)
    return path


def read_posterior(path: Path) -> Posterior:
    """Return the posterior in a file, in the order of the challenge's scorer.

    Raises
    ------
    InputError
        The file is no such cube, or its probabilities do not sum to 1.
    """
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what astropy warns of does no harm here
            values, header = fits.getdata(path, header=True)
        at_one, first, step = (
            [float(header[f"{word}{axis}"]) for axis in (1, 2, 3)] for word in ("CRPIX", "CRVAL", "CDELT")
        )
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        reason = (str(error).splitlines() or [""])[0].strip("\"'.")
        raise InputError(
            f"{shown(path)} is no posterior that can be read ({reason}); needed is a FITS cube with CRPIX, CRVAL and "
            "CDELT of its three axes."
        ) from error
    starts = [value + (1.0 - pixel) * width for value, pixel, width in zip(first, at_one, step, strict=True)]
    return Posterior(
        np.asarray(values, dtype=np.float64), (starts[0], starts[1], starts[2]), (step[0], step[1], step[2])
    )
