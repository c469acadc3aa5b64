"""Which stage of a run reads the cube first: by it a run folder knows whether it holds the same run."""

from __future__ import annotations

from tessellar.engine.find.calibrate import NoiseStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.precondition.auto_flags import channel_noise_stage
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.model import Stage


def first_stage(prepared: Prepared, recipe: Preconditioning) -> Stage:
    """Return the first stage of a run; its fingerprint has all that is known before a voxel is read."""
    if recipe.flag_auto != "off":
        return channel_noise_stage(prepared.source)
    return NoiseStage(prepared.source, fingerprint(prepared.source))
