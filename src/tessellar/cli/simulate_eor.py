"""``tessellar simulate eor``: a made-up low-frequency sky, to separate foregrounds from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.sky_writing import overwrite_option, write_sky

_PARTS = ("all", "sky", "foregrounds", "signal", "noise", "synchrotron", "freefree", "points")

# Option, what its value is called, its default, how it is read, and what it is.
_SETTINGS: tuple[tuple[str, str, Any, Callable[[Any], Any], str], ...] = (
    (
        "--shape",
        "Z,X,Y",
        "128,64,64",
        values.row_of(values.whole(1), length=3, words="128,64,64 (channels,x,y)"),
        "Channels and pixels of the cube.",
    ),
    ("--seed", "N", 0, values.whole(0), "Chooses everything that is drawn."),
    ("--part", "NAME", "all", values.one_of(*_PARTS), f"What the cube holds: {', '.join(_PARTS)}."),
    (
        "--half",
        "N",
        0,
        values.whole(0),
        "1 or 2 for one half of the observing time, with its own noise, √2 stronger; 0 for the whole.",
    ),
    ("--first-frequency-hz", "HZ", 151e6, values.positive, "Frequency of channel 0."),
    ("--channel-hz", "HZ", 1e5, values.positive, "Width of a channel."),
    ("--pixel-arcsec", "ARCSEC", 225.0, values.positive, "Side of a pixel."),
    ("--signal-mk", "MK", 5.0, values.positive, "Standard deviation of the 21-cm signal, mK."),
    ("--noise-mk", "MK", 2.5, values.number(0), "Noise of a voxel in the middle of the band, mK."),
    ("--noise-index", "X", 0.0, values.number(), "The noise follows this power of the frequency."),
    ("--hours", "H", 1000.0, values.positive, "Time on the field for --noise ska-low, hours."),
    (
        "--synchrotron-k",
        "K",
        330.0,
        values.number(0),
        "Mean synchrotron brightness in the middle of the band, K.",
    ),
    ("--synchrotron-spread", "X", 0.1, values.number(0), "Relative standard deviation of its map."),
    ("--synchrotron-index", "X", -2.55, values.number(), "Mean of the map of its spectral index."),
    ("--index-spread", "X", 0.1, values.number(0), "Standard deviation of that map."),
    ("--curvature", "X", -0.05, values.number(), "Mean of the map of its curvature."),
    ("--curvature-spread", "X", 0.02, values.number(0), "Standard deviation of that map."),
    ("--freefree-k", "K", 3.0, values.number(0), "Median free-free brightness in the middle of the band, K."),
    ("--freefree-spread", "X", 0.5, values.number(0), "Standard deviation of its logarithm."),
    ("--points-per-deg2", "N", 250.0, values.number(0), "Point sources in a square degree."),
    (
        "--points-jy",
        "LOW,HIGH",
        "2.7e-4,0.09",
        values.row_of(values.positive, length=2, words="2.7e-4,0.09"),
        "Lowest and highest flux in the middle of the band, Jy.",
    ),
    ("--points-slope", "X", 1.6, values.positive, "Their number falls as flux^-X."),
    (
        "--points-index",
        "X",
        -2.7,
        values.number(),
        "Mean of their spectral indices in brightness temperature.",
    ),
    ("--points-index-spread", "X", 0.2, values.number(0), "Standard deviation of these."),
    (
        "--beam-arcsec",
        "ARCSEC",
        0.0,
        values.number(0),
        "FWHM of the beam in the middle of the band; it blurs the sky, not the noise. 0 for none.",
    ),
    ("--sidelobe", "X", 0.0, values.number(), "Height of a ring of side lobes over the peak of the beam."),
    (
        "--rfi-fraction",
        "X",
        0.0,
        values.number(0, 1),
        "Share of the voxels that are lost to interference (NaN).",
    ),
    ("--rfi-channels", "X", 0.0, values.number(0, 1), "Share of the channels that are lost as a whole."),
)

_options = stacked(
    *(
        option(name, metavar=metavar, default=default, reads=reads, about=about)
        for name, metavar, default, reads, about in _SETTINGS
    ),
    click.option(
        "--chromatic", is_flag=True, help="Let the width of the beam be proportional to 1/frequency."
    ),
    option(
        "--noise",
        metavar="NAME",
        reads=values.one_of("ska-low"),
        about="ska-low: the thermal noise of SKA-Low (50 to 350 MHz) after --hours instead of --noise-mk, at the "
        "resolution of the beam or, without one, of a pixel.",
    ),
    option(
        "--noise-table",
        metavar="FILE",
        reads=values.path,
        about="Take the noise by frequency from a file instead: MHz and mK in two columns, or ECSV with the columns "
        "frequency and rms and their units (K or Jy/beam).",
    ),
    option(
        "--gsm",
        metavar="DIR",
        reads=values.path,
        about="Take the diffuse sky from the maps of the Global Sky Model 2016 in this folder (gsm2016_maps.txt, "
        "gsm2016_spectra.txt); needs the extra 'sky'.",
    ),
)


@click.command("eor")
@argument("out", "OUT")
@_options
@overwrite_option
@running_options
@watching_options
def eor(out: str, **options: Any) -> None:
    """Write a low-frequency sky of foregrounds, 21-cm signal and noise to OUT (.fits or .zarr), in kelvin.

    The truth stands beside it as NAME.truth.ecsv: the power spectrum of the signal in the bins of SKA Data Challenge
    3a, all settings, and the addresses of the parts. Such a cube needs no file: every command takes its address, such
    as 'procedural://eor?shape=901,2048,2048&pixel_arcsec=16&part=signal' (quoted, because of the &), with the options
    here as further keys.
    """
    from tessellar.simulate.eor.sky import EorSky

    names = [name.removeprefix("--").replace("-", "_") for name, *_ in _SETTINGS]
    settings = {name: options.pop(name) for name in (*names, "chromatic")}
    paths = {name: options.pop(name) for name in ("gsm", "noise_table")}
    settings |= {name: str(Path(path).absolute()) if path else "" for name, path in paths.items()}
    sky = EorSky(**settings, noise=options.pop("noise") or "")
    write_sky(sky, out, f"a low-frequency sky ({sky.part}); the power of its signal", options)
