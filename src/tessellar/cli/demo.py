"""``tessellar demo``: the whole way from a sky to a report in a minute, and the promise put to the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from tessellar.cli.demo_steps import Demo
from tessellar.cli.failures import complain
from tessellar.cli.options import option
from tessellar.cli.output import show
from tessellar.cli.values import path

PROMISE_BROKEN = 1
T = TypeVar("T")


@click.command("demo")
@option(
    "-o", "--out", metavar="DIR", default="demo", reads=path, about="Folder of the demo, made if need be."
)
def command(out: str) -> int:
    """Simulate a small HI sky, find its galaxies in 12 tiles, and show that one tile gives the same catalogue.

    Takes less than a minute on two cores and 500 MB of disk; needs no network.
    """
    demo = Demo(Path(out))
    demo.prepare()
    step("simulate", demo.simulate)
    step("convert", demo.convert)
    step("plan", demo.plan)
    step("find", demo.find)
    broken = step("check", demo.check)
    if broken:
        complain(broken)
        return PROMISE_BROKEN
    step("match", demo.match)
    step("report", demo.report)
    show(
        "\nNext, a cube of your own:  tessellar info CUBE\n                           tessellar find CUBE --out run1"
    )
    return 0


def step(name: str, work: Callable[[], tuple[str, T]]) -> T:
    """Show what is done while it is done, then what came of it."""
    show(f"{name:<10}", end=False)
    words, result = work()
    show(words.replace("\n", "\n" + " " * 10))
    return result
