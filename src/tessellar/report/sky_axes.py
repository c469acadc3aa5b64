"""The axes of maps: the coordinates of the sky where the header of a cube has them, else pixels."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tessellar.report.svg import LINE, MUTED, draw

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.figure import Figure


class Painter(Protocol):
    """Fills a figure with maps."""

    def __call__(self, figure: Figure, *, wcs: WCS | None) -> object:
        """Draw on sky coordinates, or on pixels where there are none."""


def draw_sky(
    name: str, title: str, size: tuple[float, float], paint: Painter, header: str, *, key: bool = False
) -> str:
    """Return the SVG element of a figure with a map.

    Parameters
    ----------
    name, title, size
        As for `draw`.
    paint
        Fills the figure.
    header
        Of the cube.
    key
        Whether a colour bar stands beside the map.
    """
    layout: Literal["constrained", "compressed"] = "compressed" if key else "constrained"
    wcs = celestial(header)
    if wcs is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return draw(name, title, *size, partial(paint, wcs=wcs), layout)
        except Exception:  # an odd projection must not cost the whole report: show pixels instead
            wcs = None
    return draw(name, title, *size, partial(paint, wcs=None), layout)


def celestial(header: str) -> WCS | None:
    """Return the sky coordinates of a header, None where it has none that astropy can use."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    if not header.strip():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(Header.fromstring(header, sep="\n" if "\n" in header else "")).celestial
        except Exception:  # astropy raises many kinds here; without coordinates the map shows pixels
            return None
    return wcs if wcs.naxis == 2 else None


def map_axes(figure: Figure, wcs: WCS | None, place: Any = 111, *, decimal: bool = False) -> Any:
    """Return the axes of a map.

    Parameters
    ----------
    figure
        Where they are added.
    wcs
        Celestial coordinates; None for pixels.
    place
        In the figure, as matplotlib says it.
    decimal
        Whether angles are written in degrees, for small maps.
    """
    return _pixel_axes(figure, place) if wcs is None else _sky_axes(figure, wcs, place, decimal=decimal)


def _pixel_axes(figure: Figure, place: Any) -> Any:
    axes = figure.add_subplot(place)
    axes.set_xlabel("x (pixel)")
    axes.set_ylabel("y (pixel)")
    axes.grid(visible=False)
    return axes


def _sky_axes(figure: Figure, wcs: WCS, place: Any, *, decimal: bool) -> Any:
    from astropy.visualization.wcsaxes import WCSAxes

    axes: Any = figure.add_subplot(place, axes_class=WCSAxes, wcs=wcs)
    kinds = {
        "RA--": "Right ascension",
        "DEC-": "Declination",
        "GLON": "Galactic longitude",
        "GLAT": "Galactic latitude",
    }
    for coordinate, kind in zip(axes.coords, wcs.wcs.ctype, strict=True):
        words = kinds.get(kind[:4], kind[:4])
        coordinate.set_axislabel(f"{words} (deg)" if decimal else words, color=MUTED)
        coordinate.set_ticklabel(color=MUTED, exclude_overlapping=True)
        coordinate.set_ticks(color="#ffffff88")
        if decimal:
            coordinate.set_format_unit("deg", decimal=True, show_decimal_unit=False)
        elif kind.startswith("RA--"):
            coordinate.set_separator(("h", "m", "s"))  # astropy's own superscripts are mathematical markup
        coordinate.grid(color="#ffffff", alpha=0.13, linewidth=0.5)
    axes.coords.frame.set_color(LINE)
    return axes
