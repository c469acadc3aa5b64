"""Verbs on catalogues: hold one against another, score one, write the report of a run anew."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.api.denoising import DenoisedCube
from tessellar.api.finding import Run
from tessellar.api.foregrounds import CleanCube
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.challenge.agreement import MatchResult
    from tessellar.challenge.sdc2.score import Sdc2Score
    from tessellar.challenge.sdc3a.score import Sdc3aScore


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


def score(
    challenge: str,
    result: QTable | Run | str | PathLike[str],
    truth: QTable | str | PathLike[str],
    *,
    beam_arcsec: float = 7.0,
    plot: str | PathLike[str] | None = None,
) -> Sdc2Score | Sdc3aScore:
    """Score a submission to a data challenge, as the challenge did.

    Parameters
    ----------
    challenge
        ``sdc2`` or ``sdc3a``.
    result, truth
        With ``sdc2``, tables with the columns ``id ra dec hi_size line_flux_integral central_freq pa i w20``, or
        paths: such a table, the folder of a run, the truth of a made-up sky. With ``sdc3a``, the paths of folders
        with power spectra in files that are called as that challenge calls them.
    beam_arcsec
        Full width of the beam at half maximum, with ``sdc2``; 7 in the challenge.
    plot
        With ``sdc2``: a figure to make (PNG, PDF or SVG), with completeness, reliability and the points of every
        measurement by flux, size and S/N.

    Raises
    ------
    UsageError
        There is no such challenge, or no such figure.
    InputError
        When one of them is no such catalogue or folder.

    Examples
    --------
    >>> print(score("sdc2", "submission.txt", "truth.txt"))  # doctest: +SKIP
    """
    from tessellar.challenge.sdc2.reading import sdc2_rows
    from tessellar.challenge.sdc2.score import score_sdc2

    def rows(catalogue: QTable | Run | str | PathLike[str]) -> QTable:
        if isinstance(catalogue, Run):
            return sdc2_rows(catalogue.folder)
        return sdc2_rows(Path(fspath(catalogue))) if isinstance(catalogue, str | PathLike) else catalogue

    if challenge == "sdc3a":
        return _score_spectra(result, truth)
    if challenge != "sdc2":
        raise UsageError(f"{challenge!r} is no challenge that can be scored; there are sdc2 and sdc3a.")
    made = score_sdc2(rows(result), rows(truth), beam_arcsec=beam_arcsec)
    if plot is not None:
        from tessellar.challenge.sdc2.plots import draw_score

        draw_score(made, Path(fspath(plot)))
    return made


def report(run: Run | CleanCube | DenoisedCube | str | PathLike[str]) -> Path:
    """Write the report of a finished run anew, from what its folder holds, and return where it is.

    Parameters
    ----------
    run
        A run, or the folder of one; or a cube that `separate_foregrounds` or `denoise` returned, or the folder
        ``NAME.foregrounds`` or ``NAME.denoise`` beside it.

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
    from tessellar.report.denoising import is_denoising, write_denoising_report
    from tessellar.report.foregrounds.html import write_foreground_report
    from tessellar.report.foregrounds.separation_folder import is_separation
    from tessellar.report.html import write_report
    from tessellar.report.run_folder import read_summary

    folder = run.folder if isinstance(run, Run | CleanCube | DenoisedCube) else Path(fspath(run))
    summary = read_summary(folder)
    if is_denoising(summary):
        return write_denoising_report(folder)
    return write_foreground_report(folder) if is_separation(summary) else write_report(folder)


def _score_spectra(
    result: QTable | Run | str | PathLike[str], truth: QTable | str | PathLike[str]
) -> Sdc3aScore:
    from tessellar.challenge.sdc3a.reading import estimates_in, truth_in
    from tessellar.challenge.sdc3a.score import score_sdc3a

    if not isinstance(result, str | PathLike) or not isinstance(truth, str | PathLike):
        raise UsageError("The score of sdc3a takes two folders or tables of power spectra. Give their paths.")
    return score_sdc3a(estimates_in(Path(fspath(result))), truth_in(Path(fspath(truth))))


def _table(catalogue: QTable | Run | str | PathLike[str]) -> QTable:
    if isinstance(catalogue, Run):
        return catalogue.catalogue
    if not isinstance(catalogue, str | PathLike):
        return catalogue
    from tessellar.challenge.tables import read_table

    return read_table(catalogue)
