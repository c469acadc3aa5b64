"""``tessellar simulate``: made-up skies whose truth is known."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.simulate_alma import alma
from tessellar.cli.simulate_eor import eor
from tessellar.cli.simulate_hi import hi
from tessellar.cli.sky_writing import overwrite_option, write_sky

_SETTINGS = (
    "shape",
    "seed",
    "rms_jy",
    "beam_arcsec",
    "pixel_arcsec",
    "channel_hz",
    "first_frequency_hz",
    "flux_range",
    "kind",
    "sources_per_mvoxel",
)

_sampling_options = stacked(
    option(
        "--shape",
        metavar="Z,X,Y",
        default="128,192,192",
        reads=values.row_of(values.whole(1), length=3, words="128,192,192 (channels,x,y)"),
        about="Channels and pixels of the cube.",
    ),
    option(
        "--seed", metavar="N", default=0, reads=values.whole(0), about="Chooses the noise and the sources."
    ),
    option(
        "--rms-jy", metavar="JY", default=30e-6, reads=values.positive, about="Noise of a voxel, Jy/beam."
    ),
    option("--beam-arcsec", metavar="ARCSEC", default=11.2, reads=values.positive, about="FWHM of the beam."),
    option("--pixel-arcsec", metavar="ARCSEC", default=2.8, reads=values.positive, about="Side of a pixel."),
    option("--channel-hz", metavar="HZ", default=30e3, reads=values.positive, about="Width of a channel."),
    option(
        "--first-frequency-hz",
        metavar="HZ",
        default=950e6,
        reads=values.positive,
        about="Frequency of channel 0.",
    ),
    option(
        "--flux-range",
        metavar="LOW,HIGH",
        default="8,1500",
        reads=values.row_of(values.positive, length=2, words="8,1500"),
        about="Fluxes lie between these multiples of one rms times one channel.",
    ),
)


@click.group("simulate")
def command() -> None:
    """Write a made-up sky as a cube, and its truth as a table beside it."""


@command.command("procedural")
@argument("out", "OUT")
@_sampling_options
@option(
    "--kind",
    metavar="hi|noise",
    default="hi",
    reads=values.one_of("hi", "noise"),
    about="Sources in noise, or noise alone.",
)
@option(
    "--sources-per-mvoxel",
    metavar="N",
    default=4.0,
    reads=values.number(0),
    about="Sources in a million voxels, up to 7.6.",
)
@overwrite_option
@running_options
@watching_options
def procedural(out: str, **options: Any) -> None:
    """Write a procedural cube of simple sources in white noise to OUT (.fits or .zarr).

    Such a cube needs no file: every command takes its address in place of a path, such as
    'procedural://hi?shape=65536,8192,8192&seed=0' (quoted, because of the &), with the options here as further keys.
    This writes one out, and its truth beside it as NAME.truth.ecsv.
    """
    from tessellar.simulate.procedural import ProceduralSky

    sky = ProceduralSky(**{name: options.pop(name) for name in _SETTINGS})
    write_sky(sky, out, "{count} sources; their truth", options)


command.add_command(hi)
command.add_command(alma)
command.add_command(eor)
