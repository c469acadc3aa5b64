"""The files of a cubelet, made by hand for the tests of the gallery."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

PIXEL = 1e-3  # degrees
FIRST, STEP = 1.42e9, 1e5  # Hz


def header(**cards: object) -> fits.Header:
    """Return the coordinates of a map of the sky with a beam of 4 x 3 pixels."""
    made = fits.Header()
    made.update(CTYPE1="RA---SIN", CTYPE2="DEC--SIN", CDELT1=-PIXEL, CDELT2=PIXEL, CRVAL1=10.0, CRVAL2=-30.0)
    made.update(CRPIX1=1.0, CRPIX2=1.0, CUNIT1="deg", CUNIT2="deg")
    made.update(BMAJ=4 * PIXEL, BMIN=3 * PIXEL, BPA=30.0, **cards)
    return made


def write_cubelet(folder: Path, stem: str, cube: np.ndarray, mask: np.ndarray, beam: float = 10.0) -> None:
    """Write the files of a cubelet from voxels and mask, arrays (frequency, m, l); ``beam`` is an area in pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    values = FIRST + STEP * np.arange(len(cube))
    inside = np.where(mask, cube, 0.0)
    flux = inside.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean = (inside * values[:, np.newaxis, np.newaxis]).sum(axis=0) / flux
    maps = {
        "mom0": flux * STEP,
        "mom1": mean,
        "snr": np.where(flux != 0, flux, np.nan),
        "chan": mask.sum(axis=0),
    }
    for name, image in maps.items():
        kind = np.int32 if name == "chan" else np.float64
        fits.PrimaryHDU(image.astype(kind), header()).writeto(folder / f"{stem}_{name}.fits")
    fits.PrimaryHDU(cube.astype(np.float32)).writeto(folder / f"{stem}_cube.fits")
    fits.PrimaryHDU(mask.astype(np.uint8)).writeto(folder / f"{stem}_mask.fits")
    middle = cube.shape[1] // 2
    along = header(KIN_PA=0.0, KIN_X=float(middle), KIN_Y=float(middle), KIN_OK=True)
    along["CRPIX1"] = 1.0 + middle
    fits.PrimaryHDU(cube[:, :, middle].astype(np.float32), along).writeto(folder / f"{stem}_pv.fits")
    columns = (
        np.arange(len(cube)),
        values,
        inside.sum(axis=(1, 2)) / beam,
        mask.sum(axis=(1, 2)),
        0.1 * values / FIRST,
    )
    rows = "\n".join(" ".join(f"{number:.15g}" for number in row) for row in zip(*columns, strict=True))
    text = f"# a source\n# chan freq f_sum n_pix err_f_sum\n# - Hz Jy - Jy\n{rows}\n"
    (folder / f"{stem}_spec.txt").write_text(text)


def blob(shape: tuple[int, int, int], peak: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Return noise with a source in the middle, and the mask of it, arrays (frequency, m, l)."""
    grid = np.indices(shape)
    distance = sum(((axis - n // 2) / (n / 6)) ** 2 for axis, n in zip(grid, shape, strict=True))
    noise = np.random.default_rng(0).normal(size=shape)
    return noise + peak * np.exp(-distance), distance < 1.5
