"""``tessellar report``: the report of a finished run, written anew."""

from __future__ import annotations

import click

from tessellar.cli.options import argument
from tessellar.cli.output import show


@click.command("report")
@argument("run", "RUN")
def command(run: str) -> None:
    """Write RUN/report.html anew from what the folder of a finished run holds.

    RUN is what find was given as --out, or the folder NAME.foregrounds beside a clean cube.
    """
    from tessellar.api import report

    show(str(report(run)))
