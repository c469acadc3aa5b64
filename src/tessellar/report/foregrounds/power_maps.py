"""Power as cylindrical panels: k along the line of sight against k across it, one colour for each bin."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.engine.foregrounds.power_file import edges_of
from tessellar.model import DoubleArray
from tessellar.report.foregrounds.bins import PowerUnit, has_transfer
from tessellar.report.foregrounds.separation_folder import Bins
from tessellar.report.svg import MUTED, draw, label_decades, sky_colours

if TYPE_CHECKING:
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

Size = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """What a panel shows: numbers, array (k_par, k_perp), their title and unit, and the ends of the colours."""

    values: DoubleArray
    title: str
    unit: str
    ends: tuple[float, float]
    is_log: bool = True


def power_maps(number: int, bins: Bins, unit: PowerUnit, size: Size) -> list[str]:
    """Return the panels of a band as SVG.

    Parameters
    ----------
    number
        Tells the bands of a page apart.
    bins
        The band.
    unit
        In which power is shown.
    size
        Inches of a panel.
    """
    before, after, corrected, sigma = (
        unit.factor * bins[name] for name in ("power_before", "power_after", "power", "sigma")
    )
    known = has_transfer(bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        doubt = np.abs(sigma / corrected)
    left = _ends(np.concatenate([after, corrected]) if known else after)
    pictures = [
        _Picture(before, "before", unit.name, _ends(before)),
        _Picture(after, "after", unit.name, left),
    ]
    if known:
        transfer = bins["transfer"]
        top = max(1.0, float(np.nanmax(transfer)))
        pictures += [
            _Picture(corrected, "corrected", unit.name, left),
            _Picture(transfer, "transfer function", "", (0.0, min(top, 2.0)), is_log=False),
        ]
    pictures.append(_Picture(doubt, "error / power", "", _ends(doubt)))
    k_par, k_perp = edges_of(bins["k_par"][:, 0]), edges_of(bins["k_perp"][0])
    return [
        draw(
            f"power-{number}-{place}",
            f"Power by k_perp and k_par: {picture.title}",
            *size,
            partial(_paint, picture=picture, k_par=k_par, k_perp=k_perp),
        )
        for place, picture in enumerate(pictures)
    ]


def _paint(figure: Figure, picture: _Picture, k_par: DoubleArray, k_perp: DoubleArray) -> None:
    axes = figure.add_subplot()
    axes.grid(visible=False)
    shown = np.ma.masked_invalid(picture.values)
    if picture.is_log:
        shown = np.ma.masked_less_equal(shown, 0.0)
    extent = (k_perp[0], k_perp[-1], k_par[0], k_par[-1])
    image = axes.imshow(
        shown,
        origin="lower",
        extent=extent,
        aspect="auto",
        interpolation="none",
        cmap=sky_colours(),
        norm=_norm(picture),
    )
    if picture.is_log:
        _mark_negative(axes, picture.values, k_par, k_perp)
    axes.set_xlabel("k⊥ (h/cMpc)")
    axes.set_ylabel("k∥ (h/cMpc)")
    axes.set_title(picture.title, fontsize=9.5, loc="left")
    bar = figure.colorbar(image, ax=axes, pad=0.03)
    if picture.is_log:
        label_decades(bar.ax.yaxis, picture.ends[1] / picture.ends[0])
    if picture.unit:
        bar.set_label(picture.unit, fontsize=8)
    bar.outline.set_visible(False)


def _norm(picture: _Picture) -> Normalize:
    from matplotlib.colors import LogNorm, Normalize

    low, high = picture.ends
    return LogNorm(low, high) if picture.is_log else Normalize(low, high)


def _mark_negative(axes: Any, values: DoubleArray, k_par: DoubleArray, k_perp: DoubleArray) -> None:
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero(values <= 0)
    middle_par, middle_perp = (0.5 * (edges[1:] + edges[:-1]) for edges in (k_par, k_perp))
    axes.plot(middle_perp[columns], middle_par[rows], "_", color=MUTED, ms=6, scalex=False, scaley=False)


def _ends(values: DoubleArray) -> tuple[float, float]:
    """Return the ends of logarithmic colours: all positive values, a decade at least."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return 0.1, 1.0
    low, high = float(positive.min()), float(positive.max())
    return low, max(high, 10 * low)
