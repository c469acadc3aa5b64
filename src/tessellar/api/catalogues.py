"""Verbs on catalogues: hold one against another, write the report of a run anew."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.api.finding import Run

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.challenge.agreement import MatchResult


def match(
    catalogue: QTable | Run | str | PathLike[str], reference: QTable | Run | str | PathLike[str]
) -> MatchResult:
    """Hold a catalogue against another, or against the truth: completeness, reliability, offsets.

    Parameters
    ----------
    catalogue, reference
        Tables, runs, or paths: a run folder, VOTable, Parquet, ECSV, the texts of SoFiA and of SDC2.

    Raises
    ------
    InputError
        When one of them is no catalogue, or they have no positions in common.

    Examples
    --------
    >>> print(match("run1", "sky.truth.ecsv"))  # doctest: +SKIP
    """
    from tessellar.challenge.match import match as compare

    return compare(_table(catalogue), _table(reference))


def report(run: Run | str | PathLike[str]) -> Path:
    """Write the report of a finished run anew, from what its folder holds, and return where it is.

    Raises
    ------
    InputError
        When the folder is none of a finished run.
    OutputError
        When it cannot be written to.

    Examples
    --------
    >>> report("run1")  # doctest: +SKIP
    PosixPath('run1/report.html')
    """
    from tessellar.report.html import write_report

    return write_report(run.folder if isinstance(run, Run) else Path(fspath(run)))


def _table(catalogue: QTable | Run | str | PathLike[str]) -> QTable:
    if isinstance(catalogue, Run):
        return catalogue.catalogue
    if not isinstance(catalogue, str | PathLike):
        return catalogue
    from tessellar.challenge.tables import read_table

    return read_table(catalogue)
