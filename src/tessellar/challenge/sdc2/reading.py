"""Catalogues in the columns of SKA Data Challenge 2, whatever they are kept in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.challenge.sdc2.field import SNR
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.submission import Measured, on_sky, submitted
from tessellar.challenge.tables import SDC2_UNITS, read_table
from tessellar.errors import InputError
from tessellar.simulate.truth import DESCRIPTIONS, sdc2_table

if TYPE_CHECKING:
    from astropy.table import QTable


def sdc2_rows(path: Path) -> QTable:
    """Return the sources of a file or of a run folder in the columns of the challenge, with ``snr`` where it is known.

    Parameters
    ----------
    path
        The text of a submission or of the challenge's truth, any table with its columns, the truth of a made-up sky,
        or the folder of a finished run.

    Raises
    ------
    InputError
        There is none of these.
    """
    table = read_table(path)
    if path.is_dir():
        sampling = sampling_of_run(path)
        found = Measured.of(table, sampling)
        rows = on_sky(submitted(found), sampling)
        rows[SNR] = found.rows["snr"]
        return rows
    if set(SDC2_UNITS) <= set(table.colnames) or not set(DESCRIPTIONS) <= set(table.colnames):
        return table  # scoring says what is missing
    rows = sdc2_table(table)
    rows[SNR] = table["snr"]
    return rows


def sampling_of_run(folder: Path) -> Sampling:
    """Return how the cube of a run samples the sky.

    Raises
    ------
    InputError
        The run does not say.
    """
    try:
        return Sampling.of_run(json.loads((folder / "run.json").read_text(encoding="utf-8")))
    except InputError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder} holds no run.json that can be read; run the find again.") from error
