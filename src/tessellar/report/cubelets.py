"""Reading what the run folder holds of one source: maps, slice and spectrum, made small enough for a picture."""

from __future__ import annotations

import warnings
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.cubelet_files import base_name
from tessellar.report.cubelet import Cubelet, Line, Numbers, Sky
from tessellar.report.run_folder import RunFolder

if TYPE_CHECKING:
    from astropy.io.fits import Header

MAX_PIXELS = 112
"""Pixels a side of a picture: more are not seen, and cost bytes."""

_MOST_VOXELS = 2**24  # of a cubelet that is read for the spectrum of its whole aperture
_SLAB_VOXELS = 2**22


def cubelet_paths(run: RunFolder, source: int) -> dict[str, Path]:
    """Return the files that a source would have, by product."""
    stem = f"{base_name(str(run.of('cube', 'name', default='')))}_{source}"
    kinds = {"spec": "txt"}
    products = ("cube", "mask", "mom0", "mom1", "snr", "chan", "pv", "spec")
    return {name: run.path / "cubelets" / f"{stem}_{name}.{kinds.get(name, 'fits')}" for name in products}


def has_cubelet(run: RunFolder, source: int) -> bool:
    """Return whether a source has a cubelet."""
    return cubelet_paths(run, source)["mom0"].is_file()


def read_cubelet(run: RunFolder, source: int) -> Cubelet | None:
    """Return what the folder holds of a source, None where its files are missing or damaged."""
    paths = cubelet_paths(run, source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers deviate from the standard as their cube's did
            return _read(paths)
    except (
        Exception
    ):  # a damaged file makes its readers raise many kinds; the page says which source lacks a picture
        return None


def _read(paths: dict[str, Path]) -> Cubelet:
    maps = {name: _image(paths[name])[0].T for name in ("mom0", "snr", "mom1")}
    header = _image(paths["mom0"])[1]
    slice_, slice_header = _image(paths["pv"])
    step = -(-max(maps["mom0"].shape) // MAX_PIXELS)
    first = 1.0 - float(slice_header["CRPIX1"])
    mean = partial(_thinned, steps=(step, step))
    columns = -(-slice_.shape[1] // MAX_PIXELS)
    known = bool(slice_header.get("KIN_OK", False))
    return Cubelet(
        mean(maps["mom0"]),
        mean(maps["snr"]),
        mean(maps["mom1"]),
        step,
        _sky(header),
        _thinned(slice_, (-(-slice_.shape[0] // MAX_PIXELS), columns)),
        first + columns * np.arange(-(-slice_.shape[1] // columns)) + (columns - 1) / 2,
        tuple(float(slice_header[key]) for key in ("KIN_X", "KIN_Y", "KIN_PA")) if known else None,  # type: ignore[arg-type]
        _line(paths),
    )


def _image(path: Path) -> tuple[Numbers, Header]:
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        return np.asarray(hdus[0].data, dtype=np.float64), hdus[0].header


def _thinned(image: Numbers, steps: tuple[int, int]) -> Numbers:
    """Return the mean of every block of pixels, NaN where all of them are."""
    if steps == (1, 1):
        return image
    counts = [-(-length // step) for length, step in zip(image.shape, steps, strict=True)]
    padded = np.full([n * step for n, step in zip(counts, steps, strict=True)], np.nan)
    padded[: image.shape[0], : image.shape[1]] = image
    blocks = padded.reshape(counts[0], steps[0], counts[1], steps[1])
    known = np.isfinite(blocks).sum(axis=(1, 3))
    sums = np.nansum(blocks, axis=(1, 3))
    return np.where(known > 0, sums / np.maximum(known, 1), np.nan)


def _sky(header: Header) -> Sky | None:
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    wcs = WCS(header)
    if not wcs.has_celestial:
        return None
    scale = float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs.celestial))))
    beam = None
    if header.get("BMAJ", 0) > 0 and header.get("BMIN", 0) > 0:
        mirrored = -1.0 if np.linalg.det(wcs.celestial.pixel_scale_matrix) > 0 else 1.0
        beam = (header["BMAJ"] / scale, header["BMIN"] / scale, mirrored * float(header.get("BPA", 0.0)))
    return Sky(scale, beam)


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
        shadow = _image(paths["chan"])[0] > 0
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
