"""The verb ``train``: a network learns from simulated skies, and from two observations of one sky if there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import open_cube
from tessellar.api.devices import device_of, slow_arithmetic
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.kernels.network.weights import Card
    from tessellar.kernels.noise import NoiseModel
    from tessellar.model import Observer, Source
    from tessellar.training.look.recipe import LookTraining
    from tessellar.training.noise2noise import Pairs
    from tessellar.training.recipe import Training
    from tessellar.training.skies_ahead import Hand
    from tessellar.training.train import Trainer

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
    device: str = "auto",
    workers: int | None = None,
    precision: str | None = None,
    training: Training | None = None,
    observer: Observer | None = None,
    overwrite: bool = False,
    fresh: bool = False,
) -> Network:
    """Train a network, and write its weights and the card beside them.

    Training that was interrupted goes on from its checkpoint when the same call is repeated. The same settings, seed,
    number of steps, threads and device give the same weights on the same machine; ``minutes`` is turned into a number
    of steps by timing a few, which the card tells.

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
    device
        Where the network learns: ``auto`` and ``cpu`` for the processor, ``cuda`` for a GPU, ``cuda:1`` for the second.
        The way over a GPU has not been tried on one yet.
    workers
        Processes that make skies meanwhile, which changes nothing but the time: by default none on the processor, and
        as many as there are other cores with a GPU. A script that has some guards its main part by
        ``__name__ == "__main__"``.
    precision
        Of the arithmetic in the layers: ``bfloat16``, which is that of the networks that find sources unless told
        otherwise; or ``float32``, that of the second look always. On x86 processors without AVX-512 bfloat16 takes
        some 200 times as long.
    training
        All settings, in place of ``name``, ``steps``, ``seed`` and ``precision``.
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
        if n2n is not None or workers is not None:
            raise UsageError(
                f"{name} learns from the sources of made-up skies, not from n2n, and no workers make them. "
                "Leave that out."
            )
        if precision not in (None, look.precision):
            raise UsageError(f"{name} learns in {look.precision} alone. Leave precision {precision} out.")
        if device not in ("auto", "cpu"):
            raise UsageError(f"{name} is small and learns on the CPU alone, not on {device}. Use auto.")
        from tessellar.api.look_training import train_look

        return Network(target, train_look(look, name, target, threads, minutes, observer, fresh=fresh))
    recipe = training or _recipe(name, steps, seed, precision)
    pairs = None if n2n is None else _pairs(n2n)
    place = _place(device)
    if observer is not None:
        for warning in slow_arithmetic(recipe, place):
            observer.say(warning)
    with _hands(place, workers) as hands:
        trainer = Trainer(recipe, target, threads, pairs, place, hands, observer=observer)
        if training is None and steps is None:
            trainer.training = recipe = _lasting(trainer, MINUTES if minutes is None else minutes, fresh)
        trained = trainer.run(fresh=fresh)
    names = () if pairs is None else tuple(cube.meta.name for cube in pairs.cubes)
    return Network(target, publish(trained, recipe, name, target, names))


def _recipe(name: str, steps: int | None, seed: int, precision: str | None) -> Training:
    from tessellar.training.look.recipe import LOOKS
    from tessellar.training.recipe import NETWORKS

    if name not in NETWORKS:
        names = [*NETWORKS, *LOOKS]
        raise UsageError(
            f"There is no network '{name}' to train. Choose {', '.join(names[:-1])} or {names[-1]}."
        )
    recipe = replace(NETWORKS[name], seed=seed)
    if precision is not None:
        recipe = replace(recipe, precision=precision)
    return recipe if steps is None else replace(recipe, steps=steps)


def _look(name: str, steps: int | None, seed: int) -> LookTraining | None:
    """Return how a network of the second look is trained; None where the name is another's."""
    from tessellar.training.look.recipe import LOOKS

    recipe = LOOKS.get(name)
    return None if recipe is None else replace(recipe, seed=seed, steps=steps or recipe.steps)


def _lasting(trainer: Trainer, minutes: float, fresh: bool) -> Training:
    """Return the training with as many steps as an interrupted one has, or as fit into some minutes."""
    from tessellar.training.checkpoint import checkpoint_path, steps_of

    path = checkpoint_path(trainer.out)
    steps = steps_of(path) if path.exists() and not fresh else trainer.steps_in(minutes)
    return replace(trainer.training, steps=steps)


def _place(word: str) -> str:
    """Return what torch calls the one device that a network learns on."""
    from tessellar.kernels.devices import CUDA, torch_name
    from tessellar.kernels.network.unet import UNet

    device = device_of(word, UNet)
    return f"{CUDA}:0" if device.name == CUDA else torch_name(device.name)


@contextmanager
def _hands(place: str, workers: int | None) -> Iterator[list[Hand]]:
    """Have processes that make skies, and end them."""
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.executors.processes import ProcessWorker
    from tessellar.kernels.devices import CPU

    if workers is None:
        workers = 0 if place == CPU else max(1, usable_cores() - 1)
    if workers < 0:
        raise UsageError(f"workers is {workers}, needed is 0 or more.")
    hands = [ProcessWorker(number) for number in range(workers)]
    try:
        yield list(hands)
    finally:
        for hand in hands:
            hand.close(now=True)


def _pairs(cubes: Sequence[Any]) -> Pairs:
    from tessellar.training.noise2noise import Pairs

    if len(cubes) != 2:
        raise UsageError(f"n2n names {len(cubes)} cubes; Noise2Noise needs two of the same sky. Give two.")
    first, second = (open_cube(cube) for cube in cubes)
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
