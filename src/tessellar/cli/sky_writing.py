"""What the commands of ``tessellar simulate`` end with: a made-up sky is written, and what it holds is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tessellar.cli.output import progress, show

if TYPE_CHECKING:
    from tessellar.simulate.eor.sky import EorSky
    from tessellar.simulate.hi import HiSky
    from tessellar.simulate.procedural import ProceduralSky
    from tessellar.simulate.sdc2.sky import Sdc2Sky

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")


def write_sky(
    sky: HiSky | Sdc2Sky | ProceduralSky | EorSky, out: str, words: str, options: dict[str, Any]
) -> None:
    """Write a sky, and say what it holds: ``{count} galaxies; their truth``, with the rows of the truth table."""
    from tessellar.api import simulate
    from tessellar.simulate.truth import truth_path

    running = {name: value for name, value in options.items() if name not in ("quiet", "log_json")}
    with progress(options) as observer:
        truth = simulate(sky, out, observer=observer, **running)
    if not options["quiet"]:
        show(f"{out} holds {words.format(count=len(truth))} is in {truth_path(out)}.")
