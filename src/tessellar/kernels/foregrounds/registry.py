"""Separations by name: those that come with the program, and those that other packages add."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.separated import Separation

ENTRY_POINTS = "tessellar.foregrounds"

_HOMES = {
    "pca": ("tessellar.kernels.foregrounds.pca", "PCA"),
    "poly": ("tessellar.kernels.foregrounds.polynomial", "Polynomial"),
    "ica": ("tessellar.kernels.foregrounds.ica", "FastICA"),
    "gmca": ("tessellar.kernels.foregrounds.gmca", "GMCA"),
    "gpr": ("tessellar.kernels.foregrounds.gpr", "GaussianProcess"),
}


def separation_names() -> tuple[str, ...]:
    """Return the names of all separations, our own first."""
    added = sorted({point.name for point in entry_points(group=ENTRY_POINTS)} - set(_HOMES))
    return (*_HOMES, *added)


def separation_of(name: str, settings: Mapping[str, Any]) -> Separation:
    """Return a separation with settings, by its name.

    Parameters
    ----------
    name
        ``pca``, ``poly``, ``ica``, ``gmca``, ``gpr``, or what an entry point of the group ``tessellar.foregrounds``
        is called: a class with fields, as `Separation` describes it.
    settings
        Values by the names of its fields.

    Raises
    ------
    UsageError
        There is no such separation, or it has no such setting; the closest one is named.
    """
    recipe = _class_of(name)
    known = {field.name for field in fields(recipe) if field.init}
    unknown = [_suggestion(key, known) for key in settings if key not in known]
    if unknown:
        raise UsageError(f"The kernel {name} has no such setting: {'; '.join(unknown)}.")
    made: Separation = recipe(**settings)
    return made


def setting_of(name: str, key: str, text: str) -> Any:
    """Return a setting that was written as text, as the type of the field's default.

    Raises
    ------
    UsageError
        There is no such separation or setting, or the text is no such value.
    """
    defaults = {field.name: field.default for field in fields(_class_of(name)) if field.init}
    if key not in defaults:
        raise UsageError(f"The kernel {name} has no such setting: {_suggestion(key, set(defaults))}.")
    return _value(key, text, defaults[key])


def _class_of(name: str) -> Any:
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return point.load()
    raise UsageError(f"There is no kernel '{name}'. Choose one of {', '.join(separation_names())}.")


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
