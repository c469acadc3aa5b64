"""Half a hundred blows, dealt from shuffled decks: catalogues and copies end as in peace, whatever came when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TypeVar

import pytest
from campaign import Campaign, Peace
from damage import BLOWS, JOURNAL_BLOWS, damage_journal, damage_partial, damage_piece, truncate
from orders import Order
from small_disk import SmallDisk, small_disk

from tessellar.api.proving import verify

T = TypeVar("T")

ENOUGH = 50
FEW = 12  # units that are left to the last command
PATIENCE = 3.0
EARLY = ("noise", "scales", "detect", "copy")  # other stages begin anew when a source more is found
MILD = (
    Order("exception"),
    Order("out of memory", point="kernel"),
    Order("kill worker"),
    Order("kill worker", point="partial"),
    Order("kill worker", point="report"),
)
HARSH = (
    Order("kill driver"),
    Order("kill driver", point="report"),
    Order("kill driver", point="record"),
    Order("SIGTERM"),
    Order("SIGINT", point="record"),
)
STRIKES = (*(f"partial {blow}" for blow in BLOWS), *(f"piece {blow}" for blow in BLOWS), "full disk")


def deck(rng: Random, cards: Sequence[T]) -> Iterator[T]:
    """Deal cards for ever, each of them once before any comes again."""
    while True:
        yield from rng.sample(cards, len(cards))


@dataclass
class War:
    """Blow after blow against one output.

    Attributes
    ----------
    campaign, peace
        The output, and how it must become.
    disk
        Where it lies, if that disk can be filled.
    rng
        Chooses places.
    mild, harsh, strikes
        What happens to workers, to drivers, and to files while nobody works.
    """

    campaign: Campaign
    peace: Peace
    disk: SmallDisk | None
    rng: Random
    mild: Iterator[Order]
    harsh: Iterator[Order]
    strikes: Iterator[str]

    def wage(self) -> None:
        """Strike twice, forget everything, and strike until little is left to do, or three times."""
        self._strike_and_repeat(2)
        self._tear_the_journal()
        self._strike_and_repeat(3)

    def _strike_and_repeat(self, most: int) -> None:
        for _ in range(most):
            left = self._left()
            if len(left) <= FEW:
                return
            mild = [self._placed(next(self.mild), 1, len(left) // 4) for _ in range(2)]
            harsh = self._placed(next(self.harsh), len(left) // 4, len(left) // 3)
            self._run(*mild, harsh)
            self._strike(next(self.strikes))

    def _run(self, *orders: Order) -> None:
        by_processes = any(order.kind == "kill worker" for order in orders)
        executor = "processes" if by_processes else self.rng.choice(["serial", "threads", "processes"])
        self.campaign.run(self.peace, *orders, executor=executor, workers=None if executor == "serial" else 2)

    def _placed(self, order: Order, low: int, high: int) -> Order:
        """Put an order somewhere: leases are fewer than units, and copies have no kernel."""
        if self._stage == "copy" and order.point == "kernel":
            order = replace(order, point="read")
        nth = self.rng.randint(low, high) if order.point in ("read", "kernel") else self.rng.randint(1, 2)
        return replace(order, stage=self._stage, nth=nth)

    def _strike(self, what: str) -> None:
        where, _, blow = what.partition(" ")
        if where == "partial":
            damage_partial(self.campaign, self.rng, blow)
        elif where == "piece" and self._stage == "copy":
            damage_piece(self.campaign, self.rng, blow)
        elif what == "full disk" and self.disk is not None:
            self.disk.fill(self.rng.choice([0, 8192]))
            self.campaign.run(self.peace, wanted=2)
            self.disk.free()
            self.campaign.counts[what] += 1

    def _tear_the_journal(self) -> None:
        """What is done is not known any more: only a start afresh is possible."""
        blow = self.rng.choice(list(JOURNAL_BLOWS))
        damage_journal(self.campaign, self.rng, blow)
        self.campaign.run(self.peace, wanted=2)
        assert "Use --fresh to start over" in self.campaign.log.read_text()
        harsh = self._placed(next(self.harsh), 20, 30)
        self.campaign.run(self.peace, harsh, fresh=True)

    def _left(self) -> list[str]:
        """Return the boxes of the main stage that are not done, or may be done again."""
        known = self.campaign.recorded() - self.campaign.doomed
        return [
            place
            for (stage, place), unit in self.peace.units.items()
            if stage == self._stage and unit not in known
        ]

    @property
    def _stage(self) -> str:
        return "detect" if self.campaign.suffix == ".run" else "copy"

    def end(self) -> Counter[str]:
        """Let a worker hang, or a unit fail until it is given up; then make peace, and return what happened in all."""
        if self.campaign.suffix == ".zarr":
            self.campaign.finish(self.peace, Order("hang", "copy"), patience=PATIENCE)
            self._tear_what_is_published()
            return self.campaign.counts
        place = self.rng.choice(self._left())
        fails = [Order("exception", self._stage, place=place)] * 3
        self.campaign.run(self.peace, *fails, wanted=1 if self._stage == "detect" else 3)
        self.campaign.counts["unit given up"] += 1
        self.campaign.doomed |= {unit for unit in self.campaign.recorded() if unit[0] not in EARLY}
        self.campaign.finish(self.peace)
        return self.campaign.counts

    def _tear_what_is_published(self) -> None:
        """A shard of a finished store is cut off: its digest tells, and another copy replaces it."""
        out = self.campaign.out
        shard = self.rng.choice(sorted(path for path in out.glob("SKY/c/**/*") if path.is_file()))
        truncate(shard, self.rng)
        self.campaign.counts["published shard torn"] += 1
        verdict = verify(out, executor="serial")
        assert verdict.damage == (f"{shard} is not what was written there.",)
        self.campaign.finish(self.peace, overwrite=True)


@pytest.mark.slow
def test_half_a_hundred_blows(cube: Path, catalogue: Peace, stores: dict[str, Peace], tmp_path: Path) -> None:
    rng, counts = Random(7), Counter[str]()
    decks = deck(rng, MILD), deck(rng, HARSH), deck(rng, STRIKES)
    peace = {".run": catalogue, **stores}
    for number, suffix in enumerate(cycle(peace)):
        if counts.total() >= ENOUGH and number >= len(peace):
            break
        with ExitStack() as stack:
            folder = tmp_path / f"campaign{number}"
            disk = stack.enter_context(small_disk(folder, 8))
            campaign = Campaign(folder, cube, suffix, "processes")
            war = War(campaign, peace[suffix], disk, rng, *decks)
            war.wage()
            counts += war.end()
    print(dict(sorted(counts.items())))
    assert counts.total() >= ENOUGH
    for order in (*MILD, *HARSH):
        assert counts[order.kind], order.kind
