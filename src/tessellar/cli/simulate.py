"""``tessellar simulate``: made-up skies whose truth is known."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, watching_options
from tessellar.cli.output import progress, show

_SKY = (
    "shape",
    "seed",
    "n_sources",
    "rms_jy",
    "beam_arcsec",
    "pixel_arcsec",
    "channel_hz",
    "first_frequency_hz",
    "flux_range",
    "touch_edges",
)


@click.group("simulate")
def command() -> None:
    """Write a made-up sky as a cube, and its truth as a catalogue beside it."""


@command.command("hi")
@argument("out", "OUT")
@option(
    "--shape",
    metavar="Z,X,Y",
    default="128,192,192",
    reads=values.row_of(values.whole(1), length=3, words="128,192,192 (channels,x,y)"),
    about="Channels and pixels of the cube.",
)
@option("--seed", metavar="N", default=0, reads=values.whole(0), about="Chooses the noise and the galaxies.")
@option(
    "--n-sources",
    metavar="N",
    reads=values.whole(0),
    about="How many galaxies.  [default: 40 in 128 x 192 x 192 voxels, and as dense elsewhere]",
)
@option("--rms-jy", metavar="JY", default=30e-6, reads=values.positive, about="Noise of a voxel, Jy/beam.")
@option("--beam-arcsec", metavar="ARCSEC", default=11.2, reads=values.positive, about="FWHM of the beam.")
@option("--pixel-arcsec", metavar="ARCSEC", default=2.8, reads=values.positive, about="Side of a pixel.")
@option("--channel-hz", metavar="HZ", default=30e3, reads=values.positive, about="Width of a channel.")
@option(
    "--first-frequency-hz",
    metavar="HZ",
    default=950e6,
    reads=values.positive,
    about="Frequency of channel 0.",
)
@option(
    "--flux-range",
    metavar="LOW,HIGH",
    default="8,1500",
    reads=values.row_of(values.positive, length=2, words="8,1500"),
    about="Fluxes lie between these multiples of one rms times one channel.",
)
@click.option("--touch-edges", is_flag=True, help="Let the edge of the cube cut galaxies.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@running_options
@watching_options
def hi(out: str, overwrite: bool, **options: Any) -> None:
    """Write a cube of rotating HI galaxies in beam-correlated noise to OUT (.fits or .zarr).

    The truth stands beside it as NAME.truth.ecsv: compare a run with it by `tessellar match RUN NAME.truth.ecsv`. The
    same seed gives the same sky.
    """
    from tessellar.api import simulate
    from tessellar.simulate.hi import HiSky
    from tessellar.simulate.truth import truth_path

    sky = HiSky(**{name: options[name] for name in _SKY})
    with progress(options) as observer:
        running = {name: value for name, value in options.items() if name not in (*_SKY, "quiet", "log_json")}
        truth = simulate(sky, out, overwrite=overwrite, observer=observer, **running)
    if not options["quiet"]:
        show(f"{out} holds {len(truth)} galaxies; their truth is in {truth_path(out)}.")
