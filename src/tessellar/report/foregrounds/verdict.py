"""The first lines of the report of a separation: what was taken out, how far that went, what is left of a signal."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray
from tessellar.report.foregrounds.separation_folder import SeparationFolder
from tessellar.report.page import first_of, memory_headline
from tessellar.report.words import count, duration, metric, percent, significant, things

BORDER = 0.1  # h/cMpc, between the wave numbers along the line of sight that foregrounds rule and the others

_NO_BREAK = "\N{NO-BREAK SPACE}"  # keeps a number and its unit on one line

_NAMES = {
    "pca": "Principal components",
    "poly": "Polynomials",
    "ica": "Independent components (FastICA)",
    "gmca": "Components that are sparse in wavelets (GMCA)",
    "gpr": "Gaussian process regression",
}


def method(run: SeparationFolder) -> str:
    """Return the name of the method in words."""
    return _NAMES.get(run.kernel, run.kernel or "A separation")


def removed(run: SeparationFolder) -> tuple[str, str]:
    """Return how many modes were taken out, and what they are called: whole ones, or what weakening many comes to."""
    effective = run.of("separation", "effective_modes")
    if isinstance(effective, int | float):
        return significant(effective), "effective modes"
    modes = int(run.of("modes", default=0))
    return count(modes), "mode" if modes == 1 else "modes"


def verdict(run: SeparationFolder) -> str:
    """Return what happened in a sentence or two, and one more where the result is partial."""
    number, noun = removed(run)
    shape = run.of("cube", "shape", default=[])
    of_all = f" of {things(shape[0], 'channel')}" if shape else ""
    sentences = [f"{method(run)} took {number} {noun} out{of_all}{_fall(run)}.", _left(run)]
    if run.is_partial:
        sentences.append("The result is partial.")
    return " ".join(sentences)


def headlines(run: SeparationFolder) -> list[tuple[str, str]]:
    """Return the row of large numbers."""
    number, noun = removed(run)
    cells = [(number, f"{noun} taken out")]
    fall = None if run.spectra is None else run.spectra.fall
    if fall is not None and fall[1] > 0:
        cells.append((f"{_ratio(fall[0] / fall[1])} ×", "less rms, median of the channels"))
    low, high = transfer_medians(run)
    cells += [
        (percent(share), f"of a signal's power left, k∥ {where} {BORDER:g}")
        for share, where in ((low, "up to"), (high, "above"))
        if share is not None
    ]
    if run.of("seconds") is not None:
        cells.append((duration(run.of("seconds")), "for the run"))
    return cells + memory_headline(run)


def warnings(run: SeparationFolder) -> list[str]:
    """Return what is worth knowing."""
    sentences = []
    failed, n_pieces = int(run.of("tiles_failed", default=0)), int(run.of("n_tiles", default=0))
    if failed:
        of_all = f"{failed} of {count(max(failed, n_pieces))} pieces could not be cleaned"
        sentences.append(f"{of_all}: they are blank in the clean cube.")
    others = int(run.of("units_failed", default=0)) - failed
    if others > 0:
        sentences.append(
            f"{things(others, 'unit')} of work failed: what was learned or measured lacks their part of the cube."
        )
    elif run.of("partial") and not failed:
        sentences.append("This run is partial: some of the cube was not cleaned, or not learned from.")
    blank = run.of("blank_channels", default=[])
    if blank:
        sentences.append(f"Without data: {things(len(blank), 'channel')} of the cube.")
    sentences += [one[:1].upper() + one[1:] for one in first_of(run.of("warnings", default=[]))]
    return sentences + first_of(run.of("cube", "missing", default=[]))


def transfer_medians(run: SeparationFolder) -> tuple[float | None, float | None]:
    """Return what is left of a signal's power, the median over all bins up to `BORDER` and above it."""
    bins = list((run.power or {}).values())
    if not bins:
        return None, None
    k_par, part = (np.concatenate([one[name].ravel() for one in bins]) for name in ("k_par", "transfer"))
    low = k_par <= BORDER * (1 + 1e-6)
    return _median(part[low]), _median(part[~low])


def _median(values: DoubleArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _ratio(number: float) -> str:
    """Return a ratio: as a count where it is large, else with three digits."""
    return count(float(f"{number:.3g}")) if number >= 1000 else significant(number)


def _fall(run: SeparationFolder) -> str:
    fall = None if run.spectra is None else run.spectra.fall
    if fall is None:
        return ""
    words = " to ".join(_with_unit(value, run.unit) for value in fall)
    times = f", a factor of {_ratio(fall[0] / fall[1])}" if fall[1] > 0 else ""
    return f"; the median rms of the channels fell from {words}{times}"


def _with_unit(value: float, unit: str) -> str:
    factor, shown = metric(value, unit)
    return f"{significant(value * factor)}{_NO_BREAK}{shown}".strip()


def _left(run: SeparationFolder) -> str:
    """Return what is left of a signal."""
    low, high = transfer_medians(run)
    shares = [
        f"{percent(share)} at k∥ {where} {BORDER:g} h/cMpc".replace(" %", f"{_NO_BREAK}%")
        for share, where in ((low, "up to"), (high, "above"))
        if share is not None
    ]
    if not shares:
        return "What is left of a signal was not measured."
    return f"Of an injected signal's power there is left {' and '.join(shares)} (median of the bins)."
