"""All that decides which weights a training ends with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tessellar.errors import UsageError
from tessellar.kernels.network.architecture import Architecture
from tessellar.training.skies import SkyRecipe
from tessellar.training.terms import Stretch, Term, stretches_of


def problems_of(recipe: Any, counts: tuple[str, ...]) -> list[str]:
    """Return in words which of some counts of a recipe, or whether its seed, cannot be."""
    found = [
        f"{name} is {getattr(recipe, name)}, needed is 1 or more"
        for name in counts
        if getattr(recipe, name) < 1
    ]
    return found + ([f"seed is {recipe.seed}, needed is 0 or more"] if recipe.seed < 0 else [])


@dataclass(frozen=True, slots=True)
class Training:
    """How a network is taught.

    Parameters
    ----------
    architecture
        The network.
    skies
        What it is shown.
    seed
        Chooses first weights and skies.
    steps
        Batches that it is shown.
    batch
        Patches of a batch.
    rate
        Largest learning rate; it rises over the first steps and falls as a cosine.
    kernel_rate
        That of the kernels of convolutions, which learn by Muon; 0 has them learn by AdamW like the rest, at ``rate``.
    decay
        Of the weights that AdamW moves, per unit of learning rate.
    clip
        Largest norm of a gradient.
    terms
        The parts of the training, one after the other.
    easy
        Share of the first term's steps that show bright galaxies only.
    every
        Steps between validations.
    patience
        Validations without progress after which training ends.
    held_out
        Patches for validation, and half as many larger ones for calibration.
    precision
        ``bfloat16`` or ``float32``, of the arithmetic in the layers.
    """

    architecture: Architecture = field(default_factory=Architecture)
    skies: SkyRecipe = field(default_factory=SkyRecipe)
    seed: int = 0
    steps: int = 2000
    batch: int = 2
    rate: float = 3e-3
    kernel_rate: float = 0.02
    decay: float = 1e-4
    clip: float = 5.0
    terms: tuple[Term, ...] = (Term(),)
    easy: float = 0.1
    every: int = 200
    patience: int = 20
    held_out: int = 64
    precision: str = "bfloat16"

    def __post_init__(self) -> None:
        problems = problems_of(self, ("steps", "batch", "every", "patience", "held_out"))
        if self.precision not in ("bfloat16", "float32"):
            problems.append(f"precision is '{self.precision}', needed is bfloat16 or float32")
        if not self.terms or min(term.share for term in self.terms) <= 0:
            problems.append(f"terms are {self.terms}, needed is one or more, each with a share above 0")
        if problems:
            raise UsageError("; ".join(problems) + ".")

    @property
    def stretches(self) -> list[Stretch]:
        """Which steps each of the terms has."""
        return stretches_of(self.terms, self.steps)

    @property
    def easy_steps(self) -> int:
        """How many steps show bright galaxies only."""
        return int(self.easy * self.stretches[0].stop)

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return asdict(self)

    def fingerprint(self, threads: int, pairs: str = "", device: str = "cpu") -> str:
        """Return a text that changes with whatever decides the weights."""
        from tessellar.compiled import code_digest

        return json.dumps(
            {
                "settings": self.settings(),
                "threads": threads,
                "pairs": pairs,
                "device": device,
                "code": code_digest(),
            },
            sort_keys=True,
        )


def _folded(base: int) -> Training:
    """Return how a network that folds 2 x 2 x 2 voxels is taught; it diverges at the rate of narrow ones."""
    return Training(
        Architecture(base=base, levels=2, fold=2, depth=3, join="add"),
        SkyRecipe(side=56, most=8, bright=0.07),
        rate=1.5e-3,
        easy=0.05,
        every=400,
        patience=100,
        terms=(Term(5.0, emphasis=70.0), Term(4.0, rate=0.5, emphasis=100.0)),
    )


NETWORKS = {"hi-unet-s": _folded(32), "hi-unet-m": _folded(64)}
"""The networks that can be trained by name."""
