"""``tessellar simulate alma``: a made-up field of molecular gas behind the primary beam of ALMA."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.sky_writing import overwrite_option, write_sky

_SETTINGS = (
    "shape",
    "seed",
    "n_sources",
    "rms_jy",
    "beam_arcsec",
    "pixel_arcsec",
    "channel_hz",
    "first_frequency_hz",
    "rest_frequency_hz",
    "dish_m",
    "flux_range",
    "touch_edges",
)

_sky_options = stacked(
    option(
        "--shape",
        metavar="Z,X,Y",
        default="128,256,256",
        reads=values.row_of(values.whole(1), length=3, words="128,256,256 (channels,x,y)"),
        about="Channels and pixels of the cube.",
    ),
    option(
        "--seed", metavar="N", default=0, reads=values.whole(0), about="Chooses the noise and the galaxies."
    ),
    option(
        "--n-sources",
        metavar="N",
        reads=values.whole(0),
        about="How many galaxies.  [default: 20 in 128 x 256 x 256 voxels, and as dense elsewhere]",
    ),
    option("--rms-jy", metavar="JY", default=3e-4, reads=values.positive, about="Noise of a voxel, Jy/beam."),
    option("--beam-arcsec", metavar="ARCSEC", default=0.5, reads=values.positive, about="FWHM of the beam."),
    option("--pixel-arcsec", metavar="ARCSEC", default=0.1, reads=values.positive, about="Side of a pixel."),
    option("--channel-hz", metavar="HZ", default=10e6, reads=values.positive, about="Width of a channel."),
    option(
        "--first-frequency-hz",
        metavar="HZ",
        default=229.9e9,
        reads=values.positive,
        about="Frequency of channel 0.",
    ),
    option(
        "--rest-frequency-hz",
        metavar="HZ",
        default=230.538e9,
        reads=values.positive,
        about="Of the line; the default is CO(2-1).",
    ),
    option("--dish-m", metavar="M", default=12.0, reads=values.positive, about="Diameter of a dish."),
    option(
        "--flux-range",
        metavar="LOW,HIGH",
        default="8,1500",
        reads=values.row_of(values.positive, length=2, words="8,1500"),
        about="Fluxes before the primary beam lie between these multiples of one rms times one channel.",
    ),
    click.option("--touch-edges", is_flag=True, help="Let the edge of the cube cut galaxies."),
)


@click.command("alma")
@argument("out", "OUT")
@_sky_options
@overwrite_option
@running_options
@watching_options
def alma(out: str, **options: Any) -> None:
    """Write a field of rotating discs of molecular gas, as one pointing of ALMA sees it, to OUT (.fits or .zarr).

    Voxels are not corrected for the primary beam: noise is the same everywhere, and galaxies fade towards the edge. The
    truth stands beside it as NAME.truth.ecsv, with the response of the primary beam at each galaxy as column pb. The
    same seed gives the same sky.
    """
    from tessellar.simulate.alma import AlmaSky

    sky = AlmaSky(**{name: options.pop(name) for name in _SETTINGS})
    write_sky(sky, out, "{count} galaxies; their truth", options)
