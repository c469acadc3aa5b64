"""A program for another interpreter: clean a cube with ps_eor, by its documented interface.

    PYTHON run_ps_eor.py IN.npy OUT.npy pca|poly MODES FIRST_HZ CHANNEL_HZ DEGREES UMIN UMAX

IN and OUT are arrays (frequency, l, m); OUT holds the waves between UMIN and UMAX wavelengths only. ps_eor is free
software under the GPL: it runs as a program of its own, and Tessellar holds none of its code.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.io import fits
from ps_eor import datacube, fgfit  # type: ignore[import-not-found,unused-ignore]

given, wanted, name, modes = sys.argv[1:5]
first_hz, channel_hz, degrees, shortest, longest = map(float, sys.argv[5:])
cube = np.load(given)
pixel, middle = degrees / cube.shape[1], cube.shape[1] // 2 + 1
with TemporaryDirectory() as folder:
    images = []
    for channel, image in enumerate(cube):
        header = fits.Header()
        axes = (
            ("RA---SIN", 0.0, -pixel, middle, "deg"),
            ("DEC--SIN", -30.0, pixel, middle, "deg"),
            ("FREQ", first_hz + channel_hz * channel, channel_hz, 1, "Hz"),
            ("STOKES", 1.0, 1.0, 1, ""),
        )
        for number, values in enumerate(axes, start=1):
            for key, value in zip(("CTYPE", "CRVAL", "CDELT", "CRPIX", "CUNIT"), values, strict=True):
                header[f"{key}{number}"] = value
        header["BUNIT"] = "K"
        images.append(str(Path(folder) / f"{channel:04d}.fits"))
        fits.writeto(images[-1], image.T[None, None], header)
    waves = datacube.CartDataCube.load_from_fits_image(
        images, shortest, longest, np.deg2rad(degrees), convert_jy2k=False
    )
fitter = fgfit.PcaForegroundFit(int(modes)) if name == "pca" else fgfit.PolyForegroundFit(int(modes), "poly")
cleaned = fitter.run(waves, waves.make_diff_cube_interp()).sub
np.save(wanted, np.asarray(cleaned.regrid().image().data).transpose(0, 2, 1))
