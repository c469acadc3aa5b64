"""The verb that lays a finished run out for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, open_cube
from tessellar.errors import InputError, UsageError
from tessellar.io.naming import shown

if TYPE_CHECKING:
    from tessellar.api.finding import Run
    from tessellar.api.foregrounds import CleanCube
    from tessellar.kernels.look.network import Look
    from tessellar.model import Observer, Source

FORMATS = ("sofia", "fits", "sdc2", "sdc3a")
"""What a run can be exported as."""
TEAM = "Tessellar"


def export(
    run: Run | CleanCube | str | PathLike[str],
    out: str | PathLike[str],
    *,
    format: str,  # noqa: A002  # the name of the option
    fit: Cube | None = None,
    errors: str | PathLike[str] | None = None,
    second_look: bool | None = None,
    team: str = TEAM,
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> Path:
    """Lay a finished run out for other programs, in a folder or file that appears when it is whole.

    Parameters
    ----------
    run
        A run, or its folder; with ``sdc3a`` a clean cube, or the folder that belongs to it.
    out
        The folder to make, or with ``sdc2`` the file.
    format
        ``sofia``: catalogue, mask, maps and cubelets as SoFiA 2 names them; ``fits``: the catalogue as a FITS table,
        mask and maps; ``sdc2``: a submission to SKA Data Challenge 2; ``sdc3a``: one to SKA Data Challenge 3a, from
        the folder of a separation of foregrounds.
    fit
        With ``sdc2``: the cube that was searched, or its path. A turning disc is fitted to every source in it, and its
        flux, size, width, inclination and position angle replace what was measured.
    errors
        With ``sdc2``: another file to make, ECSV, with the errors of its columns: the challenge's has no room for them.
    second_look
        With ``fit``: whether a network corrects the discs; when None, it does where the run had a second look.
    team
        With ``sdc3a``: what the names of the files begin with.
    overwrite
        Whether to replace an ``out`` that is an earlier export.
    fresh
        Whether to discard what an interrupted export left; otherwise it goes on.
    observer
        Who is told how far the export is, and what the run lacks.

    Raises
    ------
    UsageError
        There is no such format, or it takes no fit, errors or second look; or torch is not installed, and a network is
        to look.
    InputError
        The folder is none of a finished run, or is damaged.
    OutputError
        ``out`` exists or cannot be written.

    Examples
    --------
    >>> export("run1", "run1_sofia", format="sofia")  # doctest: +SKIP
    PosixPath('run1_sofia')
    """
    from tessellar.report.export import exporting
    from tessellar.report.export_fits import export_fits
    from tessellar.report.export_sofia import export_sofia

    if format not in FORMATS:
        raise UsageError(
            f"A run cannot be exported as {format!r} in this version. Choose one of {', '.join(FORMATS)}."
        )
    folder = Path(fspath(run)) if isinstance(run, str | PathLike) else run.folder
    target = Path(fspath(out))
    if fit is not None and format != "sdc2":
        raise UsageError(f"Discs are fitted for sdc2 only, not for {format}. Leave --fit out.")
    if errors is not None and format != "sdc2":
        raise UsageError(
            f"Errors have a file of their own for sdc2 only, not for {format}. Leave --errors out."
        )
    if second_look and fit is None:
        raise UsageError(
            "The second look corrects discs that were fitted. Give the cube with --fit, or leave --second-look out."
        )
    if format == "sdc3a":
        remark = _export_powers(folder, target, team, overwrite)
        if remark and observer is not None:
            observer.say(remark)
        return target
    if format == "sdc2":
        beside = None if errors is None else Path(fspath(errors))
        cube = None if fit is None else open_cube(fit)
        _export_sources(folder, target, beside, cube, second_look, overwrite, observer)
        return target
    with exporting(folder, target, format, overwrite=overwrite, fresh=fresh, observer=observer) as work:
        export_sofia(work) if format == "sofia" else export_fits(work)
    return target


def _export_sources(
    folder: Path,
    target: Path,
    errors: Path | None,
    fit: Source | None,
    second_look: bool | None,
    overwrite: bool,
    observer: Observer | None,
) -> None:
    """Write the sources of a run as a submission, with discs fitted to them where there is a cube."""
    from tessellar.challenge.sdc2.writing import write_submission
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.observers import Silent
    from tessellar.report.export import finished_run, teller

    found, catalogue = finished_run(folder)
    told = observer or Silent()
    tell = None if fit is None else teller(told, "fit", len(catalogue))
    try:
        remark = write_submission(
            catalogue,
            found.summary,
            target,
            errors=errors,
            fit=fit,
            look=None if fit is None else _look(found.summary, second_look),
            workers=usable_cores(),
            overwrite=overwrite,
            tell=tell,
        )
    finally:
        if fit is not None:
            told.end("fit")
    if remark:
        told.say(remark)


def _look(info: Mapping[str, Any], asked: bool | None) -> Look | None:
    """Return the network that corrects discs, where it is asked for or the run had a second look."""
    from tessellar.kernels.look.network import DISCS, Look
    from tessellar.kernels.network.torch_library import check_libraries

    if not (bool(info.get("look")) if asked is None else asked):
        return None
    check_libraries()
    return Look(DISCS)


def _export_powers(folder: Path, target: Path, team: str, overwrite: bool) -> str:
    """Write the powers that a separation recovered as a submission; return what is missing in it."""
    from tessellar.challenge.sdc3a.bands import BANDS
    from tessellar.challenge.sdc3a.files import write_submission
    from tessellar.engine.foregrounds.power_file import read_power

    found = read_power(folder)
    spectra = {band: power for band, power in found.items() if band in BANDS}
    if not spectra:
        raise InputError(
            f"The separation in {shown(folder)} measured {', '.join(map(str, found))}, and none of the bands of the "
            f"challenge ({', '.join(map(str, BANDS))}). Separate a cube that covers one of them."
        )
    return write_submission(spectra, target, team, overwrite=overwrite)
