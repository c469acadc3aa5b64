"""A submission to SKA Data Challenge 2 as a file: the text that its scorer reads."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.challenge.sdc2.submission import Sampling, submission
from tessellar.io.publish import check_target, write_text

if TYPE_CHECKING:
    from astropy.table import QTable


def write_submission(
    catalogue: QTable, info: Mapping[str, Any], out: Path, *, overwrite: bool = False
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
    overwrite
        Whether to replace a file that is there.

    Returns
    -------
    str
        Empty where every source is in the file.

    Raises
    ------
    InputError
        The cube has no beam or no spectral axis.
    OutputError
        The file exists or cannot be written.
    """
    check_target(out, overwrite=overwrite)
    table, n_left_out = submission(catalogue, Sampling.of_run(info))
    text = io.StringIO()
    table.write(text, format="ascii.basic")
    write_text(out, text.getvalue())
    if not n_left_out:
        return ""
    return (
        f"{n_left_out} of {n_left_out + len(table)} sources are not in {out.name}: they have no position, no positive "
        "flux, or lie beyond the band of the challenge."
    )
