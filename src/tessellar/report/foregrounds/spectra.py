"""The panels of a separation about channels: rms before and after, mean spectrum, eigenvalues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tessellar.kernels.foregrounds.pca import ABOVE_TAIL, tail_of
from tessellar.model import DoubleArray
from tessellar.report.foregrounds.frequency_axes import plot_channels, shade_blank
from tessellar.report.foregrounds.separation_folder import SeparationFolder, Spectra
from tessellar.report.markup import absent, panel
from tessellar.report.svg import ACCENT, MUTED, WARM, draw, label_decades
from tessellar.report.words import metric, significant, squared, things

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (3.4, 2.9)  # inches
_MARKED = 60  # eigenvalues that are points; more are a line
_NONE = "This folder has no separation.npz that can be read."
_BY_EIGENVECTORS = ("pca", "ica")  # these take out just the space of the leading eigenvectors


def spectra(run: SeparationFolder) -> str:
    """Return the panels with the spectra of the cube."""
    found = run.spectra
    if found is None:
        return panel("Rms by channel", absent(_NONE), extent="small") + panel(
            "Mean spectrum", absent(_NONE), extent="small"
        )
    blank = int((~found.with_data).sum())
    note = f"{things(blank, 'channel')} without data shaded." if blank else ""
    return panel("Rms by channel", _rms(found, run.unit), note=note, extent="small") + panel(
        "Mean spectrum", _mean(found, run.unit), note=note, extent="small"
    )


def eigenvalues(run: SeparationFolder) -> str:
    """Return the panel with the eigenvalues of the covariance of the channels."""
    if run.spectra is None or not (run.spectra.eigenvalues > 0).any():
        why = _NONE if run.spectra is None else "The covariance of the channels was not made, or is zero."
        return panel("Eigenvalues", absent(why), extent="small")
    values = run.spectra.eigenvalues
    whole = len(values) == run.spectra.used.sum()
    out = int(run.of("modes", default=0)) if run.kernel in _BY_EIGENVECTORS else 0
    tail = tail_of(values)[0] if run.kernel == "pca" and whole else None
    return panel(
        "Eigenvalues",
        _eigenvalues(values, out, tail, run.unit),
        note=_told(values, out, tail, whole=whole),
        extent="small",
    )


def _told(values: DoubleArray, out: int, tail: DoubleArray | None, *, whole: bool) -> str:
    total = float(np.maximum(values, 0.0).sum())
    if not out:
        return "Of the covariance of the channels. This method takes out other spectra than its eigenvectors."
    if not whole:
        return f"The leading {len(values)} only: of so many channels the covariance is not made."
    rest = float(np.maximum(values[out:], 0.0).sum()) / total
    words = f"The others hold {significant(rest)} of the variance."
    if tail is not None:
        words += (
            " The dashed line is the tail behind the foregrounds; the dotted one, twice as high, is "
            "what the last mode that modes=0 counts exceeds."
        )
    return words


def _eigenvalues(values: DoubleArray, out: int, tail: DoubleArray | None, unit: str) -> str:
    number = 1 + np.arange(len(values))
    left = values > 0
    left[:out] = False
    power = squared(unit)
    label = (
        f"eigenvalue {power}" if power.startswith("(") else f"eigenvalue ({power})" if power else "eigenvalue"
    )

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot(number[left], values[left], color=ACCENT, linewidth=1)
        points = left & (number <= _MARKED)
        axes.plot(number[points], values[points], "o", ms=3, color=ACCENT, label="left" if out else None)
        if out:
            axes.plot(number[:out], values[:out], "o", ms=5, color=WARM, label="taken out")
        if tail is not None:
            axes.plot(number[: len(tail)], np.exp(tail), "--", color=MUTED, linewidth=1, label="tail")
            axes.plot(number[: len(tail)], ABOVE_TAIL * np.exp(tail), ":", color=MUTED, linewidth=1)
        axes.set_xscale("log")
        axes.set_xlim(0.8, 1.25 * len(values))
        label_decades(axes.xaxis, len(values))
        _log(axes, values[values > 0])
        axes.set_xlabel("number of the mode")
        axes.set_ylabel(label)
        if out:
            axes.legend(frameon=False, fontsize="small")

    return draw("eigenvalues", "Eigenvalues of the covariance of the channels", *_SIZE, paint)


def _rms(found: Spectra, unit: str) -> str:
    known = np.concatenate([found.rms_before, found.rms_after])
    known = known[np.isfinite(known) & (known > 0)]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        plot_channels(axes, found.megahertz, _positive(found.rms_before), MUTED, "before")
        plot_channels(axes, found.megahertz, _positive(found.rms_after), ACCENT, "after")
        shade_blank(axes, found.megahertz, found.with_data)
        _log(axes, known)
        axes.set_xlabel("frequency (MHz)")
        axes.set_ylabel(f"rms ({unit})" if unit else "rms")
        axes.legend(frameon=False, fontsize="small")

    return draw("rms", "Rms of every channel before and after", *_SIZE, paint)


def _mean(found: Spectra, unit: str) -> str:
    finite = np.abs(found.mean_before[np.isfinite(found.mean_before)])
    factor, shown = metric(float(np.median(finite)) if finite.size else 0.0, unit)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        plot_channels(axes, found.megahertz, factor * found.mean_before, ACCENT)
        shade_blank(axes, found.megahertz, found.with_data)
        axes.set_xlabel("frequency (MHz)")
        axes.set_ylabel(f"mean ({shown})" if shown else "mean")

    return draw("mean", "Mean of every channel", *_SIZE, paint)


def _positive(values: DoubleArray) -> DoubleArray:
    return np.where(values > 0, values, np.nan)


def _log(axes: Axes, values: DoubleArray) -> None:
    """Make the vertical axis logarithmic over the values, a decade at least."""
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    high = max(high, 10 * low)
    axes.set_yscale("log")
    axes.set_ylim(low / 2, 2 * high)
    label_decades(axes.yaxis, high / low)
