"""The figures of the report of a denoised cube."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.report.svg import ACCENT, MUTED, WARM, draw
from tessellar.report.words import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]

_SIZE = (5.2, 2.9)  # inches
_WIDE = (10.8, 2.6)


def noise_before_and_after(
    before: Numbers, after: Numbers, values: Numbers, unit: str, axis: tuple[float, str]
) -> str:
    """Return the noise of every channel of both cubes as SVG.

    Parameters
    ----------
    before, after
        Arrays (frequency) in ``unit``.
    values
        Centre of every channel, array (frequency).
    axis
        What to multiply ``values`` by, and the name of the axis after that.
    """
    known = before[before > 0]
    factor, shown = metric(float(np.median(known)) if known.size else 0.0, unit)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        marker = "o" if len(values) == 1 else None
        for noise, colour, label in ((before, MUTED, "before"), (after, ACCENT, "after")):
            shown_noise = np.where(noise > 0, noise * factor, np.nan)
            axes.plot(values * axis[0], shown_noise, color=colour, linewidth=1.3, label=label, marker=marker)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(axis[1])
        axes.set_ylabel(f"noise ({shown})" if shown else "noise")
        axes.legend(frameon=False)

    return draw("denoise-noise", "Noise of every channel before and after", *_SIZE, paint)


def residual_histogram(bins: Numbers, residual: Numbers, output: Numbers) -> str:
    """Return how what was taken out is distributed, beside a Gaussian and beside what is left, as SVG.

    Parameters
    ----------
    bins
        Centres in units of the noise, array (bin).
    residual, output
        Voxels in each, arrays (bin).
    """

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        width = float(bins[1] - bins[0])
        gaussian = residual.sum() * width * np.exp(-0.5 * bins**2) / np.sqrt(2.0 * np.pi)
        axes.plot(
            bins, np.where(gaussian >= 0.5, gaussian, np.nan), color=MUTED, linewidth=1.2, label="Gaussian"
        )
        for counts, colour, label in ((output, WARM, "left"), (residual, ACCENT, "taken out")):
            # the bins at the ends hold all that is beyond
            inside = np.where(counts > 0, counts, np.nan)[1:-1]
            axes.step(bins[1:-1], inside, color=colour, linewidth=1.2, where="mid", label=label)
        if residual.sum() + output.sum() > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("value (noise of the cube)")
        axes.set_ylabel("voxels")
        axes.legend(frameon=False)

    return draw("denoise-histogram", "Distribution of what was taken out", *_SIZE, paint)


def correlations(lags: npt.NDArray[np.int64], before: Numbers, residual: Numbers) -> str:
    """Return the correlation of neighbours in the cube and in what was taken out of it as SVG.

    Parameters
    ----------
    lags
        Offsets (frequency, l, m), int64 array (lag, 3).
    before, residual
        Arrays (lag).
    """

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, axis, label in ((left, 1, "pixels apart along x"), (right, 0, "channels apart")):
            along = (
                (lags[:, axis] > 0) & (np.delete(lags, axis, axis=1) == 0).all(axis=1) & (lags[:, axis] <= 16)
            )
            for found, colour, name in ((before, MUTED, "cube"), (residual, ACCENT, "taken out")):
                axes.plot(lags[along, axis], found[along], color=colour, marker="o", markersize=3, label=name)
            axes.set_xlabel(label)
        left.set_ylabel("correlation")
        left.legend(frameon=False)

    return draw("denoise-correlation", "Correlation of neighbours", *_SIZE, paint)


def spectra(
    places: npt.NDArray[np.int64], firsts: npt.NDArray[np.int64], before: Numbers, after: Numbers, unit: str
) -> str:
    """Return the spectra of the brightest voxels before and after as SVG.

    Parameters
    ----------
    places
        Voxels (frequency, l, m), int64 array (spectrum, 3).
    firsts
        First channel of each, int64 array (spectrum).
    before, after
        Arrays (spectrum, channel) in ``unit``.
    """
    factor, shown = metric(float(np.nanmax(np.abs(before))) if np.isfinite(before).any() else 0.0, unit)

    def paint(figure: Figure) -> None:
        for number, axes in enumerate(np.atleast_1d(figure.subplots(1, len(places)))):
            channels = firsts[number] + np.arange(before.shape[1])
            axes.step(
                channels, before[number] * factor, color=MUTED, linewidth=0.8, where="mid", label="before"
            )
            axes.step(
                channels, after[number] * factor, color=ACCENT, linewidth=1.4, where="mid", label="after"
            )
            axes.set_title(f"x {places[number, 1]}, y {places[number, 2]}", fontsize=9)
            axes.set_xlabel("channel")
            if number == 0:
                axes.set_ylabel(shown or "value")
                axes.legend(frameon=False)

    return draw("denoise-spectra", "Spectra of the brightest voxels", *_WIDE, paint)
