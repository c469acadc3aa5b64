"""Options that come from files: which file each of them stands in, and what of a file is not done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from tessellar.errors import UsageError

REMARKS = "tessellar.remarks"
_PLACES = "tessellar.places"


def make_defaults(context: click.Context, settings: Mapping[str, Any], places: Mapping[str, str]) -> None:
    """Make the settings of a file the defaults of a command's options.

    Parameters
    ----------
    settings
        Values by the names of the options, typed as in TOML.
    places
        File and name of each of them, for messages.

    Raises
    ------
    UsageError
        When another file gives one of them another value, or a switch is neither on nor off.
    """
    earlier = dict(context.default_map or {})
    known = context.meta.setdefault(_PLACES, {})
    clashes = [
        f"{known[name]} is {earlier[name]} and {places[name]} is {value}"
        for name, value in settings.items()
        if name in earlier and earlier[name] != value
    ]
    if clashes:
        raise UsageError(f"Two files disagree: {'; '.join(clashes)}. Give one of them.")
    for option in context.command.params:
        value = settings.get(option.name or "", False)
        if isinstance(option, click.Option) and option.is_flag and not isinstance(value, bool):
            raise UsageError(f"{places[option.name or '']} is {value!r}; it is a switch, true or false.")
    context.default_map = {**earlier, **settings}
    known.update(places)


def place_of(context: click.Context, name: str) -> str:
    """Return the file in which an option stands, and its name there."""
    return str(context.meta[_PLACES][name])


def remarks_of(context: click.Context) -> tuple[str, ...]:
    """Return what of the files is not done, in sentences."""
    remarks: tuple[str, ...] = context.meta.get(REMARKS, ())
    return remarks
