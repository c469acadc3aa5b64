"""``tessellar demo``: the whole way from a sky to a report in a minute, and the promise put to the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import click

from tessellar.cli.demo_steps import Demo
from tessellar.cli.failures import complain
from tessellar.cli.options import option, quiet_option
from tessellar.cli.output import show
from tessellar.cli.values import path

PROMISE_BROKEN = 1
T = TypeVar("T")


class Tell(Protocol):
    """Prints a text, with the end of its line or without."""

    def __call__(self, text: str, *, end: bool = True) -> None:
        """Do so."""


@click.command("demo")
@option(
    "-o", "--out", metavar="DIR", default="demo", reads=path, about="Folder of the demo, made if need be."
)
@quiet_option
def command(out: str, *, quiet: bool) -> int:
    """Simulate a small HI sky, find its galaxies in 12 tiles, and show that one tile gives the same catalogue.

    Takes less than a minute on two cores and 500 MB of disk; needs no network.
    """
    demo = Demo(Path(out))
    demo.prepare()
    tell: Tell = _nothing if quiet else show
    step("simulate", demo.simulate, tell)
    step("convert", demo.convert, tell)
    step("plan", demo.plan, tell)
    step("find", demo.find, tell)
    broken = step("check", demo.check, tell)
    if broken:
        complain(broken)
        return PROMISE_BROKEN
    step("match", demo.match, tell)
    step("report", demo.report, tell)
    tell(
        "\nNext, a cube of your own:  tessellar info CUBE\n                           tessellar find CUBE --out run1"
    )
    return 0


def step(name: str, work: Callable[[], tuple[str, T]], tell: Tell) -> T:
    """Tell what is done while it is done, then what came of it."""
    tell(f"{name:<10}", end=False)
    words, result = work()
    tell(words.replace("\n", "\n" + " " * 10))
    return result


def _nothing(text: str, *, end: bool = True) -> None:
    """Print nothing."""
