"""What was measured and what is proposed, as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tessellar.cli.summary import aligned
from tessellar.engine.amounts import sides
from tessellar.engine.tune.proposal import AS_IT_IS
from tessellar.report.words import duration, percent, significant

if TYPE_CHECKING:
    from tessellar.engine.tune.proposal import Forecast, Tuning

_LIMITS = {"decode": "reading and decoding", "kernel": "the kernel"}
_TRUSTED = 0.9  # less than this of the sample from the device, and the file cache was not empty


def summary(tuning: Tuning) -> str:
    """Return the rates, the prediction for each number of workers and for each codec, and the proposal."""
    parts = [
        aligned([["measured", "rate"], *(list(row) for row in _rates(tuning))]),
        _workers(tuning),
        _codecs(tuning),
        _proposal(tuning),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _rates(tuning: Tuning) -> Iterator[tuple[str, str]]:
    rates = tuning.rates
    if rates.remote:
        yield "network, stored bytes", _bytes(rates.disk_cold)
    else:
        yield _cold_words(rates.fetched), _bytes(rates.disk_cold)
        yield "disk, from the file cache", _bytes(rates.disk_cached)
    for hands, rate in rates.read:
        yield f"read and decode, {_hands(hands)}", _bytes(rate)
    for hands, rate in rates.search:
        yield f"search, {_hands(hands)}", f"{significant(rate / 1e6)} Mvoxel/s"
    if rates.calls is not None and rates.replies is not None:
        yield "network, calls", f"{significant(rates.calls)} /s"
        yield "network, answers", _bytes(rates.replies)


def _cold_words(fetched: float | None) -> str:
    if fetched is None or fetched >= _TRUSTED:
        return "disk, cold"
    return f"disk, cold ({percent(fetched)} from the device: the file cache was not empty)"


def _workers(tuning: Tuning) -> list[str]:
    head = ["workers", "tile", _place(tuning), "decode", "kernel", "predicted", "limit"]
    rows = [
        [str(c.workers), sides(c.plan.grid.core), *_forecast(tuning, c.forecast)] for c in tuning.candidates
    ]
    return aligned([head, *rows])


def _codecs(tuning: Tuning) -> list[str]:
    head = ["stored", "ratio", _place(tuning), "decode", "kernel", "predicted", "limit"]
    rows = [
        [each.codec, significant(each.ratio), *_forecast(tuning, each.forecast)] for each in tuning.codecs
    ]
    return aligned([head, *rows])


def _forecast(tuning: Tuning, made: Forecast) -> list[str]:
    seconds = [duration(each) for each in (made.disk, made.decode, made.kernel)]
    limit = _place(tuning) if made.limit == "disk" else made.limit
    return [*seconds, f"{significant(made.rate / 1e6)} Mvoxel/s", limit]


def _place(tuning: Tuning) -> str:
    return "network" if tuning.rates.remote else "disk"


def _proposal(tuning: Tuning) -> list[str]:
    best = tuning.best
    plan, made = best.plan, best.forecast
    if tuning.rates.remote:
        disk = "the server"
    else:
        disk = "the file cache, in which the cube fits" if tuning.cached else "the cold disk"
    limit = f"the {_place(tuning)}" if made.limit == "disk" else _LIMITS[made.limit]
    lines = [
        f"{_hands(best.workers)} ({plan.executor}), tiles of {sides(plan.grid.core)}: {duration(made.seconds)}, "
        f"{significant(made.rate / 1e6)} Mvoxel/s, limited by {limit}; with {disk}.",
        "The start, measuring the sources and products come on top.",
    ]
    if tuning.codec == AS_IT_IS:
        return [*lines, "The cube is best left as it is."]
    convert = f"tessellar convert CUBE OUT.zarr --codec {tuning.codec}"
    return [*lines, f"If it is searched more than once, convert it first: {convert}"]


def _hands(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _bytes(rate: float) -> str:
    return f"{significant(rate / 1e9)} GB/s"
