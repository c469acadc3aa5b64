"""``tessellar plan``: what a run would do and need, before it begins."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli.defaults import remarks_of
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
    reliability_of,
    running_of,
)
from tessellar.cli.values import path


@click.command("plan")
@argument("cube", "CUBE")
@option("-o", "--out", metavar="RUN", reads=path, about="Accepted as for find; nothing is written.")
@finder_options
@running_options
@watching_options
def command(cube: str, **options: Any) -> None:
    """Print the tiles, the memory, the bytes and the time that finding sources in CUBE takes.

    The options are those of find; nothing is computed. A run that does not fit the memory is refused with
    what would make it fit.
    """
    from tessellar.api import plan
    from tessellar.engine.find.recipes import Recipes

    Recipes(linker=linker_of(options), reliability=reliability_of(options))  # refused as find refuses it
    with progress(options) as observer:
        for remark in remarks_of(click.get_current_context()):
            observer.say(remark)
    preconditioning = preconditioning_of(options)
    the_plan = plan(
        cube,
        finder_of(options),
        preconditioning=preconditioning,
        deblending=deblending_of(options),
        dilation=dilation_of(options),
        look=look_of(options),
        **running_of(options),
    )
    if not options["quiet"]:
        show(str(the_plan))
