"""``tessellar info``: what is in a cube, what its header does not say, and whether it is unharmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tessellar.cli.options import argument, telling_options
from tessellar.cli.output import progress, show

if TYPE_CHECKING:
    from tessellar.model import Source


@click.command("info")
@argument("cube", "CUBE")
@click.option("--verify", is_flag=True, help="Look at all voxels where they are stored for damage.")
@telling_options
def command(cube: str, *, verify: bool, **options: Any) -> None:
    """Say in words what a cube holds: axes, units, beam, noise, and what its header lacks.

    CUBE is a FITS file (plain, .gz, .fz; cube.fits[NAME] is an extension) or a Zarr image, or the address of one
    (s3://BUCKET/cube.zarr, gs://, https://). With --verify each file of voxels of a Zarr image that Tessellar wrote
    is compared with its digest; all voxels of any other cube are read.
    """
    from tessellar.api import open_cube
    from tessellar.report.describe import describe

    source = open_cube(cube)
    found = [f"{_verified(source, options)}\n"] if verify else []
    found.append(describe(source))
    if not options["quiet"]:
        show("\n".join(found))


def _verified(source: Source, options: Mapping[str, Any]) -> str:
    from tessellar.api import verify
    from tessellar.errors import InputError

    with progress(options) as observer:
        verdict = verify(source, observer=observer)
    if verdict.damage:
        raise InputError(
            f"{len(verdict.damage)} of {verdict.n_pieces} pieces are damaged, the first of them: {verdict.damage[0]}"
        )
    if verdict.by_digest:
        return f"All {verdict.n_pieces} shards of voxels are what was written: their digests agree."
    return f"All {verdict.n_pieces} pieces can be read; there are no digests to compare them with."
