"""The options that say what is done to the cube before it is searched; SoFiA's words, and by default nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from tessellar.cli import values
from tessellar.cli.options import option, stacked

T = TypeVar("T")

AUTO = ("off", "channels", "pixels", "true")
_RANGE = "0,99,0,99,0,49 (x,x,y,y,z,z)"
_pixels = values.row_of(values.whole(0), words=_RANGE)


def _or_off(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Return how a value is read that may be ``off``."""
    return lambda value: None if value == "off" else read(value)


def _auto(value: object) -> str:
    """Read what is flagged by itself; ``true`` and ``false`` as in SoFiA, also as TOML has them."""
    word = str(value).lower() if isinstance(value, bool) else value
    return "off" if word == "false" else values.one_of(*AUTO)(word)


precondition_options = stacked(
    option(
        "--region",
        metavar="X,X,Y,Y,Z,Z",
        reads=_or_off(values.row_of(values.whole(0), length=6, words=_RANGE)),
        about="Search this part of the cube only: first and last pixel of each axis. Positions stay those of the cube.",
    ),
    option(
        "--flag-region",
        metavar="X,X,Y,Y,Z,Z,…",
        reads=_or_off(_pixels),
        about="Blank these parts of the cube: six numbers for each of them, as for --region.",
    ),
    option(
        "--flag-catalog",
        metavar="FILE",
        reads=_or_off(values.path),
        about="Blank a disc around each position of a text file: longitude and latitude, degrees.",
    ),
    option(
        "--flag-radius",
        metavar="N",
        default=5,
        reads=values.whole(0, 10_000),
        about="Radius of the discs of --flag-catalog, pixels.",
    ),
    option(
        "--flag-cube",
        metavar="FILE",
        reads=_or_off(values.path),
        about="Blank the voxels where this cube, or this map for all channels, is not 0.",
    ),
    option(
        "--flag-auto",
        metavar="off|channels|pixels|true",
        default="off",
        reads=_auto,
        about="Blank channels, or pixels of the sky, or both (true), whose noise is far from that of the others.",
    ),
    option(
        "--flag-threshold",
        metavar="SIGMA",
        default=5.0,
        reads=values.positive,
        about="How far that is, in units of the spread of their noise.",
    ),
    option(
        "--contsub-order",
        metavar="-1|0|1",
        default=-1,
        reads=values.whole(-1, 1),
        about="Subtract continuum: 0 a constant from every spectrum, 1 a straight line; -1 is off.",
    ),
    option(
        "--contsub-threshold",
        metavar="SIGMA",
        default=2.0,
        reads=values.positive,
        about="Channels that stand out this much take no part in its fit, in units of the noise.",
    ),
    option(
        "--contsub-shift",
        metavar="N",
        default=4,
        reads=values.whole(1, 100_000),
        about="How far away the channels are that each is compared with.",
    ),
    option(
        "--contsub-padding",
        metavar="N",
        default=3,
        reads=values.whole(0, 100_000),
        about="Channels beside those, to either side, that take no part in the fit either.",
    ),
    option(
        "--ripple-filter",
        metavar="off|mean|median",
        default="off",
        reads=values.one_of("off", "mean", "median"),
        about="Subtract a local background: the mean or the median of a window that moves through the cube.",
    ),
    option(
        "--ripple-window-xy",
        metavar="N",
        default=31,
        reads=values.whole(1, 301),
        about="Size of the window on the sky, pixels.",
    ),
    option(
        "--ripple-window-z",
        metavar="N",
        default=15,
        reads=values.whole(1, 301),
        about="Size of the window along frequency, channels.",
    ),
    option(
        "--ripple-grid-xy",
        metavar="N",
        default=0,
        reads=values.whole(0, 301),
        about="Steps of the window on the sky, pixels; 0 is half the window.",
    ),
    option(
        "--ripple-grid-z",
        metavar="N",
        default=0,
        reads=values.whole(0, 301),
        about="Steps of the window along frequency, channels; 0 is half the window.",
    ),
    click.option(
        "--ripple-interpolate/--no-ripple-interpolate",
        default=False,
        help="Take the background linear between steps.  [default: no-ripple-interpolate]",
    ),
    option(
        "--scale-noise",
        metavar="product|local",
        default="product",
        reads=values.one_of("product", "local"),
        about="Noise is a spectrum times a map of the sky; local: and that of a window that moves through the cube.",
    ),
    option(
        "--scale-noise-window-xy",
        metavar="N",
        default=25,
        reads=values.whole(1, 301),
        about="Size of this window on the sky, pixels.",
    ),
    option(
        "--scale-noise-window-z",
        metavar="N",
        default=15,
        reads=values.whole(1, 301),
        about="Size of this window along frequency, channels.",
    ),
    option(
        "--scale-noise-grid-xy",
        metavar="N",
        default=0,
        reads=values.whole(0, 301),
        about="Its steps on the sky, pixels; 0 is half the window.",
    ),
    option(
        "--scale-noise-grid-z",
        metavar="N",
        default=0,
        reads=values.whole(0, 301),
        about="Its steps along frequency, channels; 0 is half the window.",
    ),
    click.option(
        "--scale-noise-interpolate/--no-scale-noise-interpolate",
        default=False,
        help="Take the local noise linear between steps.  [default: no-scale-noise-interpolate]",
    ),
    option(
        "--gain",
        metavar="FILE",
        reads=_or_off(values.path),
        about="Measure fluxes on the cube divided by this one, or by this map for all channels.",
    ),
    option(
        "--noise",
        metavar="FILE",
        reads=_or_off(values.path),
        about="Search the cube divided by its noise: a cube, or a map for all channels.",
    ),
    option(
        "--weights",
        metavar="FILE",
        reads=_or_off(values.path),
        about="Search the cube multiplied by the root of its weights: a cube, or a map for all channels.",
    ),
    click.option(
        "--invert/--no-invert",
        default=False,
        help="Change the sign of the cube, to search for absorption.  [default: no-invert]",
    ),
)
