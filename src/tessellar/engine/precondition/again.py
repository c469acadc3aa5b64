"""The cube that the fluxes of a run were measured on, made anew from what the run was told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tessellar.engine.precondition.prepare import prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.model import Source

_OFF = "off"
_FILES = ("flag_catalog", "flag_cube", "gain", "noise", "weights")


def measured_again(source: Source, settings: Mapping[str, Any]) -> Source:
    """Return a cube as the fluxes of a run were measured on it; all of it, whatever region was searched.

    Parameters
    ----------
    source
        The cube that was searched.
    settings
        Of the run, by the names of the options.

    Raises
    ------
    UsageError
        Something was subtracted that only the run itself knows.
    InputError
        A file of the run cannot be used any more.
    """
    for option, word in (("contsub_order", -1), ("ripple_filter", _OFF)):
        if settings.get(option, word) != word:
            raise UsageError(
                f"The run subtracted from {source.meta.name} what --{option.replace('_', '-')} measured, and keeps "
                "none of it. Subtract it before and search that cube, or leave --fit out."
            )
    given: dict[str, Any] = {name: _unless_off(settings.get(name)) for name in _FILES}
    recipe = Preconditioning(
        **given,
        flag_region=_unless_off(settings.get("flag_region")) or (),
        flag_radius=settings.get("flag_radius", 5),
        invert=bool(settings.get("invert")),
    )
    return source if recipe.does_nothing else prepare(source, recipe).measured


def _unless_off(value: Any) -> Any:
    return None if value == _OFF else value
