"""A trained network on disk: weights, and the card that tells what they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.errors import UsageError
from tessellar.io.publish import write_bytes, write_text
from tessellar.kernels.network.design import UNET, Design
from tessellar.kernels.network.weights import (
    Calibration,
    Card,
    card_path,
    check_shapes,
    read_card,
    weights_bytes,
)
from tessellar.training.course import Trained
from tessellar.training.recipe import Training

LICENCE = "BSD-3-Clause"
NORMALISATION = (
    "voxels over the noise of each voxel, which comes from one noise model of the whole cube; blank voxels and those "
    "beyond the cube are 0; no layer normalises"
)
SIMULATED = (
    "simulated rotating HI discs in beam-correlated noise, made during training (tessellar.training.skies)"
)
PAIRED = "; and pairs of independent observations of one sky (Noise2Noise)"


def save_network(
    out: str | os.PathLike[str],
    design: Design,
    weights: Mapping[str, Any],
    *,
    name: str,
    kind: str,
    licence: str,
    settings: Mapping[str, Any] | None = None,
    calibration: Calibration | None = None,
    training: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Card:
    """Write the weights of a network and, last, its card: a network without one is not complete.

    Parameters
    ----------
    out
        A .safetensors file; the card lies beside it.
    design
        The network without its weights.
    weights
        Arrays or tensors by name, as ``design.shapes`` tells them.
    name
        Of the network.
    kind
        What its entry point of the group ``tessellar.networks`` is called.
    licence
        Of the weights.
    settings
        The parameters that its design was made with.
    calibration
        What its raw answers become.
    training, metrics
        How it was trained, and how good it is; JSON.

    Raises
    ------
    UsageError
        The file has another suffix.
    InputError
        The weights are not those of the design.
    OutputError
        The files cannot be written.
    """
    path = Path(out)
    if path.suffix != ".safetensors":
        raise UsageError(f"weights are written to a .safetensors file, not to {path.name}. Rename it.")
    arrays = {key: np.asarray(value) for key, value in weights.items()}
    check_shapes(arrays, design.shapes, path)
    content = weights_bytes({key: np.ascontiguousarray(array) for key, array in arrays.items()})
    card = Card(
        name=name,
        architecture={"kind": kind, **(settings or {})},
        heads=tuple(design.heads),
        halo=design.margin,
        stride=design.stride,
        maps=design.maps,
        normalisation=NORMALISATION,
        calibration=calibration or Calibration(),
        training=dict(training or {}),
        metrics=dict(metrics or {}),
        licence=licence,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    write_bytes(path, content)
    write_text(card_path(path), card.text())
    return read_card(path)


def publish(trained: Trained, training: Training, name: str, out: Path, pairs: tuple[str, ...] = ()) -> Card:
    """Write a network that was trained here.

    Parameters
    ----------
    trained
        What training ended with.
    training
        How it was done.
    name
        Of the network.
    out
        The .safetensors file.
    pairs
        Names of the two cubes of a Noise2Noise training.
    """
    design = training.architecture
    return save_network(
        out,
        design,
        trained.weights,
        name=name,
        kind=UNET,
        licence=LICENCE,
        settings=asdict(design),
        calibration=trained.calibration,
        training={
            "seed": training.seed,
            "steps_done": trained.steps,
            "data": SIMULATED + (PAIRED if pairs else ""),
            "cubes": list(pairs),
            "settings": training.settings(),
        },
        metrics=trained.metrics,
    )
