"""What a separation leaves beside the clean cube: a folder with its settings, figures, maps and spectra."""

from __future__ import annotations

from pathlib import Path

from tessellar.engine.companion import Companion
from tessellar.engine.foregrounds.pipeline import Cleaned
from tessellar.io.map_fits import cube_header, image_file
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box

SEPARATION = "separation.npz"
COMPONENTS = "components.fits"
POWER = "power.ecsv"
MAX_MODES = 24  # whose spectra are kept


def folder_of(out: Path) -> Companion:
    """Return the folder that belongs to a clean cube: ``clean.foregrounds`` for ``clean.zarr``."""
    return Companion.beside(out, "foregrounds", (SEPARATION, COMPONENTS, POWER))


def save_separation(folder: Companion, cleaned: Cleaned) -> None:
    """Write eigenvalues, modes and the spectra of the cube before and after as arrays of numpy.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    learned, before, after = cleaned.learned, cleaned.before, cleaned.after
    operator = learned.separated.operator
    modes = operator.basis if operator.basis is not None else learned.modes
    arrays = {
        "frequency": learned.hertz,
        "used": learned.used,
        "good": before.count,
        "eigenvalues": learned.eigenvalues,
        "modes": modes[:, :MAX_MODES],
        "mean": operator.mean,
        "mean_before": before.mean,
        "mean_after": after.mean,
        "rms_before": before.rms,
        "rms_after": after.rms,
    }
    folder.save_arrays(SEPARATION, arrays)


def save_components(folder: Companion, meta: CubeMeta, maps: FloatArray) -> None:
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
    whole = cube_header(meta, Box.of_shape(meta.shape), meta.unit, BTYPE="amplitude of a foreground mode")
    header = whole.without(["CTYPE3", "CUNIT3", "CRPIX3", "CRVAL3", "CDELT3", "RESTFRQ", "SPECSYS"])
    header["CTYPE3"], header["CRPIX3"], header["CRVAL3"], header["CDELT3"] = "MODE", 1.0, 1.0, 1.0
    planes = maps.transpose(0, 2, 1)
    with image_file(folder.path / COMPONENTS, header, "float32", planes.shape) as append:
        append(planes)
