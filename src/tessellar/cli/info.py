"""``tessellar info``: what is in a cube, and what its header does not say."""

from __future__ import annotations

import click

from tessellar.cli.options import argument
from tessellar.cli.output import show


@click.command("info")
@argument("cube", "CUBE")
def command(cube: str) -> None:
    """Say in words what a cube holds: axes, units, beam, noise, and what its header lacks.

    CUBE is a FITS file (plain, .gz, .fz; cube.fits[NAME] is an extension) or a Zarr image.
    """
    from tessellar.api import open_cube
    from tessellar.report.describe import describe

    show(describe(open_cube(cube)))
