"""``tessellar convert``: a cube from FITS to Zarr or back."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli.options import argument, running_options, watching_options
from tessellar.cli.output import progress, show


@click.command("convert")
@argument("cube", "IN")
@argument("out", "OUT")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@running_options
@watching_options
def command(cube: str, out: str, **options: Any) -> None:
    """Copy the cube IN into OUT: a FITS file (.fits) or a Zarr image (.zarr), without loss.

    OUT appears when it is complete; repeat the command to resume a copy that was stopped: what it had written is first
    compared with its digests. --tile is the size of one file of a Zarr image.
    """
    from tessellar.api import convert

    with progress(options) as observer:
        settings = {name: value for name, value in options.items() if name not in ("quiet", "log_json")}
        done = convert(cube, out, observer=observer, **settings)
    if not options["quiet"]:
        show(f"{done} is complete. What is in it: tessellar info {out}")
