"""A recipe in words: its settings with their defaults, as its documentation explains them."""

from __future__ import annotations

import re
from dataclasses import MISSING, Field, fields
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tessellar.model import CubeMeta

_COLUMN = 32
_WIDTH = 110


def recipe_words(name: str, recipe: Any, meta: CubeMeta | None = None) -> str:
    """Return what a recipe is, what can be set, and how far it looks in a cube.

    Parameters
    ----------
    name
        The word of the command line.
    recipe
        Its class, a dataclass.
    meta
        A cube, for the halo; None for a recipe without one.
    """
    said = documented_parameters(recipe.__doc__ or "")
    rows = [
        _row(f"--set {field.name}", _default(field), said.get(field.name, ""))
        for field in fields(recipe)
        if field.init
    ]
    if meta is not None:
        z, x, y = recipe().halo(meta).before
        rows.append(_row("halo", f"{z},{x},{y}", "Channels and pixels around a tile (defaults)."))
    first = (recipe.__doc__ or "").strip().splitlines() or [""]
    return "\n".join([f"{name}: {first[0]}", *rows])


def documented_parameters(text: str) -> dict[str, str]:
    """Return what a docstring says of each parameter, by name; ``a, b`` share their words."""
    section = re.search(r"Parameters\n\s+-{3,}\n(.*?)(?=\n\s*\n\s*\S+\n\s+-{3,}|\Z)", text, re.DOTALL)
    if section is None:
        return {}
    lines = section[1].splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    said: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) == margin:
            names = [name.strip() for name in line.split(":")[0].split(",")]
        elif line.strip():
            said |= {name: f"{said.get(name, '')} {line.strip()}".strip() for name in names}
    return said


def _row(name: str, default: str, about: str) -> str:
    head = f"  {name:<16} {default:<12}"
    plain = about.replace("``", "").replace("`", "")
    sentence = plain[:1].upper() + plain[1:]
    return (
        fill(sentence, _WIDTH, initial_indent=f"{head} ".ljust(_COLUMN), subsequent_indent=" " * _COLUMN)
        or head
    )


def _default(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING or value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
