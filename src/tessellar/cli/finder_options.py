"""The options of the finder; their names are those of ``run.toml``, which can be given in their place."""

from __future__ import annotations

from pathlib import Path

import click

from tessellar.cli import values
from tessellar.cli.defaults import REMARKS, make_defaults
from tessellar.cli.options import option, stacked
from tessellar.cli.precondition_options import precondition_options
from tessellar.cli.values import reader

NOT_IN_FILES = frozenset({"config", "sofia", "out", "fresh", "quiet", "log_json", "help"})

_pixels = values.row_of(values.number(0, 100), words="0,3,6")
_channels = values.row_of(values.whole(0, 1000), words="0,3,7,15")


def _cubelets(value: object) -> int | None:
    """Read a number of sources, or None for ``all``."""
    return None if value == "all" else values.whole(0)(value)


def _probability_or_auto(value: object) -> float | None:
    """Read a probability, or None for ``auto``."""
    return None if value == "auto" else values.number(0, 1)(value)


def _channels_or_auto(value: object) -> int | None:
    """Read a number of channels, or None for ``auto``."""
    return None if value == "auto" else values.whole(1, 1000)(value)


def _reliability(value: object) -> float | None:
    """Read a probability, or None for ``off``."""
    return None if value == "off" else values.number(0, 1)(value)


def _look(value: object) -> str | None:
    """Read a network, or None for ``off``."""
    return None if value == "off" else values.path(value)


