"""What went wrong, as one line on standard error and an exit code; a traceback only for those who ask for it."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Sequence

import click
from click.core import ParameterSource

from tessellar.cli.defaults import place_of
from tessellar.cli.stopping import Terminated
from tessellar.errors import TessellarError
from tessellar.io.naming import shown

DEBUG = "TESSELLAR_DEBUG"
USAGE, STOPPED, INTERRUPTED, UNEXPECTED = 2, 75, 130, 70

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def exit_code_of(error: BaseException, words: Sequence[str] = ()) -> int:
    """Say what went wrong and return the exit code for it.

    Parameters
    ----------
    error
        What ended the command.
    words
        The command line.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    if os.environ.get(DEBUG):
        click.echo("".join(traceback.format_exception(error)), err=True)
    code, sentence = _explain(error)
    if code in (STOPPED, INTERRUPTED) and "--fresh" in words:
        sentence = sentence.replace("epeat the command", "epeat the command without --fresh")
    complain(sentence)
    return code


def complain(sentence: str) -> None:
    """Write an error on standard error, on one line whatever it holds."""
    line = shown(" ".join(sentence.split()))
    try:
        click.echo(f"tessellar: error: {line}", err=True)
    except OSError:  # nobody listens
        return


def _explain(error: BaseException) -> tuple[int, str]:
    if isinstance(error, click.ClickException):
        return error.exit_code, _usage(error)
    if isinstance(error, click.Abort):
        error = error.__cause__ or KeyboardInterrupt()
    if isinstance(error, Terminated):
        return STOPPED, "Stopped by SIGTERM. Repeat the command to resume."
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, str(error) or "Interrupted. Repeat the command to resume."
    if isinstance(error, TessellarError):
        return error.exit_code, str(error)
    if isinstance(error, MemoryError):
        return USAGE, (
            f"Memory ran out ({str(error) or 'nothing more could be allocated'}). "
            "Use fewer --workers, a smaller --tile or a smaller --memory, and repeat the command."
        )
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return USAGE, f"No space is left ({error}). Free some and repeat the command to resume."
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return (
            USAGE,
            f"{error.strerror}. Allow more of them, as with ulimit -n 1024, and repeat the command to resume.",
        )
    return UNEXPECTED, (
        f"Unexpected {type(error).__name__}: {error}. This is a defect of Tessellar: "
        f"set {DEBUG}=1 to see where it happened, and report it."
    )


def _usage(error: click.ClickException) -> str:
    """Return click's sentence, with the file that a wrong value stands in, or the way to the help."""
    text = error.format_message().rstrip(".") + "."
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return text
    parameter = error.param if isinstance(error, click.BadParameter) else None
    if parameter is None or parameter.name is None:
        return f"{text} See {context.command_path} --help."
    if context.get_parameter_source(parameter.name) is ParameterSource.DEFAULT_MAP:
        return f"{place_of(context, parameter.name)}: {text}"
    return text
