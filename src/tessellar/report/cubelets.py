"""Reading what the run folder holds of one source: maps, slice and spectrum, made small enough for a picture."""

from __future__ import annotations

import warnings
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.report.cubelet import Cubelet, Line, Numbers, Sky
from tessellar.report.cubelet_store import CubeletStore

if TYPE_CHECKING:
    from astropy.io.fits import Header

MAX_PIXELS = 112
"""Pixels a side of a picture: more are not seen, and cost bytes."""

_MOST_VOXELS = 2**24  # of a cubelet that is read for the spectrum of its whole aperture
_SLAB_VOXELS = 2**22


def read_cubelet(store: CubeletStore, source: int) -> Cubelet | None:
    """Return what a run holds of a source, None where its files are missing or damaged."""
    try:
        with warnings.catch_warnings(), store.files(source) as paths:
            warnings.simplefilter("ignore")  # headers deviate from the standard as their cube's did
            return _read(paths)
    except (
        Exception
    ):  # a damaged file makes its readers raise many kinds; the page says which picture is missing
        return None


def _read(paths: dict[str, Path]) -> Cubelet:
    (moment0, header), (snr, _), (moment1, _) = (_picture(paths[name]) for name in ("mom0", "snr", "mom1"))
    slice_, along = _picture(paths["pv"], square=False)
    columns = _block(int(along["NAXIS1"]))
    first = 1.0 - float(along["CRPIX1"])
    known = bool(along.get("KIN_OK", False))
    return Cubelet(
        moment0.T,
        snr.T,
        moment1.T,
        _block(max(int(header["NAXIS1"]), int(header["NAXIS2"]))),
        _sky(header),
        slice_,
        first + columns * np.arange(slice_.shape[1], dtype=np.float64) + (columns - 1) / 2,
        (float(along["KIN_X"]), float(along["KIN_Y"]), float(along["KIN_PA"])) if known else None,
        _line(paths),
    )


def _block(length: int) -> int:
    """Return how many pixels become one."""
    return -(-length // MAX_PIXELS)


def _picture(path: Path, *, square: bool = True) -> tuple[Numbers, Header]:
    """Return an image with its blocks of pixels averaged, both axes alike or each as it needs, and its header."""
    from astropy.io import fits

    with fits.open(path, memmap=True) as hdus:
        image = hdus[0].data
        rows, columns = (_block(max(image.shape) if square else length) for length in image.shape)
        strips = [_averaged(image[i : i + rows], columns) for i in range(0, image.shape[0], rows)]
        return np.array(strips), hdus[0].header.copy()


def _averaged(strip: npt.NDArray[Any], columns: int) -> Numbers:
    """Return the mean of blocks of a strip as high as they are, float64 array (column), NaN where all is blank."""
    width = -(-strip.shape[1] // columns) * columns
    padded = np.full((strip.shape[0], width), np.nan)
    padded[:, : strip.shape[1]] = strip
    blocks = padded.reshape(strip.shape[0], -1, columns)
    known = np.isfinite(blocks).sum(axis=(0, 2))
    return np.where(known > 0, np.nansum(blocks, axis=(0, 2)) / np.maximum(known, 1), np.nan)


def _sky(header: Header) -> Sky | None:
    from astropy.wcs import WCS

    wcs = WCS(header)
    if not wcs.has_celestial:
        return None
    matrix = np.asarray(wcs.celestial.pixel_scale_matrix, dtype=np.float64)
    beam = None
    if header.get("BMAJ", 0) > 0 and header.get("BMIN", 0) > 0:
        beam = beam_in_pixels(matrix, header["BMAJ"], header["BMIN"], float(header.get("BPA", 0.0)))
    return Sky(float(np.hypot(*matrix[:, 0])), beam)


def beam_in_pixels(matrix: Numbers, major: float, minor: float, pa: float) -> tuple[float, float, float]:
    """Return the ellipse of a beam as a picture in pixels shows it, wherever north is and whatever shape pixels have.

    Parameters
    ----------
    matrix
        Degrees on the sky, east and north, of a step along l and one along m, float64 array (2, 2).
    major, minor, pa
        The beam in degrees; the angle from north through east.

    Returns
    -------
    tuple
        Both widths in pixels, and the angle of the wider one from the m axis anticlockwise, degrees.
    """
    turn = np.radians(pa)
    along, across = np.array([np.sin(turn), np.cos(turn)]), np.array([np.cos(turn), -np.sin(turn)])
    on_sky = np.stack([along * major, across * minor], axis=1)
    in_pixels = np.linalg.solve(matrix, on_sky)
    squares, axes = np.linalg.eigh(in_pixels @ in_pixels.T)
    l, m = axes[:, 1]  # noqa: E741  # the field's letters
    angle = float(np.degrees(np.arctan2(-l, m)))
    return float(np.sqrt(squares[1])), float(np.sqrt(max(squares[0], 0.0))), (angle + 90.0) % 180.0 - 90.0


def _line(paths: dict[str, Path]) -> Line:
    lines = paths["spec"].read_text(encoding="utf-8").splitlines()
    names, units = (line.lstrip("#").split() for line in lines[1:3])
    columns = np.loadtxt(lines, ndmin=2)
    _, values, flux, pixels, noise = columns.T
    inside = pixels > 0
    known = [unit.replace("-", "") for unit in (units[1], units[2])]
    return Line(names[1], (known[0], known[1]), values, flux, noise, _aperture(paths, flux, inside), inside)


def _aperture(paths: dict[str, Path], flux: Numbers, inside: npt.NDArray[np.bool_]) -> Numbers | None:
    """Return the flux density in the aperture of the mask, in the unit of ``flux``, which is that of the mask alone."""
    from astropy.io import fits

    with fits.open(paths["cube"], memmap=True) as cube, fits.open(paths["mask"], memmap=True) as mask:
        voxels, labels = cube[0].data, mask[0].data
        if prod(voxels.shape) > _MOST_VOXELS:
            return None
        shadow = fits.getdata(paths["chan"]) > 0
        whole, part = np.zeros(len(voxels)), np.zeros(len(voxels))
        depth = max(1, _SLAB_VOXELS // shadow.size)
        for z in range(0, len(voxels), depth):
            seen = np.nan_to_num(voxels[z : z + depth][:, shadow].astype(np.float64))
            whole[z : z + depth] = seen.sum(axis=1)
            part[z : z + depth] = (seen * labels[z : z + depth][:, shadow]).sum(axis=1)
    return whole * _scale(flux, part, inside)


def _scale(flux: Numbers, part: Numbers, inside: npt.NDArray[np.bool_]) -> float:
    """Return what a sum of voxels is multiplied by: told by the channels of the mask."""
    known = inside & (part != 0)
    ratios: Any = flux[known] / part[known]
    return float(np.median(ratios)) if ratios.size else float("nan")
