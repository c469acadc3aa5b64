"""``tessellar find``: from a cube to its catalogue."""

from __future__ import annotations

import shlex
from typing import Any

import click

from tessellar.cli.defaults import remarks_of
from tessellar.cli.failures import complain
from tessellar.cli.finder_options import finder_options
from tessellar.cli.options import argument, option, running_options, watching_options
from tessellar.cli.output import progress, show
from tessellar.cli.recipes import (
    deblending_of,
    dilation_of,
    finder_of,
    linker_of,
    look_of,
    preconditioning_of,
    products_of,
    reliability_of,
    running_of,
)
from tessellar.cli.values import path

SOME_TILES_FAILED = 1


@click.command("find")
@argument("cube", "CUBE")
@option("-o", "--out", metavar="RUN", required=True, reads=path, about="Folder of the run, made if need be.")
@finder_options
@running_options
@watching_options
def command(cube: str, out: str, **options: Any) -> int:
    """Find and measure the sources of CUBE; write catalogue, report and settings into the folder RUN.

    The catalogue does not depend on tiles, workers or interruptions. Repeat the command to resume a run that
    was stopped. CUBE is a FITS file (plain, .gz, .fz) or a Zarr image, its address (s3://BUCKET/cube.zarr,
    gs://, https://), or a made-up one: procedural://hi?shape=Z,X,Y&seed=0.
    """
    from tessellar.api import find_sources
    from tessellar.cli.summary import summary

    with progress(options) as observer:
        run = find_sources(
            cube,
            finder_of(options),
            linker=linker_of(options),
            reliability=reliability_of(options),
            look=look_of(options),
            dilation=dilation_of(options),
            deblending=deblending_of(options),
            products=products_of(options),
            preconditioning=preconditioning_of(options),
            remarks=remarks_of(click.get_current_context()),
            out=out,
            fresh=options["fresh"],
            observer=observer,
            **running_of(options),
        )
    if not options["quiet"]:
        show(summary(run))
    if run.complete:
        return 0
    words = click.get_current_context().obj
    again = shlex.join(["tessellar", *(word for word in words if word != "--fresh")])
    complain(f"{_failures(run.info)}; {_flagged(run.info)}. To try them again: {again}")
    return SOME_TILES_FAILED


def _flagged(info: dict[str, Any]) -> str:
    """Return in words how sources tell what failed."""
    names = {name for name, stage in info["stages"].items() if stage["failed"]}
    beside, unseen = "sources beside them carry flag 32", "those that were not looked at flag 128"
    if "look" not in names:
        return beside
    return unseen if names == {"look"} else f"{beside}, {unseen}"


def _failures(info: dict[str, Any]) -> str:
    """Return what failed, in words, with the reason of the first failure."""
    stages = {name: stage["failed"] for name, stage in info["stages"].items() if stage["failed"]}
    counts = " and ".join(
        f"{len(failed)} of {info['stages'][name]['n_units']} pieces of {name}"
        for name, failed in stages.items()
    )
    first = next(iter(stages.values()))[0]
    return f"{counts} failed (piece {first['unit']}: {first['reason'].rstrip('.')})"
