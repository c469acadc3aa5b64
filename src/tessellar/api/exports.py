"""The verb that lays a finished run out for other programs."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.api.finding import Run
    from tessellar.model import Observer

FORMATS = ("sofia", "fits", "sdc2")
"""What a run can be exported as."""


def export(
    run: Run | str | PathLike[str],
    out: str | PathLike[str],
    *,
    format: str,  # noqa: A002  # the name of the option
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> Path:
    """Lay a finished run out for other programs, in a folder or file that appears when it is whole.

    Parameters
    ----------
    run
        A run, or its folder.
    out
        The folder to make, or with ``sdc2`` the file.
    format
        ``sofia``: catalogue, mask, maps and cubelets as SoFiA 2 names them; ``fits``: the catalogue as a FITS table,
        mask and maps; ``sdc2``: a submission to SKA Data Challenge 2.
    overwrite
        Whether to replace an ``out`` that is an earlier export.
    fresh
        Whether to discard what an interrupted export left; otherwise it goes on.
    observer
        Who is told how far the export is, and what the run lacks.

    Raises
    ------
    UsageError
        There is no such format.
    InputError
        The folder is none of a finished run, or is damaged.
    OutputError
        ``out`` exists or cannot be written.

    Examples
    --------
    >>> export("run1", "run1_sofia", format="sofia")  # doctest: +SKIP
    PosixPath('run1_sofia')
    """
    from tessellar.challenge.sdc2.writing import write_submission
    from tessellar.report.export import exporting, finished_run
    from tessellar.report.export_fits import export_fits
    from tessellar.report.export_sofia import export_sofia

    if format not in FORMATS:
        raise UsageError(
            f"A run cannot be exported as {format!r} in this version. Choose one of {', '.join(FORMATS)}."
        )
    folder = Path(fspath(run)) if isinstance(run, str | PathLike) else run.folder
    target = Path(fspath(out))
    if format == "sdc2":
        found, catalogue = finished_run(folder)
        remark = write_submission(catalogue, found.summary, target, overwrite=overwrite)
        if remark and observer is not None:
            observer.say(remark)
        return target
    with exporting(folder, target, format, overwrite=overwrite, fresh=fresh, observer=observer) as work:
        export_sofia(work) if format == "sofia" else export_fits(work)
    return target
