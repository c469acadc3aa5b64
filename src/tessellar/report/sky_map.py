"""The sky map: everything that was found, summed over frequency, with an ellipse around each source."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.report.run_folder import Arrays
from tessellar.report.sky_axes import draw_sky, map_axes
from tessellar.report.svg import sky_colours

if TYPE_CHECKING:
    from astropy.table import QTable
    from astropy.wcs import WCS
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]

MAX_PIXELS = 700  # a side: keeps the page small
MAX_ELLIPSES = 2000
MAX_LABELS = 15
_SIZE = 2.6  # axis of a drawn ellipse over ``ell_maj``: it encloses nearly all of the flux
_AMBER = "#ffb454"


def sky_map(sky: Arrays, sources: QTable) -> str:
    """Return the map as SVG.

    Parameters
    ----------
    sky
        ``image`` float array (l, m), ``step`` cube pixels per map pixel, and perhaps ``wcs_header`` of the cube and
        ``origin``, the first pixel (l, m) of the map in it.
    sources
        Positive sources, the most significant first.
    """
    image, step = thinned(np.asarray(sky["image"], dtype=np.float32), int(sky.get("step", np.array(1))))
    width, height = _figure_size(image.shape[0], image.shape[1])
    title = "Map of the detected emission, with an ellipse around each source"
    origin = np.asarray(sky.get("origin", np.zeros(2)), dtype=np.float64)
    painter = partial(_paint, image=image, step=step, origin=origin, sources=sources)
    return draw_sky("sky", title, (width, height), painter, str(sky.get("wcs_header", "")))


def thinned(image: npt.NDArray[np.float32], step: int) -> tuple[npt.NDArray[np.float32], int]:
    """Return the map with at most `MAX_PIXELS` a side, each the brightest of a block, and its new step."""
    block = -(-max(image.shape) // MAX_PIXELS)
    if block == 1:
        return image, step
    n_l, n_m = (-(-n // block) for n in image.shape)
    padded = np.full((n_l * block, n_m * block), -np.inf, dtype=np.float32)
    padded[: image.shape[0], : image.shape[1]] = np.where(np.isnan(image), -np.inf, image)
    blocks = padded.reshape(n_l, block, n_m, block).max(axis=(1, 3))
    return np.where(np.isneginf(blocks), np.float32(np.nan), blocks), step * block


def _figure_size(n_l: int, n_m: int) -> tuple[float, float]:
    ratio = min(max(n_m / max(n_l, 1), 0.35), 1.6)
    width = 6.6 if ratio <= 1 else 6.6 / ratio
    return width + 0.8, width * ratio + 0.5


def _paint(
    figure: Figure,
    image: npt.NDArray[np.float32],
    step: int,
    origin: Numbers,
    sources: QTable,
    wcs: WCS | None,
) -> None:
    axes = map_axes(figure, wcs)
    x, y = origin - 0.5
    edges = (x, x + image.shape[0] * step, y, y + image.shape[1] * step)
    axes.imshow(
        _stretched(image).T,
        origin="lower",
        extent=edges,
        cmap=sky_colours(),
        vmin=0,
        vmax=1,
        interpolation="none",
        aspect="equal",
    )
    _ellipses(axes, sources, smallest=0.009 * max(image.shape) * step)
    axes.set_xlim(edges[:2])
    axes.set_ylim(edges[2:])


def _stretched(image: npt.NDArray[np.float32]) -> Numbers:
    """Return the map between 0 and 1, faint and bright both visible: an arcsinh stretch."""
    bright = image[np.isfinite(image) & (image > 0)]
    if bright.size == 0:
        return np.where(np.isfinite(image), 0.0, np.nan)
    low, high = float(np.percentile(bright, 30)), float(np.percentile(bright, 99.7))
    scale = max(low, high / 300, 1e-30)
    return np.asarray(np.arcsinh(np.maximum(image, 0) / scale) / np.arcsinh(high / scale), dtype=np.float64)


def _ellipses(axes: Any, sources: QTable, smallest: float) -> None:
    from matplotlib.collections import EllipseCollection

    shown = sources[:MAX_ELLIPSES]
    if len(shown) == 0 or not {"x", "y"} <= set(shown.colnames):
        return
    centres = np.stack([_numbers(shown, "x", np.nan), _numbers(shown, "y", np.nan)], axis=1)
    major = np.maximum(_SIZE * _numbers(shown, "ell_maj", 0.0), smallest)
    minor = np.maximum(_SIZE * _numbers(shown, "ell_min", 0.0), smallest)
    angle = 90 + _numbers(shown, "ell_pa", 0.0)
    ellipses = EllipseCollection(
        major,
        minor,
        angle,
        units="xy",
        offsets=centres,
        transOffset=axes.transData,
        facecolors="none",
        edgecolors=_AMBER,
        linewidths=1.0 if len(shown) <= 200 else 0.6,
    )
    axes.add_collection(ellipses)
    ellipses.set_clip_path(None)  # a path is looked up anew for each ellipse, a box is not
    ellipses.set_clip_box(axes.bbox)
    reach = _reach(major / 2, minor / 2, np.radians(angle - 45)) + 0.4 * smallest
    places = centres + reach[:, np.newaxis] * np.sqrt(0.5)
    for rank, (x, y) in enumerate(places[:MAX_LABELS], start=1):
        if np.isfinite(x + y):
            axes.text(x, y, str(rank), color=_AMBER, fontsize=8, clip_on=True)


def _reach(major: Numbers, minor: Numbers, angle: Numbers) -> Numbers:
    """Return the distance from the centre of an ellipse to its edge, at an angle from its major semi-axis."""
    return np.asarray(major * minor / np.hypot(minor * np.cos(angle), major * np.sin(angle)))


def _numbers(sources: QTable, name: str, otherwise: float) -> Numbers:
    """Return a column without its unit, with ``otherwise`` where it is absent or not finite."""
    if name not in sources.colnames:
        return np.full(len(sources), otherwise)
    values = np.asarray(getattr(sources[name], "value", sources[name]), dtype=np.float64)
    return np.where(np.isfinite(values), values, otherwise)
