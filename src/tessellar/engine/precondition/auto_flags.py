"""Channels and pixels of the sky that are flagged for their noise, decided from the whole cube."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tessellar.engine.find.calibrate import NoiseStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.pixel_noise import PixelNoiseStage, rows_of_sky
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.kernels.noise import NoiseModel, channel_levels, separate
from tessellar.kernels.outliers import MEDIAN_ERROR, usual
from tessellar.model import FloatArray, IntArray, Source, Stage

CHANNEL_NOISE = "flag-noise"

_NOTHING: IntArray = np.empty(0, np.int64)


def channel_noise_stage(source: Source, *, whole: bool = False) -> NoiseStage:
    """Return the stage that measures the noise of every channel."""
    return NoiseStage(source, fingerprint(source), whole, CHANNEL_NOISE)


def flag_by_noise(
    prepared: Prepared, recipe: Preconditioning, do: Callable[[Stage], Any], partials: PartialStore
) -> Prepared:
    """Return the cube with its noisy channels and pixels flagged.

    Parameters
    ----------
    prepared
        The cube as it is so far.
    recipe
        What is flagged, and beyond which threshold.
    do
        Runs a stage.
    partials
        Where the results of stages lie.
    """
    if recipe.flag_auto == "off":
        return prepared
    found = _channels(prepared.source, recipe, do, partials)
    if found is None:
        return prepared
    channels, noise = found
    prepared = prepared.with_flags(channels, _NOTHING)
    if recipe.flag_auto == "channels":
        return prepared
    return prepared.with_flags(channels, _pixels(prepared.source, noise, recipe, do, partials))


def _channels(
    source: Source, recipe: Preconditioning, do: Callable[[Stage], Any], partials: PartialStore
) -> tuple[IntArray, NoiseModel] | None:
    """Return the noisy channels, and the noise of the others; None for a cube without data."""
    for whole in (False, True):
        stage = channel_noise_stage(source, whole=whole)
        do(stage)
        sigmas, read, has_data = stage.gather(partials.units(stage))
        if has_data.any():
            break
    else:
        return None
    channels = _NOTHING
    if recipe.flag_auto != "pixels":
        sampled = stage.lattice.n_read / stage.lattice.shape[0]  # voxels of a channel
        error = MEDIAN_ERROR / math.sqrt(sampled)
        channels = _outliers(channel_levels(sigmas), error, recipe.flag_threshold)
    blank = read & ~has_data
    blank[channels] = True
    sigmas[channels] = np.nan
    return channels, separate(stage.lattice, sigmas, blank)


def _outliers(levels: FloatArray, error: float, threshold: float) -> IntArray:
    normal = usual(lambda: [levels], error)
    return _NOTHING if normal is None else np.flatnonzero(normal.far(levels, threshold))


def _pixels(
    source: Source,
    noise: NoiseModel,
    recipe: Preconditioning,
    do: Callable[[Stage], Any],
    partials: PartialStore,
) -> IntArray:
    """Return the noisy pixels, ``x ny + y`` ascending."""
    shape = source.meta.shape
    stage = PixelNoiseStage(source, noise, fingerprint(source, noise))
    do(stage)
    error = MEDIAN_ERROR / math.sqrt(shape[0])  # of noise from a spectrum
    normal = usual(lambda: (payload["noise"] for _, payload in partials.units(stage)), error)
    if normal is None:
        return _NOTHING
    grid = rows_of_sky(shape)
    found = [_NOTHING]
    for unit, payload in partials.units(stage):
        x, y = np.nonzero(normal.far(payload["noise"], recipe.flag_threshold))
        _, x0, y0 = grid[unit].core.start
        found.append((x + x0) * shape[2] + y + y0)
    return np.sort(np.concatenate(found))
