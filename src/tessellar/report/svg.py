"""Figures as inline SVG whose colours follow the page, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from math import floor, log10
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Matplotlib knows no style sheets: it draws with these stand-ins, which become the page's variables.
INK, MUTED, LINE, ACCENT, WARM = "#010203", "#010204", "#010205", "#010206", "#010207"
_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", WARM: "warm"}

SKY = ("#0b1026", "#1d2f6f", "#2c6db5", "#45c1bd", "#b9ecb4", "#fdfbe4")
"""The colours of maps, from nothing to bright."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a unit or a name may hold a dollar sign
    "font.size": 9.0,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "figure.facecolor": "none",
}


def draw(
    name: str,
    title: str,
    width: float,
    height: float,
    paint: Callable[[Figure], Any],
    layout: Literal["constrained", "compressed"] | None = "constrained",
) -> str:
    """Return the SVG element of a figure that ``paint`` fills.

    Parameters
    ----------
    name
        Different for each figure of a page; keeps their internal references apart.
    title
        What the figure shows, for readers who do not see it or rest their pointer there; plain text.
    width, height
        Size in inches at 72 units an inch; the page scales it.
    layout
        Who places the axes: matplotlib (``compressed`` is for maps of a fixed aspect), or ``paint`` where it is None.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout=layout)
        paint(figure)
        text = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(text, metadata={"Date": None})  # Figure.savefig would draw everything twice
    return _inline(text.getvalue(), title)


def sky_colours() -> Any:
    """Return the colour map of maps; blank pixels are transparent."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sky", SKY).with_extremes(bad=(0, 0, 0, 0))


def label_decades(axis: Axis, ratio: float) -> None:
    """Label a logarithmic axis in plain numbers or powers of ten, and between them where there is room.

    Parameters
    ----------
    axis
        Of matplotlib.
    ratio
        Of the largest to the smallest number on it.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_formatter(FuncFormatter(decade))
    axis.set_minor_locator(LogLocator(subs=(2, 5)))  # no more: each tick takes a millisecond
    axis.set_minor_formatter(FuncFormatter(decade) if ratio < 300 else NullFormatter())


def decade(value: float, _position: float = 0.0) -> str:
    """Return a power of ten as people write it; matplotlib's own labels are mathematical markup.

    Examples
    --------
    >>> decade(0.01), decade(1e-9), decade(1e13), decade(5e4)
    ('0.01', '10⁻⁹', '10¹³', '5×10⁴')
    """
    if value <= 0 or 1e-3 <= value < 1e4:
        return f"{value:g}"
    exponent = floor(log10(value) + 1e-9)
    digits = str(exponent).translate(_RAISED)
    times = value / 10.0**exponent
    return f"10{digits}" if abs(times - 1) < 1e-6 else f"{times:g}×10{digits}"


def _inline(document: str, title: str) -> str:
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", element)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element, count=1)
    said = escape(title, quote=True)
    element = re.sub(
        "<svg([^>]*)>",
        lambda tag: f'<svg role="img" aria-label="{said}"{tag[1]}><title>{said}</title>',
        element,
        count=1,
    )
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, f"var(--{variable})")
    return element