def _read_config(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Make the settings of a TOML file the defaults of the command's other options."""
    from tessellar.config import read_settings

    file = reader(values.path)(context, parameter, value)
    if file is not None:
        known = {str(param.name) for param in context.command.params} - NOT_IN_FILES
        settings = read_settings(Path(file), "find", known)
        make_defaults(context, settings, {name: f"{file}, {name}" for name in settings})


def _read_sofia(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Make what a SoFiA parameter file asks for the defaults of the command's other options."""
    from tessellar.config import read_sofia

    file = reader(values.path)(context, parameter, value)
    if file is not None:
        found = read_sofia(Path(file))
        make_defaults(
            context, found.settings, {option: f"{file}, {name}" for option, name in found.names.items()}
        )
        context.meta[REMARKS] = found.remarks


finder_options = stacked(
    click.option(
        "--config",
        metavar="F.toml",
        is_eager=True,
        expose_value=False,
        callback=_read_config,
        help="Settings of an earlier run (its run.toml); options given here win over it.",
    ),
    click.option(
        "--sofia",
        metavar="F.par",
        is_eager=True,
        expose_value=False,
        callback=_read_sofia,
        help="Parameters of SoFiA 2; options given here win over them. What is not supported is told.",
    ),
    option(
        "--finder",
        metavar="NAME",
        default="smooth-and-clip",
        reads=values.one_of("smooth-and-clip", "unet", "both"),
        about="smooth-and-clip; unet: a trained network; or both: what either of them detects.",
    ),
    option(
        "--network",
        metavar="NAME|FILE",
        default="hi-unet-s",
        reads=values.path,
        about="With --finder unet or both: the network, or a .safetensors file that `tessellar train` wrote.",
    ),
    option(
        "--precision",
        metavar="NAME",
        default="float32",
        reads=values.one_of("float32", "bfloat16"),
        about="With --finder unet or both: bfloat16 is faster where the processor has it, and rounds to 3 digits.",
    ),
    option(
        "--probability",
        metavar="P|auto",
        default="auto",
        reads=_probability_or_auto,
        about="With --finder unet or both: voxels above it are detected; auto is what the network's card advises.",
    ),
    option(
        "--threshold",
        metavar="SIGMA",
        default=5.0,
        reads=values.positive,
        about="Detection threshold, in units of the noise at each smoothing scale.",
    ),
    option(
        "--kernels-xy",
        metavar="W,W,…",
        default="0,3,6",
        reads=_pixels,
        about="Smoothing on the sky: FWHM of Gaussians, pixels; 0 is none.",
    ),
    option(
        "--kernels-z",
        metavar="W,W,…",
        default="0,3,7,15",
        reads=_channels,
        about="Smoothing along frequency: widths of boxcars, channels; 0 is none.",
    ),
    option(
        "--replacement",
        metavar="SIGMA",
        default=2.0,
        reads=values.number(0),
        about="Detected voxels are smoothed as if they were this many times the noise.",
    ),
    option(
        "--linker-radius-xy",
        metavar="N",
        default=1,
        reads=values.whole(1, 1000),
        about="Detected voxels this near on the sky make one source, pixels.",
    ),
    option(
        "--linker-radius-z",
        metavar="N",
        default=1,
        reads=values.whole(1, 1000),
        about="The same along frequency, channels.",
    ),
    option(
        "--linker-min-size-xy",
        metavar="N",
        default=5,
        reads=values.whole(0, 1000),
        about="Smallest extent of a source along each axis of the sky, pixels.",
    ),
    option(
        "--linker-min-size-z",
        metavar="N",
        default=5,
        reads=values.whole(0, 1000),
        about="Smallest extent of a source along frequency, channels.",
    ),
    option(
        "--linker-min-pixels",
        metavar="N",
        default=1,
        reads=values.whole(1),
        about="Smallest number of voxels of a source.",
    ),
    option(
        "--linker-shape",
        metavar="ellipsoid|box",
        default="ellipsoid",
        reads=values.one_of("ellipsoid", "box"),
        about="Shape of the linking neighbourhood; at radius 1 it has 6 or 26 voxels.",
    ),
    option(
        "--linker-max-size-xy",
        metavar="N",
        default=0,
        reads=values.whole(0),
        about="Largest extent of a source along each axis of the sky, pixels; 0 is any.",
    ),
    option(
        "--linker-max-size-z",
        metavar="N",
        default=0,
        reads=values.whole(0),
        about="Largest extent of a source along frequency, channels; 0 is any.",
    ),
    option(
        "--linker-max-pixels",
        metavar="N",
        default=0,
        reads=values.whole(0),
        about="Largest number of voxels of a source; 0 is any.",
    ),
    option(
        "--linker-min-fill",
        metavar="PART",
        default=0.0,
        reads=values.number(0, 1),
        about="Least part of its bounding box that a source fills.",
    ),
    option(
        "--linker-max-fill",
        metavar="PART",
        default=0.0,
        reads=values.number(0, 1),
        about="Largest part of its bounding box that a source fills; 0 is any.",
    ),
    click.option(
        "--keep-negative/--no-keep-negative",
        default=False,
        help="List detections of negative flux too; not with --reliability.  [default: no-keep-negative]",
    ),
    option(
        "--reliability",
        metavar="0.9|off",
        default="off",
        reads=_reliability,
        about="Keep sources that are real with this probability, judged by the negative detections; off keeps all.",
    ),
    option(
        "--reliability-scale-kernel",
        metavar="W",
        default=0.4,
        reads=values.positive,
        about="Smoothing of the densities of detections, in units of the spread of the negative ones.",
    ),
    option(
        "--reliability-min-snr",
        metavar="SNR",
        default=3.0,
        reads=values.number(0),
        about="With --reliability: smallest integrated signal-to-noise ratio of a source.",
    ),
    option(
        "--second-look",
        metavar="NAME|FILE|off",
        default="off",
        reads=_look,
        about="A network looks at each candidate, and its probability is the reliability: hi-look-s, or a .safetensors "
        "file. It knows only skies like those it was trained on, so it is off unless asked for.",
    ),
    click.option(
        "--deblend/--no-deblend",
        default=False,
        help="Separate sources that hold several galaxies.  [default: no-deblend]",
    ),
    option(
        "--deblend-contrast",
        metavar="PART",
        default=0.5,
        reads=values.number(0, 1),
        about="With --deblend: the saddle between two parts is no higher than this part of the lower summit.",
    ),
    option(
        "--deblend-prominence",
        metavar="SIGMA",
        default=4.0,
        reads=values.positive,
        about="With --deblend: the lower summit rises this far above the saddle, in units of the noise.",
    ),
    option(
        "--deblend-channels",
        metavar="N|auto",
        default="auto",
        reads=_channels_or_auto,
        about="With --deblend: smoothing that fills the gap between the horns of a galaxy, channels; auto is 65 km/s.",
    ),
    click.option(
        "--dilation/--no-dilation",
        default=False,
        help="Grow the masks of sources while their flux gains.  [default: no-dilation]",
    ),
    option(
        "--dilation-iterations-xy",
        metavar="N",
        default=10,
        reads=values.whole(0, 20),
        about="With --dilation: most rings of one pixel that a mask gains on the sky.",
    ),
    option(
        "--dilation-iterations-z",
        metavar="N",
        default=5,
        reads=values.whole(0, 20),
        about="With --dilation: most channels that a mask gains at either end.",
    ),
    option(
        "--dilation-threshold",
        metavar="PART",
        default=0.001,
        reads=values.number(),
        about="With --dilation: a ring is added while it raises the flux by more; below 0, all are.",
    ),
    click.option(
        "--mask/--no-mask", default=True, help="Write the cube of labels, mask.zarr.  [default: mask]"
    ),
    click.option(
        "--maps/--no-maps", default=True, help="Write moment maps of the whole field.  [default: maps]"
    ),
    option(
        "--cubelets",
        metavar="N|all",
        default=100,
        reads=_cubelets,
        about="How many sources get cubelets, spectra and maps of their own, the brightest first.",
    ),
    option(
        "--cubelet-margin",
        metavar="N",
        default=10,
        reads=values.whole(0, 1000),
        about="Voxels around a source that its cubelet shows.",
    ),
    click.option(
        "--cubelet-packs/--no-cubelet-packs",
        default=False,
        help="Pack the files of 64 sources into one zip file, for very many.  [default: no-cubelet-packs]",
    ),
    click.option(
        "--report/--no-report",
        default=True,
        help="Write report.html at the end; tessellar report RUN does it later.  [default: report]",
    ),
    precondition_options,
)
