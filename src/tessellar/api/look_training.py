"""How a network of the second look is trained: its skies are searched first, then it learns from what was found."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.errors import InputError

if TYPE_CHECKING:
    from tessellar.kernels.network.weights import Card
    from tessellar.model import Observer
    from tessellar.training.look.candidates import Candidates
    from tessellar.training.look.lessons import Examples
    from tessellar.training.look.recipe import LookTraining

HELD_OUT = 2**20  # number of the first sky that is never trained on
STAGE = "candidates"
DATA = "candidates that smooth-and-clip found in simulated fields of rotating HI discs (tessellar.training.look.skies)"


def train_look(
    recipe: LookTraining,
    name: str,
    target: Path,
    threads: int,
    minutes: float | None,
    observer: Observer | None,
    *,
    fresh: bool,
) -> Card:
    """Train a network of the second look, and write its weights and card.

    Candidates are kept in a folder beside the weights, and serve both networks.

    Parameters
    ----------
    recipe, name
        The network.
    target
        The .safetensors file.
    threads
        Cores to use.
    minutes
        How long to learn, in place of the steps of the recipe.
    observer
        Who is told.
    fresh
        Whether to start over instead of going on from a checkpoint.

    Raises
    ------
    InputError
        The skies hold nothing to learn from.
    """
    from tessellar.training.checkpoint import checkpoint_path, steps_of
    from tessellar.training.look.publish import save_look
    from tessellar.training.look.train import LookTrainer

    numbers = [first + number for first in recipe.rows for number in range(recipe.n_skies)]
    n_learnt = len(numbers)
    numbers += range(HELD_OUT, HELD_OUT + recipe.held_out)
    parts = _candidates(recipe, numbers, candidates_folder(recipe, target), observer)
    learnt, held_out = (
        _examples(some, len(recipe.architecture.heads) > 1) for some in (parts[:n_learnt], parts[n_learnt:])
    )
    for examples, what in ((learnt, "to learn from"), (held_out, "to tell how well it learnt")):
        if not len(examples):
            raise InputError(f"the skies hold no examples {what}. Give larger skies, or more of them.")
    trainer = LookTrainer(recipe, target, threads, learnt, held_out, observer=observer)
    if minutes is not None:
        checkpoint = checkpoint_path(target)
        steps = steps_of(checkpoint) if checkpoint.exists() and not fresh else trainer.steps_in(minutes)
        recipe = trainer.training = replace(recipe, steps=steps)
    trained = trainer.run(fresh=fresh)
    return save_look(
        target,
        recipe.architecture,
        trained.weights,
        name=name,
        calibration=trained.calibration,
        training={
            "seed": recipe.seed,
            "steps_done": trained.steps,
            "data": DATA,
            "examples": len(learnt),
            "held_out_examples": len(held_out),
            "settings": recipe.settings(),
        },
        metrics=trained.metrics,
    )


def candidates_folder(recipe: LookTraining, target: Path) -> Path:
    """Return where the candidates of a training lie, beside the weights; others than its own lie elsewhere."""
    from tessellar.compiled import code_digest

    known = json.dumps([asdict(recipe.skies), recipe.seed, code_digest()], sort_keys=True)
    return target.with_name(f"look-candidates-{hashlib.sha256(known.encode()).hexdigest()[:12]}")


def _candidates(
    recipe: LookTraining, numbers: list[int], folder: Path, observer: Observer | None
) -> list[Candidates]:
    """Return the candidates of some skies, of which those that are in the folder are not made again."""
    from tessellar.api.candidates import candidates_of
    from tessellar.io.publish import make_folder
    from tessellar.model import Progress
    from tessellar.training.look.candidates import Candidates
    from tessellar.training.look.skies import make_sky

    make_folder(folder)
    found = []
    if observer is not None:
        observer.begin(STAGE, len(numbers))
    for done, number in enumerate(numbers):
        path = folder / f"{number}.npz"
        if not path.exists():
            candidates_of(make_sky(recipe.skies, recipe.seed, number)).save(path)
        found.append(Candidates.load(path))
        if observer is not None:
            observer.progress(Progress(STAGE, done + 1, len(numbers), 0, 0, 0, 0.0))
    if observer is not None:
        observer.end(STAGE)
    return found


def _examples(parts: list[Candidates], discs: bool) -> Examples:
    """Return what one of the networks learns from."""
    from tessellar.training.look.candidates import Candidates
    from tessellar.training.look.lessons import Examples

    names = ("disc_patches", "disc_features", "disc_truth") if discs else ("patches", "features", "real")
    patches, features, answers = (Candidates.together(parts, name) for name in names)
    return Examples(patches, features, answers.reshape(len(answers), -1))
