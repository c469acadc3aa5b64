"""Patches of sky that others make before they are needed, so that a network does not wait for them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from tessellar.training.skies import SkyPatch, SkyRecipe, make_patch

_EACH = 2  # patches that every hand has before it: the one in work, and the next


class Hand(Protocol):
    """Who makes patches beside the network, such as a process."""

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        """Queue a call."""


@dataclass(slots=True, eq=False)
class SkiesAhead:
    """The patches of a seed; which hand makes one, and when, does not change it.

    Attributes
    ----------
    recipe
        What they hold.
    seed
        Chooses them.
    hands
        Who makes them ahead; without any, each is made when it is asked for. One that dies is taken out, and what it
        had before it is made here.
    say
        Told so.
    """

    recipe: SkyRecipe
    seed: int
    hands: list[Hand] = field(default_factory=list)
    say: Callable[[str], None] = lambda _: None
    _begun: dict[tuple[int, bool], Future[SkyPatch]] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many patches may be in the hands at once."""
        return _EACH * len(self.hands)

    def expect(self, numbers: range, easy: Callable[[int], bool]) -> None:
        """Have patches made; those of lower numbers are no longer expected.

        Parameters
        ----------
        numbers
            Which are needed next, in this order.
        easy
            Whether one is of the beginning of a training.
        """
        for key in [key for key in self._begun if key[0] < numbers.start]:
            self._begun.pop(key).cancel()
        for number in numbers:
            key = number, easy(number)
            if self.hands and key not in self._begun:
                self._begin(key)

    def patch(self, number: int, *, easy: bool) -> SkyPatch:
        """Return a patch, once it is made."""
        begun = self._begun.pop((number, easy), None)
        if begun is not None:
            try:
                return begun.result()
            except BrokenExecutor:
                pass
        return self._make((number, easy))()

    def _begin(self, key: tuple[int, bool]) -> None:
        hand = self.hands[key[0] % len(self.hands)]
        try:
            self._begun[key] = hand.submit(self._make(key))
        except BrokenExecutor:
            self.hands.remove(hand)
            who = "the others" if self.hands else "the training itself, which takes longer"
            self.say(
                f"A process that makes skies died. They are made by {who}; the network will be the same."
            )

    def _make(self, key: tuple[int, bool]) -> Callable[[], SkyPatch]:
        number, easy = key
        return partial(make_patch, self.recipe, self.seed, number, easy=easy)
