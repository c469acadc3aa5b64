"""A trained network on disk: weights, and the card that tells what they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tessellar.io.publish import write_bytes, write_text
from tessellar.kernels.network.design import UNET
from tessellar.kernels.network.weights import Card, card_path, read_card, weights_bytes
from tessellar.training.recipe import Training
from tessellar.training.train import Trained

LICENCE = "BSD-3-Clause"
NORMALISATION = (
    "voxels over the noise of each voxel, which comes from one noise model of the whole cube; blank voxels and those "
    "beyond the cube are 0; no layer normalises"
)
SIMULATED = (
    "simulated rotating HI discs in beam-correlated noise, made during training (tessellar.training.skies)"
)
PAIRED = "; and pairs of independent observations of one sky (Noise2Noise)"


def publish(trained: Trained, training: Training, name: str, out: Path, pairs: tuple[str, ...] = ()) -> Card:
    """Write a network: the card last, so that one without a card is not complete.

    Parameters
    ----------
    trained
        What training ended with.
    training
        How it was done.
    name
        Of the network.
    out
        The .safetensors file; the card lies beside it.
    pairs
        Names of the two cubes of a Noise2Noise training.

    Raises
    ------
    OutputError
        The files cannot be written.
    """
    content = weights_bytes(trained.weights)
    design = training.architecture
    card = Card(
        name=name,
        architecture={"kind": UNET, "base": design.base, "levels": design.levels},
        heads=design.heads,
        halo=design.margin,
        stride=design.stride,
        normalisation=NORMALISATION,
        calibration=trained.calibration,
        training={
            "seed": training.seed,
            "steps_done": trained.steps,
            "data": SIMULATED + (PAIRED if pairs else ""),
            "cubes": list(pairs),
            "settings": training.settings(),
        },
        metrics=dict(trained.metrics),
        licence=LICENCE,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_bytes(out, content)
    write_text(card_path(out), card.text())
    return read_card(out)
