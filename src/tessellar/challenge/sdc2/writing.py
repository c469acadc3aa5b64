"""A submission to SKA Data Challenge 2 as a file: the text that its scorer reads, and its errors in another."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.challenge.sdc2.errors import measured_errors
from tessellar.challenge.sdc2.fitting import fit_discs
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.second_look import look_at_discs
from tessellar.challenge.sdc2.submission import Measured, on_sky, submitted
from tessellar.engine.precondition.again import measured_again
from tessellar.errors import InputError, OutputError
from tessellar.io.naming import shown
from tessellar.io.outputs import check_outputs, refuse_part_of_run
from tessellar.io.publish import check_target, write_text

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.kernels.look.network import Look
    from tessellar.model import Source

_AT_ONCE = 512  # discs whose surroundings are held


def write_submission(
    catalogue: QTable,
    info: Mapping[str, Any],
    out: Path,
    *,
    errors: Path | None = None,
    fit: Source | None = None,
    look: Look | None = None,
    workers: int = 1,
    overwrite: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> str:
    """Write the sources of a run in the columns of the challenge, and return in a sentence what was left out.

    Parameters
    ----------
    catalogue
        The sources.
    info
        What the run's ``run.json`` holds.
    out
        The file to make.
    errors
        Another for the errors of its columns, as ECSV; None to leave that out.
    fit
        The cube that was searched, to fit a disc to every source in it; None to leave that out.
    look
        With ``fit``: the network that corrects the discs; None to leave them as they were fitted.
    workers
        How many sources are fitted at the same time.
    overwrite
        Whether to replace files that are there.
    tell
        Called with the number of sources that are fitted, and of all, after each.

    Returns
    -------
    str
        Empty where every source is in the file as it was measured or, with ``fit``, fitted.

    Raises
    ------
    InputError
        The cube has no beam or no spectral axis, is not the one that was searched, or a file that was used with it
        is gone.
    UsageError
        The run subtracted what it keeps none of, so no disc can be fitted to what is left.
    OutputError
        A file exists or cannot be written.
    """
    check_outputs([out, errors], [fit])
    for file, begins in ((out, b"id ra dec "), (errors, b"# %ECSV ")):
        if file is not None:
            check_target(file, overwrite=overwrite)
            refuse_part_of_run(file)
            _check_earlier(file, begins)
    sampling = Sampling.of_run(info)
    found = Measured.of(catalogue, sampling)
    table, off, n_kept = submitted(found), measured_errors(found), 0
    if fit is not None:
        _check_cube(fit, info)
        fit = measured_again(fit, info.get("settings", {}))
        fitted = fit_discs(table, fit, sampling, workers, errors=off, tell=tell)
        measured, n_kept = table, fitted.n_kept
        table, off = fitted.table, off if fitted.errors is None else fitted.errors
        if look is not None:
            table, off = _corrected(found.rows, measured, table, off, fit, sampling, look)
    _write(on_sky(table, sampling), out, "ascii.basic")
    if errors is not None:
        _write(off, errors, "ascii.ecsv")
    remarks = []
    if found.n_left_out:
        remarks.append(
            f"{found.n_left_out} of {found.n_left_out + len(table)} sources are not in {out.name}: they have no "
            "position, no positive flux, or lie beyond the band of the challenge."
        )
    if look is not None and fit is not None:
        remarks.append(f"The network {look.card.name} corrected the discs of {len(table)} sources.")
    if n_kept:
        remarks.append(f"{n_kept} of {len(table)} sources keep what was measured: no disc fits them.")
    return " ".join(remarks)


def _check_earlier(file: Path, begins: bytes) -> None:
    """Refuse to replace what is no earlier submission, or no table of its errors."""
    if file.is_file():
        with file.open("rb") as found:
            if found.read(len(begins)) == begins:
                return
        raise OutputError(f"{shown(file)} is no earlier export, so it is not replaced. Choose another name.")


def _write(table: QTable, path: Path, layout: str) -> None:
    text = io.StringIO()
    table.write(text, format=layout)
    write_text(path, text.getvalue())


def _corrected(
    rows: QTable,
    measured: QTable,
    fitted: QTable,
    errors: QTable,
    cube: Source,
    sampling: Sampling,
    look: Look,
) -> tuple[QTable, QTable]:
    """Return the fitted discs as the network corrects them, and how far they may be off then, some at a time.

    ``rows`` are those of the catalogue.
    """
    from astropy.table import vstack

    parts = [slice(first, first + _AT_ONCE) for first in range(0, len(fitted), _AT_ONCE)]
    looked = [
        look_at_discs(rows[at], measured[at], fitted[at], errors[at], cube, sampling, look) for at in parts
    ]
    if not looked:
        return fitted, errors
    return vstack([table for table, _ in looked]), vstack([off for _, off in looked])


def _check_cube(cube: Source, info: Mapping[str, Any]) -> None:
    """Refuse a cube that is not the one that was searched, as far as its shape and its channels tell."""
    searched = info["cube"]
    axis, own = searched.get("spectral") or {}, cube.meta.spectral
    same_band = own is not None and all(
        math.isclose(value, axis.get(end, math.nan), rel_tol=1e-9)
        for value, end in ((own.values[0], "first"), (own.values[-1], "last"))
    )
    if list(cube.meta.shape) != list(searched["shape"]) or not same_band:
        raise InputError(
            f"{cube.meta.name} is not the cube that was searched, {searched['name']} of "
            f"{' x '.join(map(str, searched['shape']))} voxels: its shape or channels differ. Give that one to --fit."
        )
