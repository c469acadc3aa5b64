"""What a benchmark measured, and the JSON file that keeps every raw time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tessellar.errors import InputError


@dataclass(frozen=True, slots=True)
class Result:
    """The times of one thing that was done several times.

    Attributes
    ----------
    name
        What was done.
    seconds
        Wall time of every repeat, in the order in which they were made; the warm-up is not among them.
    amount
        How much one repeat does, in ``unit``.
    unit
        ``voxel``, ``byte``, ``operation``, ``piece``, ``tile``, ``lease`` or ``source``.
    facts
        What else is known: bytes and operations a voxel, stages, memory.
    """

    name: str
    seconds: tuple[float, ...]
    amount: float
    unit: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median of the times, seconds."""
        return median(self.seconds)

    @property
    def rate(self) -> float:
        """Amount a second in the median repeat."""
        return self.amount / self.median

    @property
    def rates(self) -> tuple[float, float]:
        """Amount a second in the slowest and in the fastest repeat."""
        return self.amount / max(self.seconds), self.amount / min(self.seconds)


@dataclass(frozen=True, slots=True)
class Report:
    """All results of one run of the benchmarks.

    Attributes
    ----------
    machine
        Processor, cores, versions, date and load.
    settings
        Size, repeats, workers, and the command.
    results
        By group, in the order in which they were measured.
    failed
        Why a case has no result, by its name.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    results: dict[str, list[Result]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def group(self, name: str) -> list[Result]:
        """Return the results of a group; none when it was left out."""
        return self.results.get(name, [])

    def rate(self, group: str, name: str) -> float | None:
        """Return the rate of one result, None when it was left out."""
        return next((result.rate for result in self.group(group) if result.name == name), None)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'s' if count > 1 else ''}"


def write_report(report: Report, path: Path) -> None:
    """Write a report as JSON; medians and rates stand beside the raw times for readers without this program."""
    record = asdict(report)
    for group, results in report.results.items():
        for row, result in zip(record["results"][group], results, strict=True):
            row |= {"median": result.median, "rate": result.rate, "rates": result.rates}
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_report(path: Path) -> Report:
    """Read what `write_report` wrote.

    Raises
    ------
    InputError
        The file is missing or holds something else.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        results = {
            group: [
                Result(row["name"], tuple(row["seconds"]), row["amount"], row["unit"], row["facts"])
                for row in rows
            ]
            for group, rows in record["results"].items()
        }
        return Report(record["machine"], record["settings"], results, record["failed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} holds no benchmark results ({error!r}). Make them with: python -m benchmarks --json FILE"
        ) from error
