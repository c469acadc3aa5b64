"""The program ``tessellar``: the list of its commands, and one place where everything that goes wrong ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from tessellar import __version__
from tessellar.cli.failures import exit_code_of
from tessellar.cli.stopping import stopped_by_sigterm

GROUPS = {
    "Cubes": ("info", "convert", "simulate"),
    "Sources": ("plan", "find", "kernels"),
    "Voxels": ("denoise", "foregrounds"),
    "21-cm cosmology": ("power",),
    "Networks": ("train",),
    "Results": ("report", "match", "score", "export"),
    "Program": ("demo", "doctor", "tune"),
}
COMMANDS = tuple(name for names in GROUPS.values() for name in names)

_NO_LOG = logging.NullHandler()


class Program(click.Group):
    """A group whose commands are modules of `tessellar.cli`, imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # the signature of click
        """Return the names of the commands, as an astronomer would meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"tessellar.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in groups, each with the beginning of its help."""
        room = formatter.width - 6 - max(map(len, COMMANDS))
        for title, names in GROUPS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, c.get_short_help_str(room)) for name, c in found if c], col_max=12)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command and exit: with its own code, or with that of the error that ended it."""
        words = tuple(sys.argv[1:] if args is None else args)
        logging.getLogger("tessellar").addHandler(
            logging.NullHandler()
        )  # sentences reach people by other ways
        try:
            with stopped_by_sigterm():
                settings = {"prog_name": "tessellar", **extra, "standalone_mode": False, "obj": words}
                code = super().main(words, *rest, **settings)
        except BaseException as error:
            code = exit_code_of(error, words)
        sys.exit(code or 0)


@click.group(
    "tessellar",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="tessellar")
def program() -> None:
    """Find sources in radio spectral cubes of any size: one tile at a time, with the answer of one piece.

    \b
    Begin with:  tessellar demo                   a made-up sky, its sources, a report
                 tessellar find CUBE --out RUN    your own cube, FITS or Zarr

    \b
    Exit codes:  0 done, 1 some tiles failed, 2 usage, 3 bad input, 75 stopped, 130 Ctrl-C
    """
