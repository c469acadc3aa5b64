"""Stand-ins for the public files of the challenge: a catalogue, a noise spectrum, and an atlas of two galaxies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

ROWS = 2500


def write_files(folder: Path) -> str:
    """Write them, and return the folder."""
    rng = np.random.default_rng(1)
    names = "id ra dec hi_size line_flux_integral central_freq pa i w20"
    mass = rng.normal(size=ROWS)
    face = rng.random(ROWS)
    columns = (
        np.arange(ROWS),
        rng.uniform(179.7, 180.3, ROWS),
        rng.uniform(-30.25, -29.75, ROWS),
        5.0 * np.exp(0.4 * mass + 0.2 * rng.normal(size=ROWS)),
        6.0 * np.exp(mass),
        rng.uniform(950e6, 1150e6, ROWS),
        rng.uniform(0, 360, ROWS),
        np.degrees(np.arccos(face)),
        60 + 250 * np.exp(0.2 * mass) * np.sqrt(1 - face**2),
    )
    np.savetxt(folder / "sky_dev_truthcat_v2.txt", np.stack(columns, axis=1), header=names, comments="")
    noise = np.stack([np.linspace(1200, 900, 50), np.ones(50), np.ones(50), np.full(50, 1.25)], axis=1)
    np.savetxt(folder / "meerkat_excess_noise.txt", noise, header=" frequency x y ratio\n")
    atlas = folder / "atlas"
    atlas.mkdir()
    lines = ["# name ..."]
    for name, inclination, sign in (("A1", 40.0, -1.0), ("A2", 80.0, 1.0)):
        fits.PrimaryHDU(
            disc(inclination, sign), fits.Header([("CDELT3", sign * 12e3), ("CTYPE3", "VRAD")])
        ).writeto(atlas / f"{name}_small.fits")
        lines.append(f"NGC_{name} 5 9.2 553 {inclination} 100 0 9.6 {name} 2.0 1.5 1.3 200.0")
    (atlas / "metadata.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder)


def disc(inclination: float, sign: float) -> np.ndarray:
    """Return a disc 30 pixels wide whose north recedes: (velocity, north, west), channels of 12 km/s."""
    v, y, x = np.meshgrid(np.arange(-12, 13), np.arange(-25, 26), np.arange(-25, 26), indexing="ij")
    r = np.hypot(y, x / np.cos(np.radians(inclination)))
    speed = 100.0 * np.sin(np.radians(inclination)) * y / np.maximum(r, 1.0)
    light = np.exp(-r / 3.9) * (r < 22)
    return light * np.exp(-0.5 * ((sign * v * 12.0 - speed) / 14.0) ** 2)
