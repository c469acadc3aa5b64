"""The state of a training that was interrupted: one safetensors file, its numbers in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tessellar.errors import InputError, UsageError
from tessellar.io.publish import write_bytes
from tessellar.kernels.network.torch_library import load_safetensors
from tessellar.model import FloatArray

_STATE = "state"


@dataclass(slots=True)
class Checkpoint:
    """All that a training needs to go on.

    Attributes
    ----------
    fingerprint
        What decides the result; a training goes on from its own checkpoint only.
    step
        Steps done.
    arrays
        Groups of arrays by name: weights, moments of the optimiser, the best weights so far.
    numbers
        The rest, as JSON.
    """

    fingerprint: str
    step: int
    arrays: dict[str, dict[str, FloatArray]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


def checkpoint_path(out: Path) -> Path:
    """Return where the checkpoint of a training lies that writes ``out``."""
    return out.with_name(f"{out.stem}.checkpoint.safetensors")


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    flat = {
        f"{group}/{name}": array
        for group, arrays in checkpoint.arrays.items()
        for name, array in arrays.items()
    }
    state = {
        "fingerprint": checkpoint.fingerprint,
        "step": checkpoint.step,
        "numbers": checkpoint.numbers,
    }
    write_bytes(path, load_safetensors().save(flat, {_STATE: json.dumps(state, sort_keys=True)}))


def read_checkpoint(path: Path, fingerprint: str) -> Checkpoint:
    """Return a checkpoint.

    Raises
    ------
    InputError
        It is damaged.
    UsageError
        It belongs to a training with other settings.
    """
    state, flat = _parse(path)
    if state["fingerprint"] != fingerprint:
        raise UsageError(
            f"{path} was left by a training with other settings or other code. Repeat its command to go on, or start "
            "over with --fresh."
        )
    arrays: dict[str, dict[str, FloatArray]] = {}
    for key, array in flat.items():
        group, _, name = key.partition("/")
        arrays.setdefault(group, {})[name] = array
    return Checkpoint(state["fingerprint"], state["step"], arrays, state["numbers"])


def steps_of(path: Path) -> int:
    """Return how many steps the training that left a checkpoint was to have.

    Raises
    ------
    InputError
        The checkpoint is damaged.
    """
    state, _ = _parse(path)
    return int(json.loads(state["fingerprint"])["settings"]["steps"])


def _parse(path: Path) -> tuple[dict[str, Any], Mapping[str, FloatArray]]:
    content, library = path.read_bytes(), load_safetensors()
    try:
        length = int.from_bytes(content[:8], "little")
        state = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_STATE])
        return state, library.load(content)
    except Exception as error:  # the library raises an exception of its own, made in Rust
        raise InputError(
            f"{path} is no checkpoint of a training ({error}). --fresh starts over without it."
        ) from error
