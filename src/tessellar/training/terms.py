"""The terms of a training: the learning rate rises and falls once in each, and the next has the best weights so far."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import cos, pi

WARM_UP = 50  # steps over which the learning rate rises, or a twentieth of the term
_FLOOR = 1e-3  # of the learning rate at the end


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a training; it remembers the best weights of the one before and nothing else.

    Parameters
    ----------
    share
        Of the steps, against the shares of the other terms.
    rate
        Largest learning rates, as a share of those of the training.
    emphasis
        How much more an error inside a source counts.
    """

    share: float = 1.0
    rate: float = 1.0
    emphasis: float = 10.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A term, and the steps ``first`` to ``stop - 1`` that it has."""

    term: Term
    first: int
    stop: int

    def rate_at(self, step: int) -> float:
        """Return which share of the learning rates a step has: up to that of the term, then down as a cosine."""
        steps, taken = self.stop - self.first, step - self.first
        rising = min(WARM_UP, max(1, steps // 20))
        fallen = (1.0 - _FLOOR) * 0.5 * (1.0 + cos(pi * taken / steps)) + _FLOOR
        return self.term.rate * min(1.0, (taken + 1) / rising) * fallen


def stretches_of(terms: tuple[Term, ...], steps: int) -> list[Stretch]:
    """Return which steps of a training each of its terms has; terms that are too short to have one are left out."""
    shares = list(accumulate((term.share for term in terms), initial=0.0))
    ends = [round(steps * share / shares[-1]) for share in shares]
    return [
        Stretch(term, first, stop)
        for term, (first, stop) in zip(terms, pairwise(ends), strict=True)
        if stop > first
    ]
