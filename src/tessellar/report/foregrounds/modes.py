"""The modes of a separation one by one: the spectrum of each and, where there is one, its map of the sky."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.model import DoubleArray, FloatArray
from tessellar.report.foregrounds.frequency_axes import plot_channels, shade_blank
from tessellar.report.foregrounds.separation_folder import ModeMaps, SeparationFolder, Spectra
from tessellar.report.markup import absent, panel, text
from tessellar.report.sky_axes import draw_sky, map_axes
from tessellar.report.svg import ACCENT, draw
from tessellar.report.words import metric, things

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.figure import Figure

MAX_SPECTRA = 12
"""Modes without maps that are shown."""

MAX_SIDE = 200
"""Pixels of a map: keeps the page small."""

_LEADING = 6  # eigenvectors that are shown where the method has no modes of its own
_SIDE, _MAP = 3.3, 2.0  # inches: width of a figure, and of the map in it
_LONGEST = 4.0  # side of a map over the other; beyond that pixels are not square
_ROBUST = (1.0, 99.0)  # percentiles between which lie the colours


def modes(run: SeparationFolder) -> str:
    """Return the panel."""
    if run.maps is not None:
        pictures = [_picture(run.maps, number, run.unit) for number in range(len(run.maps.amplitudes))]
        spectra = [_spectrum(run.spectra, number) for number in range(len(pictures))]
        figures = "".join(
            _figure(number, *views) for number, views in enumerate(zip(pictures, spectra, strict=True))
        )
        note = "Colours span 98 % of the pixels of a map. Above each map the spectrum that it goes with."
        return panel(
            "What was taken out", f'<div class="views three">{figures}</div>', note=note, extent="wide"
        )
    if run.spectra is None or not run.spectra.modes.shape[1]:
        return panel(
            "What was taken out", absent("This folder has no modes that can be read."), extent="wide"
        )
    return _without_maps(run, run.spectra)


def _without_maps(run: SeparationFolder, found: Spectra) -> str:
    own = "effective_modes" not in run.of("separation", default={})
    there = min(int(run.of("modes", default=0)), found.modes.shape[1]) if own else found.modes.shape[1]
    shown = min(there, MAX_SPECTRA if own else _LEADING)
    figures = "".join(_figure(number, "", _spectrum(found, number)) for number in range(shown))
    if own:
        title = "What was taken out"
        of_all = things(run.of("modes", default=shown), "mode")
        note = f"Spectra of {shown} of {of_all}. There are no maps: they are kept of 16 modes at most."
    else:
        title = "Leading eigenvectors of the cube"
        note = (
            "This method weakens all smooth spectra instead of taking out modes, so there are no maps of any; these "
            "are the spectra that hold most of the cube's variance."
        )
    return panel(title, f'<div class="views three">{figures}</div>', note=note, extent="wide")


def _figure(number: int, picture: str, spectrum: str) -> str:
    return f"<figure><figcaption>{text(f'Mode {number + 1}')}</figcaption>{spectrum}{picture}</figure>"


def _spectrum(found: Spectra | None, number: int) -> str:
    """Return the spectrum of a mode as SVG; nothing where it is not known."""
    if found is None or number >= found.modes.shape[1]:
        return ""
    values = found.modes[:, number]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axhline(0.0, color="#8892a8", linewidth=0.6)
        plot_channels(axes, found.megahertz, values, ACCENT)
        shade_blank(axes, found.megahertz, found.with_data)
        axes.set_xlabel("frequency (MHz)")
        axes.set_ylabel("spectrum")

    return draw(f"mode-{number}", f"Spectrum of mode {number + 1}", _SIDE, 1.55, paint)


def _picture(maps: ModeMaps, number: int, unit: str) -> str:
    """Return the map of a mode as SVG."""
    whole = maps.amplitudes[number]
    image = averaged(whole)
    low, high = limits(image)
    factor, shown = metric(max(abs(low), abs(high)), unit)
    painter = partial(
        _paint, image=factor * image, extent=whole.shape, colours=(factor * low, factor * high), label=shown
    )
    height = _MAP * min(max(whole.shape[1] / whole.shape[0], 0.45), 1.6) + 0.5
    return draw_sky(
        f"map-{number}", f"Map of mode {number + 1}", (_SIDE, height), painter, maps.header, key=True
    )


def _paint(
    figure: Figure,
    image: DoubleArray,
    extent: tuple[int, int],
    colours: tuple[float, float],
    label: str,
    *,
    wcs: WCS | None,
) -> None:
    axes: Any = map_axes(figure, wcs, decimal=True)
    picture = axes.imshow(
        image.T,
        origin="lower",
        extent=(-0.5, extent[0] - 0.5, -0.5, extent[1] - 0.5),
        cmap="coolwarm",
        vmin=colours[0],
        vmax=colours[1],
        interpolation="none",
        aspect="equal" if 1 / _LONGEST < extent[1] / extent[0] < _LONGEST else "auto",
    )
    bar = figure.colorbar(picture, ax=axes, pad=0.03)
    bar.set_label(f"amplitude ({label})" if label else "amplitude")
    bar.outline.set_visible(False)


def averaged(image: FloatArray) -> DoubleArray:
    """Return the map with at most `MAX_SIDE` pixels a side, each the mean of a block; NaN where all of it is blank."""
    block = -(-max(image.shape) // MAX_SIDE)
    n_l, n_m = (-(-n // block) for n in image.shape)
    padded = np.full((n_l * block, n_m * block), np.nan)
    padded[: image.shape[0], : image.shape[1]] = image
    blocks = padded.reshape(n_l, block, n_m, block)
    known = np.isfinite(blocks)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, blocks, 0.0).sum(axis=(1, 3)) / known.sum(axis=(1, 3)))


def limits(image: DoubleArray) -> tuple[float, float]:
    """Return the ends of the colours: about zero where a map has both signs, else about its middle."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return -1.0, 1.0
    low, high = (float(edge) for edge in np.percentile(finite, _ROBUST))
    middle = 0.0 if low < 0 < high else float(np.median(finite))
    reach = max(high - middle, middle - low) or abs(middle) or 1.0
    return middle - reach, middle + reach
