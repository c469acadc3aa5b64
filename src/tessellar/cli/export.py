"""``tessellar export``: a finished run, laid out for other programs."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli.options import argument, option, watching_options
from tessellar.cli.output import progress, show
from tessellar.cli.values import path, words


@click.command("export")
@argument("run", "RUN")
@argument("out", "OUT")
@option(
    "--format",
    metavar="sofia|fits|sdc2|sdc3a",
    reads=words,
    required=True,
    about="sofia: catalogue, mask, maps and cubelets as SoFiA 2 names them; fits: a FITS table, mask and maps; sdc2: a "
    "submission to SKA Data Challenge 2; sdc3a: one to SKA Data Challenge 3a, of the powers that a separation found.",
)
@option(
    "--fit",
    metavar="CUBE",
    reads=path,
    about="With sdc2: the cube that was searched. A turning disc is fitted to every source in it, which gives better "
    "fluxes, sizes and angles.",
)
@click.option(
    "--second-look/--no-second-look",
    default=None,
    help="With --fit: a network corrects the fitted discs.  [default: where the run had a second look]",
)
@option(
    "--errors",
    metavar="FILE",
    reads=path,
    about="With sdc2: also write the errors of its columns, a table in ECSV: the challenge's own has no room for them.",
)
@option(
    "--team",
    metavar="NAME",
    default="Tessellar",
    reads=words,
    about="With sdc3a: what the names of its files begin with.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is an earlier export.")
@watching_options
def command(run: str, out: str, **options: Any) -> None:
    """Lay the finished run RUN out for other programs, in the new folder OUT; with sdc2 it is a text file.

    With sdc3a RUN is the folder of a separation, NAME.foregrounds.

    OUT appears when it is complete; repeat the command to resume an export that was stopped. What the run lacks, such
    as cubelets, is told and left out.
    """
    from tessellar.api import export

    names = ("format", "fit", "second_look", "errors", "team", "overwrite", "fresh")
    settings = {name: options[name] for name in names}
    with progress(options) as observer:
        done = export(run, out, observer=observer, **settings)
    if not options["quiet"]:
        show(f"{done} is complete.")
