"""Calls of the program, in this process and in one of its own, and what must hold for each of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result

from tessellar.cli.program import program

SMALL = (16, 36, 30)  # frequency, m, l
CATALOGUES = ("catalogue.ecsv", "catalogue.parquet", "catalogue.vot")


def call(*words: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(program, [str(word) for word in words])


def program_command(*words: object) -> list[str]:
    """Return the command line that runs the program in a process of its own."""
    return [sys.executable, "-m", "tessellar", *(str(word) for word in words)]


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    settings = {name: value for name, value in os.environ.items() if name != "TESSELLAR_DEBUG"}
    command = program_command(*words)
    return subprocess.run(
        command, capture_output=True, text=True, env={**settings, **environment}, check=False
    )


def complaint(result: Result, code: int) -> str:
    """Return the one sentence with which a command ended, once sure that it is one."""
    assert result.exit_code == code, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("tessellar: error: ")]
    assert len(lines) == 1, result.stderr
    assert result.stderr.splitlines()[-1] == lines[0], result.stderr
    assert "Traceback" not in result.output
    assert "defect" not in lines[0], result.stderr
    assert lines[0].endswith((".", "?")) or code == 1, lines[0]  # code 1 ends in a command to copy
    return lines[0].removeprefix("tessellar: error: ")


def catalogues_in(folder: Path) -> dict[str, bytes]:
    """Return the content of the catalogue files of a run folder."""
    return {name: (folder / name).read_bytes() for name in CATALOGUES if (folder / name).exists()}


def voxels_with_sources(shape: tuple[int, int, int]) -> np.ndarray:
    """Return noise and two bright blobs, float32 array (frequency, m, l) as FITS stores it."""
    voxels = np.random.default_rng(1).normal(0, 1e-3, shape).astype(np.float32)
    grid = np.indices(shape)
    for centre in ((5, 8, 9), (11, 26, 21)):
        distance = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))
        voxels += (0.03 * np.exp(-distance / 8)).astype(np.float32)
    return voxels


def write_cube(path: Path, voxels: np.ndarray, **cards: object) -> Path:
    """Write an array (frequency, m, l) as a FITS cube with sky coordinates, frequencies and a beam."""
    from astropy.io import fits

    header = fits.Header()
    header["BUNIT"] = "Jy/beam"
    for axis, kind, value, step in (
        (1, "RA---SIN", 10.0, -1e-3),
        (2, "DEC--SIN", -30.0, 1e-3),
        (3, "FREQ", 1.4e9, 1e5),
    ):
        header[f"CTYPE{axis}"], header[f"CRVAL{axis}"] = kind, value
        header[f"CDELT{axis}"], header[f"CRPIX{axis}"] = step, 1.0
        header[f"CUNIT{axis}"] = "Hz" if axis == 3 else "deg"
    header["RESTFRQ"], header["SPECSYS"] = 1.420405751786e9, "BARYCENT"
    header["BMAJ"], header["BMIN"], header["BPA"] = 4e-3, 4e-3, 0.0
    header.update(cards)
    fits.PrimaryHDU(voxels, header).writeto(path)
    return path
