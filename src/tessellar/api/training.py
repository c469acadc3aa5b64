"""The verb ``train``: a network learns from simulated skies, and from two observations of one sky if there are any."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import source_of
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.kernels.network.weights import Card
    from tessellar.kernels.noise import NoiseModel
    from tessellar.model import Observer, Source
    from tessellar.training.look.recipe import LookTraining
    from tessellar.training.noise2noise import Pairs
    from tessellar.training.recipe import Training

MINUTES = 10.0


@dataclass(frozen=True, slots=True)
class Network:
    """A network that was trained.

    Attributes
    ----------
    path
        Its weights, as ``UNet(weights=path)`` takes them.
    card
        What is known of it.
    """

    path: Path
    card: Card


def train(
    name: str = "hi-unet-s",
    *,
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    n2n: Sequence[Any] | None = None,
    threads: int = 1,
    training: Training | None = None,
    observer: Observer | None = None,
    overwrite: bool = False,
    fresh: bool = False,
) -> Network:
    """Train a network, and write its weights and the card beside them.

    Training that was interrupted goes on from its checkpoint when the same call is repeated. The same settings, seed,
    number of steps and threads give the same weights on the same machine; ``minutes`` is turned into a number of
    steps by timing a few, which the card tells.

    Parameters
    ----------
    name
        ``hi-unet-s`` (384,088 parameters), ``hi-unet-m`` (four times as many), or a network of the second look:
        ``hi-look-s``, which tells real candidates, or ``hi-disc-s``, which corrects fitted discs. These learn from
        candidates of made-up skies that are searched first, which takes longer than the training, and are kept in a
        folder beside ``out``.
    out
        A .safetensors file.
    minutes
        About how long to train; 10 by default, and for the second look the steps of the shipped weights. The
        checkpoint of an interrupted training keeps its number of steps.
    steps
        How many steps, in place of ``minutes``.
    seed
        Chooses first weights and skies.
    n2n
        Two cubes of one sky with independent noise, such as two halves of the observing time: paths or cubes. The
        network learns from them what real noise is like.
    threads
        Cores to use. Small patches are trained fastest on one.
    training
        All settings, in place of ``name``, ``steps`` and ``seed``.
    observer
        Who is told.
    overwrite
        Whether ``out`` may be replaced.
    fresh
        Whether to start over instead of going on from a checkpoint.

    Returns
    -------
    network
        The weights on disk.

    Raises
    ------
    UsageError
        A setting is out of range; torch is not installed; the checkpoint is of another training.
    InputError
        The two cubes cannot be used.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> import tessellar as ts
    >>> network = ts.train(out="mine.safetensors", minutes=10)  # doctest: +SKIP
    >>> ts.UNet(weights=str(network.path))  # doctest: +SKIP
    """
    from tessellar.io.publish import check_target
    from tessellar.training.publish import publish
    from tessellar.training.train import Trainer

    target = Path(out)
    if target.suffix != ".safetensors":
        raise UsageError(f"weights are written to a .safetensors file, not to {target.name}. Rename it.")
    check_target(target, overwrite=overwrite)
    if minutes is not None and (steps is not None or not 0 < minutes < float("inf")):
        raise UsageError("minutes must be positive, and steps take their place. Give one of the two.")
    if look := None if training else _look(name, steps, seed):
        if n2n is not None:
            raise UsageError(
                f"{name} learns from the sources of made-up skies, not from n2n. Leave that out."
            )
        from tessellar.api.look_training import train_look

        return Network(target, train_look(look, name, target, threads, minutes, observer, fresh=fresh))
    recipe = training or _recipe(name, steps, seed)
    pairs = None if n2n is None else _pairs(n2n)
    if training is None and steps is None:
        recipe = _lasting(recipe, MINUTES if minutes is None else minutes, target, threads, fresh)
    trained = Trainer(recipe, target, threads, pairs, observer).run(fresh=fresh)
    names = () if pairs is None else tuple(cube.meta.name for cube in pairs.cubes)
    return Network(target, publish(trained, recipe, name, target, names))


def _recipe(name: str, steps: int | None, seed: int) -> Training:
    from tessellar.training.look.recipe import LOOKS
    from tessellar.training.recipe import NETWORKS

    if name not in NETWORKS:
        names = [*NETWORKS, *LOOKS]
        raise UsageError(
            f"There is no network '{name}' to train. Choose {', '.join(names[:-1])} or {names[-1]}."
        )
    recipe = replace(NETWORKS[name], seed=seed)
    return recipe if steps is None else replace(recipe, steps=steps)


def _look(name: str, steps: int | None, seed: int) -> LookTraining | None:
    """Return how a network of the second look is trained; None where the name is another's."""
    from tessellar.training.look.recipe import LOOKS

    recipe = LOOKS.get(name)
    return None if recipe is None else replace(recipe, seed=seed, steps=steps or recipe.steps)


def _lasting(recipe: Training, minutes: float, target: Path, threads: int, fresh: bool) -> Training:
    """Return the training with as many steps as an interrupted one has, or as fit into some minutes."""
    from tessellar.training.checkpoint import checkpoint_path, steps_of
    from tessellar.training.train import Trainer

    path = checkpoint_path(target)
    if path.exists() and not fresh:
        return replace(recipe, steps=steps_of(path))
    return replace(recipe, steps=Trainer(recipe, target, threads).steps_in(minutes))


def _pairs(cubes: Sequence[Any]) -> Pairs:
    from tessellar.training.noise2noise import Pairs

    if len(cubes) != 2:
        raise UsageError(f"n2n names {len(cubes)} cubes; Noise2Noise needs two of the same sky. Give two.")
    first, second = (source_of(cube) for cube in cubes)
    return Pairs((first, second), (_noise(first), _noise(second)))


def _noise(cube: Source) -> NoiseModel:
    from tessellar.engine.find.calibrate import NoiseStage
    from tessellar.model import UnitResult

    stage = NoiseStage(cube, "")
    measure = stage.worker()
    units: list[UnitResult] = [measure(unit) for unit in range(stage.n_units)]  # type: ignore[operator]
    noise = stage.reduce((unit, result.payload) for unit, result in enumerate(units))
    if noise is None or noise.empty:
        raise InputError(f"{cube.meta.name} has no negative voxels, so its noise is unknown.")
    return noise
