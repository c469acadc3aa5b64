"""What is known of a cube before it is searched: its noise, that of each scale, and how noise is correlated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.calibrate import NoiseStage, ScaleStage
from tessellar.engine.find.correlate import CorrelationStage
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.precondition.local_noise import LocalNoise, LocalNoiseStage
from tessellar.engine.precondition.prepare import Prepared, local_noise_of
from tessellar.errors import InputError
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import Source


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The noise of a cube.

    Attributes
    ----------
    noise
        Of what is searched, a product also where that is divided by its local noise.
    measured_noise
        Of what fluxes are measured on; the same where that is what is searched.
    finder
        The finder, with the noise of its scales.
    correlation
        How the noise of neighbouring voxels goes together.
    """

    noise: NoiseModel
    measured_noise: NoiseModel
    finder: CalibratedFinder
    correlation: Correlation


def calibrate(crew: Crew, cube: Prepared, recipes: Recipes, recent: int = 0) -> tuple[Prepared, Calibration]:
    """Measure the noise of a cube; return it divided by its local noise, where that is asked for.

    Parameters
    ----------
    crew, cube, recipes
        Who works, on what, and how.
    recent
        Bytes of decoded voxels that each worker may keep between blocks.

    Raises
    ------
    InputError
        It holds no data, or the recipes leave none of it.
    """
    noise = _noise(crew, cube.source, as_it_is=recipes.preconditioning.does_nothing)
    measured = (noise_of(crew, cube.measured, "noise-measured") if cube.has_two_views else None) or noise
    local = local_noise_of(recipes.preconditioning)
    if local is not None and not noise.empty:
        cube, measured = _local_noise(crew, cube, local, noise, measured)
    finder = _scales(crew, cube.source, recipes.scales, noise, recent)
    stage = CorrelationStage(cube.source, fingerprint(cube.source))
    crew.do(stage)
    return cube, Calibration(noise, measured, finder, stage.reduce(crew.partials.units(stage)))


def _local_noise(
    crew: Crew, cube: Prepared, recipe: LocalNoise, noise: NoiseModel, measured: NoiseModel
) -> tuple[Prepared, NoiseModel]:
    """Return the cube divided by its local noise, and the noise of what fluxes are measured on, with the local one."""
    searched = LocalNoiseStage(cube.source, noise, recipe)
    crew.do(searched)
    shown = searched
    if cube.has_two_views:
        shown = LocalNoiseStage(cube.measured, measured, recipe, "local-noise-measured")
        crew.do(shown)
    return cube.scaled_by(searched.field(crew.partials)), shown.more(crew.partials)


def _noise(crew: Crew, source: Source, *, as_it_is: bool) -> NoiseModel:
    name = source.meta.name
    noise = noise_of(crew, source, "noise")
    if noise is None and not as_it_is:
        raise InputError(
            f"nothing of {name} is left to search: every voxel is blank, flagged, or lies where the noise, weights "
            "or gain that is given is not positive. Check the cube with `tessellar info`, and these options."
        )
    if noise is None:
        raise InputError(
            f"{name} holds no data: every voxel is blank (NaN or infinite). "
            "Check the cube with `tessellar info`; was it written completely?"
        )
    if noise.empty:
        crew.warn(
            f"{name} has too few negative voxels to measure its noise, so nothing can stand out of it. "
            "Source finding needs a cube with its noise, not a gain, mask or model cube."
        )
    return noise


def noise_of(crew: Crew, source: Source, purpose: str) -> NoiseModel | None:
    """Measure the noise in the middle of the lattice's cells, or in all of them when there is nothing.

    None is returned where the whole cube is blank; ``purpose`` is the name of the stage.
    """
    for whole in (False, True):
        stage = NoiseStage(source, fingerprint(source), whole, purpose)
        crew.do(stage)
        noise = stage.reduce(crew.partials.units(stage))
        if noise is not None:
            return noise
    return None


def _scales(
    crew: Crew, source: Source, recipe: SmoothAndClip, noise: NoiseModel, recent: int
) -> CalibratedFinder:
    stage = ScaleStage(source, recipe, noise, fingerprint(source, recipe, noise), recent)
    crew.do(stage)
    finder = stage.reduce(crew.partials.units(stage))
    if not noise.empty and not np.isfinite(finder.scale_sigma).all():
        crew.warn(
            "the sampled blocks hold too few negative voxels to measure the noise of every smoothing scale; "
            "those without a value detect nothing."
        )
    return finder
