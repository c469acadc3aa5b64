"""What trials on several skies come to: a row of numbers for a kernel, and its power by k_par."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.markdown import section
from benchmarks.validation.separation_peers import Rival
from benchmarks.validation.separations import Trial
from tessellar.model import DoubleArray

LOW = 0.125  # h/cMpc: below lie the bins at 0.05 and 0.10
CLOSE = 0.2  # of the true power
Numbers = dict[str, float]

HEAD = (
    "kernel", "rms", "power, lo", "hi", "transfer, lo", "hi", "corrected, lo", "hi", "coherence, lo", "hi",
    "within 20 %", "in 1 sigma, lo", "hi", "all",
)  # fmt: skip
PEER_HEAD = (
    "program", "rms", "power, lo", "hi", "coherence, lo", "hi",
    "rms of ours", "power, lo", "hi", "coherence, lo", "hi",
)  # fmt: skip
BY_K_HEAD = ("k_par", "power before", "after", "transfer", "corrected", "within 20 %", "in 1 sigma")


def numbers_of(trials: Sequence[Trial]) -> Numbers:
    """Return the numbers of a kernel: means over bins and skies; shares of the bins of all skies."""
    low, high = (_rows(trials, below) for below in (True, False))
    found = {"rms": float(np.mean([trial.rms for trial in trials]))}
    for name, of in (
        ("power", lambda t: t.after / t.true),
        ("transfer", lambda t: t.transfer),
        ("corrected", lambda t: t.power / t.true),
        ("coherence", lambda t: t.coherence),
        ("posterior", lambda t: (t.after + t.posterior) / t.true),
    ):
        found |= {f"{name}_lo": _mean(trials, of, low), f"{name}_hi": _mean(trials, of, high)}
    every = low | high
    found = {name: value for name, value in found.items() if np.isfinite(value)}
    found["close"] = _mean(trials, _close, every)
    shares = {"covered_lo": low, "covered_hi": high, "covered": every}
    return found | {name: _mean(trials, _covered, rows) for name, rows in shares.items()}


def numbers_before(trials: Sequence[Trial]) -> Numbers:
    """Return what is known of the skies before anything is taken out."""
    return {
        name: _mean(trials, lambda t: t.before / t.true, _rows(trials, below))
        for name, below in (("power_lo", True), ("power_hi", False))
    }


def numbers_by_k(trials: Sequence[Trial]) -> list[Numbers]:
    """Return the means over the bins of each k_par, and over skies."""
    columns: dict[str, Callable[[Trial], DoubleArray]] = {
        "before": lambda t: t.before / t.true,
        "after": lambda t: t.after / t.true,
        "transfer": lambda t: t.transfer,
        "corrected": lambda t: t.power / t.true,
        "close": _close,
        "covered": _covered,
    }
    k_par = trials[0].k_par
    return [
        {"k_par": float(k), **{name: _mean(trials, of, k_par == k) for name, of in columns.items()}}
        for k in k_par
    ]


def numbers_of_rivals(rivals: Sequence[Rival]) -> Numbers:
    """Return the numbers of a program: means over bins and skies."""
    low = rivals[0].k_par < LOW
    found = {"rms": float(np.mean([rival.rms for rival in rivals]))}
    for name in ("ratio", "coherence"):
        values = [getattr(rival, name) for rival in rivals]
        for end, rows in (("lo", low), ("hi", ~low)):
            cells = np.concatenate([value[rows].ravel() for value in values])
            found[f"{name}_{end}"] = float(cells[np.isfinite(cells)].mean())
    return found


def main_table(title: str, rows: dict[str, Numbers]) -> Iterator[str]:
    """Yield a table with a row for each kernel."""
    cells = [(name, *(_shown(value) for value in _ordered(numbers))) for name, numbers in rows.items()]
    yield from section(title, HEAD, cells)


def posterior_words(rows: dict[str, Numbers]) -> Iterator[str]:
    """Yield a sentence about the kernels that know the power of their own posterior."""
    known = [
        f"{name} {numbers['posterior_lo']:.3f}, {numbers['posterior_hi']:.3f}"
        for name, numbers in rows.items()
        if "posterior_lo" in numbers
    ]
    if known:
        yield f"With the power of the posterior added, in place of the transfer (lo, hi): {'; '.join(known)}."


def peer_table(rows: dict[str, tuple[Numbers, Numbers]]) -> Iterator[str]:
    """Yield a table with a row for each other program, ours beside it."""
    cells = [
        (name, *(f"{value:.4g}" for pair in (theirs, ours) for value in pair.values()))
        for name, (ours, theirs) in rows.items()
    ]
    yield from section("Beside other programs", PEER_HEAD, cells)


def table_by_k(title: str, rows: Sequence[Numbers]) -> Iterator[str]:
    """Yield a table with a row for each k_par."""
    cells = [(f"{row['k_par']:.2f}", *map(_shown, list(row.values())[1:])) for row in rows]
    yield from section(title, BY_K_HEAD, cells)


def _ordered(numbers: Numbers) -> Iterator[float]:
    pairs = (
        f"{name}_{end}" for name in ("power", "transfer", "corrected", "coherence") for end in ("lo", "hi")
    )
    for name in ("rms", *pairs, "close", "covered_lo", "covered_hi", "covered"):
        yield numbers.get(name, np.nan)


def _shown(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.2e}" if value >= 100 else f"{value:.3f}"


def _rows(trials: Sequence[Trial], below: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray((trials[0].k_par < LOW) == below)


def _close(trial: Trial) -> DoubleArray:
    return np.asarray(np.abs(trial.power / trial.true - 1.0) < CLOSE, dtype=np.float64)


def _covered(trial: Trial) -> DoubleArray:
    return np.asarray(np.abs(trial.power - trial.true) <= trial.sigma, dtype=np.float64)


def _mean(
    trials: Sequence[Trial],
    of: Callable[[Trial], DoubleArray],
    rows: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> float:
    """Return the mean over the bins of some k_par of all skies; bins without modes are none."""
    values = [of(trial)[rows][np.isfinite(trial.true[rows])] for trial in trials]
    return float(np.concatenate(values).mean()) if any(value.size for value in values) else np.nan
