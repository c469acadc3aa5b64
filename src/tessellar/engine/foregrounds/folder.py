"""What a separation leaves beside the clean cube: a folder with its settings, figures, maps and spectra."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.config import settings_text
from tessellar.engine.foregrounds.pipeline import Cleaned
from tessellar.errors import OutputError, UsageError
from tessellar.io.map_fits import cube_header, image_file
from tessellar.io.naming import shown
from tessellar.io.publish import make_folder, output_errors, write_bytes, write_text
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box

SUFFIX = ".foregrounds"
SETTINGS = "run.toml"
RECORD = "run.json"
SEPARATION = "separation.npz"
COMPONENTS = "components.fits"
POWER = "power.ecsv"
MAX_MODES = 24  # whose spectra are kept
_OURS = (SETTINGS, RECORD, SEPARATION, COMPONENTS, POWER, "report.html", "run.log")
_REPEAT = "The settings of a separation; repeat it with: tessellar foregrounds CUBE OUT --config run.toml"


def folder_of(out: Path) -> Path:
    """Return the folder that belongs to a clean cube: ``clean.foregrounds`` for ``clean.zarr``."""
    return out.with_name(out.stem + SUFFIX)


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else.

    Raises
    ------
    OutputError
        It is a file, or cannot be written to.
    UsageError
        It holds other files than those of a separation.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"{shown(folder)} is a file, and a folder of that name is needed. Choose another output."
        )
    with output_errors(folder):
        others = (
            [entry.name for entry in folder.iterdir() if entry.name not in _OURS] if folder.is_dir() else []
        )
    if others:
        raise UsageError(
            f"{shown(folder)} holds other files ({others[0]}), and what belongs to the clean cube goes there. Move "
            "them, or choose another output."
        )


def begin_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder, remove what an earlier run left in it, and write the settings of this one.

    Raises
    ------
    OutputError
        It cannot be written to.
    """
    with output_errors(folder):
        if folder.is_dir():
            shutil.rmtree(folder)
        make_folder(folder)
    write_text(folder / SETTINGS, settings_text("foregrounds", settings, _REPEAT))


def save_separation(folder: Path, cleaned: Cleaned) -> None:
    """Write eigenvalues, modes and the spectra of the cube before and after as arrays of numpy.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    from io import BytesIO

    learned, before, after = cleaned.learned, cleaned.before, cleaned.after
    operator = learned.separated.operator
    modes = operator.basis if operator.basis is not None else learned.modes
    buffer = BytesIO()
    np.savez(
        buffer,
        frequency=learned.hertz,
        used=learned.used,
        good=before.count,
        eigenvalues=learned.eigenvalues,
        modes=modes[:, :MAX_MODES],
        mean=operator.mean,
        mean_before=before.mean,
        mean_after=after.mean,
        rms_before=before.rms,
        rms_after=after.rms,
    )
    write_bytes(folder / SEPARATION, buffer.getvalue())


def save_components(folder: Path, meta: CubeMeta, maps: FloatArray) -> None:
    """Write the maps of the modes that were taken out as a FITS cube with an axis for the number of the mode.

    Parameters
    ----------
    folder
        Where.
    meta
        The cube.
    maps
        float32 array (mode, l, m); nothing is written where there is none.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    if not len(maps):
        return
    header = cube_header(meta, Box.of_shape(meta.shape), meta.unit, BTYPE="amplitude of a foreground mode")
    for key in ("CTYPE3", "CUNIT3", "CRPIX3", "CRVAL3", "CDELT3", "RESTFRQ", "SPECSYS"):
        header.remove(key, ignore_missing=True)
    header["CTYPE3"], header["CRPIX3"], header["CRVAL3"], header["CDELT3"] = "MODE", 1.0, 1.0, 1.0
    planes = maps.transpose(0, 2, 1)
    with image_file(folder / COMPONENTS, header, "float32", planes.shape) as append:
        append(planes)


def save_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``run.json``.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    write_text(folder / RECORD, json.dumps(record, indent=1) + "\n")
