"""``tessellar kernels``: finders, denoisers and separations, what they can be told, and how far they look."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

import click

from tessellar.cli.kernel_words import recipe_words
from tessellar.cli.options import argument
from tessellar.cli.output import show
from tessellar.cli.values import words
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.model import CubeMeta

_LARGE = (10**6, 10**6, 10**6)


@click.command("kernels")
@argument("name", "[NAME]", words, required=False)
def command(name: str | None) -> None:
    """List the kernels, or one of them: settings, defaults, and the halo that a tile needs around it."""
    from tessellar.kernels.denoise.registry import DENOISERS
    from tessellar.kernels.foregrounds.registry import SEPARATIONS
    from tessellar.kernels.smooth_clip import SmoothAndClip

    rooms = (
        ("find", (SmoothAndClip.name,), lambda _: _words(SmoothAndClip())),
        ("denoise", DENOISERS.names(), lambda key: recipe_words(key, DENOISERS.class_of(key), _any_cube())),
        ("foregrounds", SEPARATIONS.names(), lambda key: recipe_words(key, SEPARATIONS.class_of(key))),
    )
    known = [key for _, names, _ in rooms for key in names]
    if name is not None and name not in known:
        raise UsageError(f"There is no kernel {name!r}. There is {', '.join(known)}.")
    for verb, names, describe in rooms:
        chosen = [key for key in names if name in (None, key)]
        if chosen:
            show("\n\n".join([f"tessellar {verb}", *map(describe, chosen)]) + ("\n" if name is None else ""))


def _words(finder: SmoothAndClip) -> str:
    first = (type(finder).__doc__ or "").strip().splitlines()[0]
    z, x, y = finder.halo(_any_cube()).before
    rows = [
        f"  {_flag(field.name):<14} {_default(field.default):<12} {_help(field.name)}"
        for field in fields(finder)
    ]
    return "\n".join(
        [
            f"{finder.name}: {first}",
            *rows,
            f"  halo           {z},{x},{y:<8} Channels and pixels around a tile (defaults).",
        ]
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _default(value: Any) -> str:
    if value is MISSING:
        return ""
    return ",".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"


def _help(name: str) -> str:
    from tessellar.cli.find import command as find

    return next(
        str(param.help) for param in find.params if isinstance(param, click.Option) and param.name == name
    )


def _any_cube() -> CubeMeta:
    """Return a cube that is larger than every halo, with a beam of four pixels."""
    from tessellar.model import Beam, CubeMeta, SpectralAxis

    beam = Beam(4e-3, 4e-3, 0.0)
    return CubeMeta("any", _LARGE, "", SpectralAxis("channel", "", ()), (beam,), (1e-3, 1e-3))
