"""Hard negatives: patches without galaxies in which the network sees some, kept to be shown to it again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class HardNegatives:
    """The empty patches with the most false emission, by number.

    Attributes
    ----------
    room
        How many are kept.
    scores
        False emission by number of the patch, when it was last shown.
    """

    room: int = 64
    scores: dict[int, float] = field(default_factory=dict)

    def learn(self, number: int, score: float) -> None:
        """Keep a patch if it is harder than the easiest that is kept."""
        self.scores[number] = score
        if len(self.scores) > self.room:
            del self.scores[min(self.scores, key=lambda n: (self.scores[n], n))]

    def pick(self, draw: float) -> int | None:
        """Return a patch for a number from 0 to 1, None while there are too few to choose from."""
        if len(self.scores) < self.room // 2:
            return None
        return sorted(self.scores)[int(draw * len(self.scores))]
