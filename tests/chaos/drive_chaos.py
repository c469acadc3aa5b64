"""A driver to be troubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orders import Orders
from trouble import TroubledSource, watch_records

import tessellar as ts
from tessellar.cli.failures import exit_code_of
from tessellar.cli.stopping import stopped_by_sigterm
from tessellar.engine.observers import Silent
from tessellar.engine.run import run_stage


class Herald(Silent):
    """An observer that tells the makers of trouble which stage is at work."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def begin(self, stage: str, total: int) -> None:
        self._orders.enter(stage)

    def say(self, text: str) -> None:
        print(text, flush=True)


def find(source: TroubledSource, out: str, **options: Any) -> int:
    # drawing takes longer than everything else, and is no part of the law
    products = ts.Products(report=False)
    return 0 if ts.find_sources(source, out=out, products=products, **options).complete else 1


def convert(source: TroubledSource, out: str, **options: Any) -> int:
    ts.convert(source, out, **options)
    return 0


def main(verb: str, cube: str, orders: str, patience: float, **options: Any) -> int:
    folder = Orders(Path(orders))
    # Short leases, so that there are many to lose.
    run_stage.__kwdefaults__ |= {"target_seconds": 0.05, "patience_seconds": patience}  # type: ignore[operator]
    watch_records(folder)
    if "tile" in options:
        options["tile"] = tuple(options["tile"])
    source = TroubledSource(Path(cube), folder)
    try:
        with stopped_by_sigterm():
            return {"find": find, "convert": convert}[verb](source, observer=Herald(folder), **options)
    except BaseException as error:
        return exit_code_of(error)
