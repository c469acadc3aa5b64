"""Recipes by name: those that come with the program, and those that other packages add."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tessellar.errors import UsageError

EVERY_KIND = "tessellar.kernels"
"""The group of entry points for kernels of any kind; what a class has tells of which it is."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The recipes of one kind; each is a dataclass whose fields are its settings.

    Attributes
    ----------
    group
        Of entry points: what other packages add.
    homes
        Module and class of our own, by name.
    mark
        What classes of this kind have, and those of other kinds have not.
    """

    group: str
    homes: Mapping[str, tuple[str, str]]
    mark: str

    def names(self) -> tuple[str, ...]:
        """Return the names of all recipes, our own first."""
        added = sorted({point.name for point in self._added()} - set(self.homes))
        return (*self.homes, *added)

    def make(self, name: str, settings: Mapping[str, Any]) -> Any:
        """Return a recipe with settings, by its name.

        Raises
        ------
        UsageError
            There is no such recipe, or it has no such setting; the closest one is named.
        """
        recipe = self.class_of(name)
        known = {field.name for field in fields(recipe) if field.init}
        unknown = [_suggestion(key, known) for key in settings if key not in known]
        if unknown:
            raise UsageError(f"The kernel {name} has no such setting: {'; '.join(unknown)}.")
        return recipe(**settings)

    def setting_of(self, name: str, key: str, text: str) -> Any:
        """Return a setting that was written as text, as the type of the field's default.

        Raises
        ------
        UsageError
            There is no such recipe or setting, or the text is no such value.
        """
        defaults = {field.name: field.default for field in fields(self.class_of(name)) if field.init}
        if key not in defaults:
            raise UsageError(f"The kernel {name} has no such setting: {_suggestion(key, set(defaults))}.")
        return _value(key, text, defaults[key])

    def class_of(self, name: str) -> Any:
        """Return the class of a recipe.

        Raises
        ------
        UsageError
            There is no recipe of that name.
        """
        if name in self.homes:
            module, attribute = self.homes[name]
            return getattr(import_module(module), attribute)
        for point in self._added():
            if point.name == name:
                return point.load()
        raise UsageError(f"There is no kernel '{name}'. Choose one of {', '.join(self.names())}.")

    def _added(self) -> Iterator[EntryPoint]:
        """Yield what other packages add: to this group, and of this kind to that of all kernels."""
        yield from entry_points(group=self.group)
        for point in entry_points(group=EVERY_KIND):
            with suppress(Exception):  # a package that cannot be loaded may be of any kind
                if hasattr(point.load(), self.mark):
                    yield point


def settings_of(recipe: Any) -> dict[str, Any]:
    """Return the settings of a recipe that are not None, by name, as a file can hold them."""
    found = {field.name: getattr(recipe, field.name) for field in fields(recipe) if field.init}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value is not None
    }


def _suggestion(key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"'{key}', " + (f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}")


def _value(key: str, text: str, default: Any) -> Any:
    """Return text as a whole number, a number, a row of numbers, a switch or a word, as the default is."""
    words = text.strip()
    try:
        if words.lower() in ("none", "off"):
            return None
        if isinstance(default, bool):
            return {"true": True, "yes": True, "false": False, "no": False}[words.lower()]
        if isinstance(default, int):
            return int(words)
        if isinstance(default, tuple):
            return tuple(float(part) for part in words.split(","))
        if default is None or isinstance(default, float):
            return float(words)
    except (ValueError, KeyError):
        raise UsageError(f"{key} is '{text}', needed is a value like {default}.") from None
    return words
