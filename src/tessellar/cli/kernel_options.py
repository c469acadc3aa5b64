"""What commands that run one kernel over a cube share: its settings, settings from a file, and how to try again."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tessellar.cli import values
from tessellar.cli.defaults import make_defaults
from tessellar.cli.options import Command
from tessellar.cli.values import reader

if TYPE_CHECKING:
    from tessellar.kernels.registry import Registry

_NOT_IN_FILES = frozenset({"config", "out", "only_plan", "overwrite", "fresh", "quiet", "log_json", "help"})


def config_option(verb: str) -> Callable[[Command], Command]:
    """Return the option that reads the settings of an earlier run of a command."""

    def read(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        """Make the settings of a TOML file the defaults of the command's other options."""
        from tessellar.config import read_settings

        file = reader(values.path)(context, parameter, value)
        if file is not None:
            known = {str(param.name).rstrip("_") for param in context.command.params} - _NOT_IN_FILES
            settings = read_settings(Path(file), verb, known)
            named = {
                f"{name}_" if name == "set" else name: _rows(setting) for name, setting in settings.items()
            }
            make_defaults(context, named, {name: f"{file}, {name}" for name in named})

    return click.option(
        "--config",
        metavar="F.toml",
        is_eager=True,
        expose_value=False,
        callback=read,
        help="Settings of an earlier run (its run.toml); options given here win over it.",
    )


def _setting(context: click.Context, parameter: click.Parameter, value: Any) -> dict[str, Any]:
    """Return settings of the kernel, as text from the command line or typed from a file."""
    found: dict[str, Any] = {}
    for word in value or ():
        key, equals, setting = (
            (word[0], "=", word[1]) if isinstance(word, tuple) else str(word).partition("=")
        )
        if not equals:
            raise click.BadParameter(f"'{word}' is no setting. Write it like modes=4.", context, parameter)
        found[key.strip().replace("-", "_")] = setting
    return found


def _rows(setting: Any) -> Any:
    """Return the table of a kernel's settings as rows, for click takes an option that is repeated apart."""
    return list(setting.items()) if isinstance(setting, dict) else setting


set_option = click.option(
    "--set",
    "set_",
    metavar="KEY=VALUE",
    multiple=True,
    type=click.UNPROCESSED,
    callback=_setting,
    help="A setting of the kernel; may be given again. What there is: tessellar kernels NAME.",
)


def recipe_of(registry: Registry, options: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    """Return the kernel that ``--kernel`` and ``--set`` describe; ``more`` are settings with options of their own."""
    name = options["kernel"]
    typed = {
        key: registry.setting_of(name, key, value) if isinstance(value, str) else _typed(value)
        for key, value in options["set_"].items()
    }
    return registry.make(name, {**typed, **more})


def _typed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def retry_command() -> str:
    """Return the command that does again what failed."""
    anew = ["--overwrite", "--fresh"]
    words = [word for word in click.get_current_context().obj if word not in anew]
    return shlex.join(["tessellar", *words, *anew])
