"""``tessellar simulate hi``: made-up HI galaxies in noise, of one of several populations."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.sky_writing import overwrite_option, write_sky
from tessellar.errors import UsageError

LOG_UNIFORM = "log-uniform"
_POPULATIONS = (LOG_UNIFORM, "mass-function", "sdc2")
_BOTH = (
    option(
        "--shape",
        metavar="Z,X,Y",
        reads=values.row_of(values.whole(1), length=3, words="128,192,192 (channels,x,y)"),
        about="Channels and pixels of the cube.  [default: 128,192,192]",
    ),
    option(
        "--seed",
        metavar="N",
        reads=values.whole(0),
        about="Chooses the noise and the galaxies.  [default: 0]",
    ),
    option(
        "--rms-jy",
        metavar="JY",
        reads=values.positive,
        about="Noise of a voxel, Jy/beam.  [default: 30e-6; that of MeerKAT for the other populations]",
    ),
    option(
        "--beam-arcsec",
        metavar="ARCSEC",
        reads=values.positive,
        about="FWHM of the beam.  [default: 11.2; 7 for the other populations]",
    ),
    option(
        "--pixel-arcsec", metavar="ARCSEC", reads=values.positive, about="Side of a pixel.  [default: 2.8]"
    ),
    option("--channel-hz", metavar="HZ", reads=values.positive, about="Width of a channel.  [default: 30e3]"),
    option(
        "--first-frequency-hz",
        metavar="HZ",
        reads=values.positive,
        about="Frequency of channel 0.  [default: 950e6]",
    ),
)
_ONE = (
    option(
        "--flux-range",
        metavar="LOW,HIGH",
        reads=values.row_of(values.positive, length=2, words="8,1500"),
        about="log-uniform: fluxes lie between these multiples of one rms times one channel.  [default: 8,1500]",
    ),
    option(
        "--n-sources",
        metavar="N",
        reads=values.whole(0),
        about="log-uniform: how many galaxies.  [default: 40 in 128 x 192 x 192 voxels, and as dense elsewhere]",
    ),
    click.option(
        "--touch-edges",
        is_flag=True,
        default=None,
        help="log-uniform: let the edge of the cube cut galaxies.",
    ),
)
_OTHER = (
    option(
        "--shapes",
        metavar="discs|atlas",
        reads=values.one_of("discs", "atlas"),
        about="Model discs that are warped, lopsided, thick; or the real galaxies of the challenge.  [default: discs]",
    ),
    option(
        "--density",
        metavar="X",
        reads=values.number(0, 100),
        about="How many times the galaxies that the population has in the field.  [default: 1]",
    ),
    option(
        "--satellites",
        metavar="X",
        reads=values.number(0, 20),
        about="Mean number of satellites of the brightest tenth of the galaxies.  [default: 0]",
    ),
    option(
        "--noise",
        metavar="NAME",
        reads=values.one_of("expected", "measured"),
        about="The challenge's formula for the noise, or times what MeerKAT measured.  [default: expected]",
    ),
    option(
        "--edge-noise",
        metavar="X",
        reads=values.number(1, 100),
        about="How many times the noise of the middle the corners have.  [default: 1.5]",
    ),
    option(
        "--rfi-channels",
        metavar="X",
        reads=values.number(0, 1),
        about="Share of the channels with 3 to 30 times the noise.  [default: 0]",
    ),
    option(
        "--continuum-residual",
        metavar="X",
        reads=values.number(0, 1),
        about="Share of the flux of continuum sources that their subtraction left.  [default: 0]",
    ),
    option(
        "--sdc2-data",
        metavar="DIR",
        reads=values.path,
        about="Folder with the challenge's public files: sky_dev_truthcat_v2.txt, atlas/, meerkat_excess_noise.txt.  "
        "[default: sdc2 in the folder that TESSELLAR_DATA names]",
    ),
)
_EVERYWHERE = (
    "shape",
    "seed",
    "rms_jy",
    "beam_arcsec",
    "pixel_arcsec",
    "channel_hz",
    "first_frequency_hz",
)
_LOG_UNIFORM = ("flux_range", "n_sources", "touch_edges")
_OF_GALAXIES = (
    "shapes",
    "density",
    "satellites",
    "noise",
    "edge_noise",
    "rfi_channels",
    "continuum_residual",
    "sdc2_data",
)


@click.command("hi")
@argument("out", "OUT")
@option(
    "--population",
    metavar="NAME",
    default=LOG_UNIFORM,
    reads=values.one_of(*_POPULATIONS),
    about="log-uniform: fluxes evenly from faint to bright. mass-function: the HI mass function with the sizes and "
    "speeds of its galaxies. sdc2: like the catalogue of SKA Data Challenge 2, which is read.",
)
@stacked(*_BOTH, *_ONE, *_OTHER)
@overwrite_option
@running_options
@watching_options
def hi(out: str, population: str, **options: Any) -> None:
    """Write a cube of rotating HI galaxies in beam-correlated noise to OUT (.fits or .zarr).

    The truth stands beside it as NAME.truth.ecsv: compare a run with it by `tessellar match RUN NAME.truth.ecsv`. The
    same seed gives the same sky. Fields of the populations mass-function and sdc2 look like SKA Data Challenge 2, have
    a second truth in its columns, NAME.truth.txt, and need no file: every command takes their address, such as
    'procedural://sdc2?shape=6668,643,643&population=sdc2' (quoted, because of the &), with the options here as keys.
    """
    given = {name: options.pop(name) for name in (*_EVERYWHERE, *_LOG_UNIFORM, *_OF_GALAXIES)}
    given = {name: value for name, value in given.items() if value is not None}
    write_sky(_sky(population, given), out, "{count} galaxies; their truth", options)


def _sky(population: str, given: dict[str, Any]) -> Any:
    alone = population == LOG_UNIFORM
    strange = [name for name in given if name in (_OF_GALAXIES if alone else _LOG_UNIFORM)]
    if strange:
        words = ", ".join(f"--{name.replace('_', '-')}" for name in strange)
        fitting = " or ".join(_POPULATIONS[1:] if alone else _POPULATIONS[:1])
        raise UsageError(
            f"{words} does not go with --population {population}, but with {fitting}. Leave it out, or choose that."
        )
    if alone:
        from tessellar.simulate.hi import HiSky

        return HiSky(**{"shape": (128, 192, 192), **given})
    from tessellar.simulate.sdc2.sky import Sdc2Sky

    return Sdc2Sky(population=population, **given)
