"""The stages that come before the search, and which is the first: by it a run folder knows its run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tessellar.engine.find.calibrate import NoiseStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.auto_flags import channel_noise_stage, flag_by_noise
from tessellar.engine.precondition.continuum import Continuum, ContinuumStage
from tessellar.engine.precondition.prepare import Prepared, ripple_of
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.engine.precondition.ripple import RippleStage
from tessellar.model import Stage


def continuum_of(recipe: Preconditioning) -> Continuum | None:
    """Return how the continuum is fitted, None where it stays."""
    if recipe.contsub_order < 0:
        return None
    return Continuum(
        recipe.contsub_order, recipe.contsub_threshold, recipe.contsub_shift, recipe.contsub_padding
    )


def condition(
    prepared: Prepared, recipe: Preconditioning, do: Callable[[Stage], Any], partials: PartialStore
) -> Prepared:
    """Do what must be known of the whole cube before it is searched: fit the continuum, flag by noise, measure ripples.

    Parameters
    ----------
    prepared
        The cube as it was opened.
    recipe
        What is done.
    do
        Runs a stage.
    partials
        Where the results of stages lie.
    """
    continuum = continuum_of(recipe)
    if continuum is not None:
        do(ContinuumStage(prepared.unweighed, continuum, prepared.source.identity))
        prepared = prepared.without(continuum, partials)
    prepared = flag_by_noise(prepared, recipe, do, partials)
    ripple = ripple_of(recipe)
    if ripple is not None:
        do(RippleStage(prepared.unweighed, ripple))
        prepared = prepared.without_ripple(ripple, partials)
    return prepared


def first_stage(prepared: Prepared, recipe: Preconditioning) -> Stage:
    """Return the first stage of a run; its fingerprint has all that is known before a voxel is read."""
    continuum = continuum_of(recipe)
    if continuum is not None:
        return ContinuumStage(prepared.unweighed, continuum, prepared.source.identity)
    if recipe.flag_auto != "off":
        return channel_noise_stage(prepared.source)
    ripple = ripple_of(recipe)
    if ripple is not None:
        return RippleStage(prepared.unweighed, ripple)
    return NoiseStage(prepared.source, fingerprint(prepared.source))
