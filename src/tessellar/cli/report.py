"""``tessellar report``: the report of a finished run, written anew."""

from __future__ import annotations

import click

from tessellar.cli.options import argument, quiet_option
from tessellar.cli.output import show


@click.command("report")
@argument("run", "RUN")
@quiet_option
def command(run: str, *, quiet: bool) -> None:
    """Write RUN/report.html anew from what the folder of a finished run holds.

    RUN is what find was given as --out, or the folder NAME.foregrounds beside a clean cube.
    """
    from tessellar.api import report

    written = report(run)
    if not quiet:
        show(str(written))
