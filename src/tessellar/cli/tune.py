"""``tessellar tune``: what this machine can do with a cube, and what to tell a run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from tessellar.cli.options import argument, option, running_options, telling_options
from tessellar.cli.output import progress, show
from tessellar.cli.recipes import running_of
from tessellar.cli.values import path

_COMMENT = "Proposed by: tessellar tune; use it with: tessellar find CUBE --out RUN --config tune.toml"


@click.command("tune")
@argument("cube", "CUBE")
@option("-o", "--out", metavar="F.toml", reads=path, about="Also write the proposal, for find --config.")
@option("--json", "json_file", metavar="F", reads=path, about="Also write all rates and predictions.")
@running_options
@telling_options
def command(cube: str, out: str | None, json_file: str | None, **options: Any) -> None:
    """Measure disk, decoding, search and network with samples of CUBE, and propose workers, tile and codec.

    It takes half a minute and writes nothing into CUBE. The rates are kept in the user's cache folder: later runs on
    cubes of this storage print how near they came to what disk and codec allow. --workers is the most to be proposed.
    """
    from tessellar.api import tune
    from tessellar.cli.tune_summary import summary
    from tessellar.config import settings_text
    from tessellar.io.outputs import JSON, TOML, check_outputs, check_small_file
    from tessellar.io.publish import write_text

    check_small_file(out, TOML)
    check_small_file(json_file, JSON)
    check_outputs([out, json_file], [cube])
    with progress(options) as observer:
        tuning = tune(cube, observer=observer, **running_of(options))
    settings = {**tuning.settings(), "address": options["address"], "memory": options["memory"]}
    if out is not None:
        write_text(Path(out), settings_text("find", settings, _COMMENT))
    if json_file is not None:
        write_text(Path(json_file), json.dumps(tuning.record(), indent=1) + "\n")
    if not options["quiet"]:
        show(summary(tuning))
        show(f"\n{_next_step(settings, cube, out)}")


def _next_step(settings: dict[str, Any], cube: str, out: str | None) -> str:
    """Return the command that does as proposed."""
    words = ["tessellar", "find", cube, "--out", "RUN"]
    if out is not None:
        return shlex.join([*words, "--config", out])
    for name, value in settings.items():
        if value is not None:
            words += [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join(words)
