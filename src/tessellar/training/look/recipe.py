"""All that decides which weights a network of the second look ends with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tessellar.errors import UsageError
from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.look.features import ROW_FEATURES
from tessellar.kernels.look.network import CANDIDATES, DISC_HEADS, DISCS, PROBABILITY_HEADS
from tessellar.training.look.skies import LookSkies
from tessellar.training.recipe import problems_of
from tessellar.training.terms import Stretch, Term

N_DISC_FEATURES = len(ROW_FEATURES) + 12  # those of tessellar.challenge.sdc2.second_look


@dataclass(frozen=True, slots=True)
class LookTraining:
    """How a network of the second look is taught.

    Parameters
    ----------
    architecture
        The network.
    skies
        Where its candidates come from.
    seed
        Chooses first weights, skies, and the order in which candidates are shown.
    steps
        Batches that it is shown.
    rows, n_skies
        First numbers of rows of skies to learn from, and how many there are in each.
    held_out
        Other skies, for validation and calibration.
    batch
        Candidates of a batch.
    rate
        Largest learning rate; it rises over the first steps and falls as a cosine.
    decay
        Of the weights, per unit of learning rate.
    clip
        Largest norm of a gradient.
    every
        Steps between validations.
    patience
        Validations without progress after which training ends.
    precision
        ``float32``, of the arithmetic in the layers.
    """

    architecture: LookArchitecture
    skies: LookSkies = field(default_factory=LookSkies)
    seed: int = 0
    steps: int = 2500
    rows: tuple[int, ...] = (0, 200)
    n_skies: int = 26
    held_out: int = 8
    batch: int = 32
    rate: float = 1.5e-3
    decay: float = 1e-2
    clip: float = 5.0
    every: int = 250
    patience: int = 8
    precision: str = "float32"

    def __post_init__(self) -> None:
        problems = problems_of(self, ("steps", "n_skies", "held_out", "batch", "every", "patience"))
        if problems:
            raise UsageError("; ".join(problems) + ".")

    @property
    def stretches(self) -> list[Stretch]:
        """Which steps its one term has."""
        return [Stretch(Term(), 0, self.steps)]

    @property
    def easy_steps(self) -> int:
        """How many steps show easy candidates only: none."""
        return 0

    def settings(self) -> dict[str, Any]:
        """Return all settings as plain values."""
        return asdict(self)

    def fingerprint(self, threads: int) -> str:
        """Return a text that changes with whatever decides the weights."""
        from tessellar.compiled import code_digest

        return json.dumps(
            {"settings": self.settings(), "threads": threads, "code": code_digest()}, sort_keys=True
        )


LOOKS = {
    CANDIDATES: LookTraining(LookArchitecture(PROBABILITY_HEADS, len(ROW_FEATURES), 2, base=6)),
    DISCS: LookTraining(LookArchitecture(DISC_HEADS, N_DISC_FEATURES, 1, base=6)),
}
"""The networks of the second look that can be trained by name."""
