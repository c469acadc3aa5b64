"""``tessellar convert``: a cube from FITS to Zarr or back."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, running_options, watching_options
from tessellar.cli.output import progress, show


@click.command("convert")
@argument("cube", "IN")
@argument("out", "OUT")
@option(
    "--codec",
    metavar="NAME",
    reads=values.one_of("zstd", "lz4", "none"),
    about="Of a Zarr image: zstd is smallest, lz4 is read faster, none fastest from fast disks.  [default: zstd]",
)
@option(
    "--keep-bits",
    metavar="N",
    reads=values.whole(1, 22),
    about="Round the voxels of a Zarr image to so many bits of mantissa; 7 cost 0.2 % of the noise.  [default: all]",
)
@option(
    "--lossy-noise-fraction",
    metavar="F",
    reads=values.number(0, 1),
    about="Or round them so that the error is at most this share of the noise (rms): 0.05.  [default: no error]",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@running_options
@watching_options
def command(cube: str, out: str, **options: Any) -> None:
    """Copy the cube IN into OUT: a FITS file (.fits) or a Zarr image (.zarr), without loss unless that is asked for.
    Voxels are float32 here: doubles and whole numbers beyond 16 million are rounded to that.

    OUT appears when it is complete; repeat the command to resume a copy that was stopped: what it had written is first
    compared with its digests. --tile is the size of one file of a Zarr image.
    """
    from tessellar.api import convert

    with progress(options) as observer:
        settings = {name: value for name, value in options.items() if name not in ("quiet", "log_json")}
        done = convert(cube, out, observer=observer, **settings)
    if not options["quiet"]:
        show(f"{done} is complete. What is in it: tessellar info {out}")
