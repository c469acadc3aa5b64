"""A network of the second look on disk: weights, and the card that tells what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tessellar.io.publish import write_bytes, write_text
from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.network.design import LOOK
from tessellar.kernels.network.weights import (
    Calibration,
    Card,
    card_path,
    check_shapes,
    read_card,
    weights_bytes,
)
from tessellar.model import FloatArray
from tessellar.training.publish import LICENCE

NORMALISATION = (
    "voxels over the noise of each, turned into the frame of the candidate and binned (tessellar.kernels.look.frame); "
    "blank voxels and those beyond the cube are 0; numbers of its row beside them (tessellar.kernels.look.features)"
)


def save_look(
    out: Path,
    design: LookArchitecture,
    weights: Mapping[str, FloatArray],
    *,
    name: str,
    calibration: Calibration | None = None,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Card:
    """Write the weights of a network and, last, its card: a network without one is not complete.

    Raises
    ------
    InputError
        The weights are not those of the design.
    OutputError
        The files cannot be written.
    """
    check_shapes(weights, design.shapes, out)
    content = weights_bytes(weights)
    card = Card(
        name=name,
        architecture={
            "kind": LOOK,
            "heads": list(design.heads),
            "features": design.features,
            "channels": design.channels,
            "base": design.base,
        },
        heads=design.heads,
        halo=0,  # it sees the candidate's own patch, and all of it
        stride=1,
        maps=2 * design.base,
        normalisation=NORMALISATION,
        calibration=calibration or Calibration(),
        training=dict(training or {}),
        metrics=dict(metrics or {}),
        licence=LICENCE,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_bytes(out, content)
    write_text(card_path(out), card.text())
    return read_card(out)
