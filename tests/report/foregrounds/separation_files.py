"""Folders of separations that nobody made: small arrays written as a separation writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from memory_cube import meta_of

from tessellar.engine.companion import Companion
from tessellar.engine.foregrounds.band_check import BandCheck
from tessellar.engine.foregrounds.folder import save_components
from tessellar.engine.foregrounds.power_file import save_power
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.kernels.power.transfer import Transfer
from tessellar.model import CubeMeta, DoubleArray, SpectralAxis

N_CHANNELS = 40
BLANK = (0, 7, 20, 21, 22)
BAND = Band.of_mhz(150, 154)
EDGES: DoubleArray = 0.025 + 0.05 * np.arange(5)


def record(**changes: Any) -> dict[str, Any]:
    """Return what ``run.json`` holds."""
    stage = {
        "seconds": 2.0,
        "n_units": 12,
        "resumed": 0,
        "shares": {"read": 0.5, "kernel": 0.25, "write": 0.0},
    }
    return {
        "kernel": "pca",
        "modes": 2,
        "separation": {"modes": 2.0, "counted": "by the eigenvalues"},
        "n_voxels": 24_000,
        "n_blank": 3000,
        "blank_channels": list(BLANK),
        "seconds": 12.34,
        "voxels_per_second": 1945.0,
        "peak_rss_bytes": 3 * 2**28,
        "n_tiles": 4,
        "tiles_failed": 0,
        "units_failed": 0,
        "retries": 0,
        "bytes_read": 2**20,
        "partial": False,
        "warnings": ["the tail is short."],
        "stages": {"moments": stage, "separate": stage},
        "plan": {"piece": [40, 32, 32], "projected_bytes": 2**30, "projected_for": "the run"},
        "cube": {
            "name": "sky.fits",
            "shape": [N_CHANNELS, 30, 20],
            "unit": "K",
            "pixel_arcsec": [36.0, 36.0],
            "spectral": {"kind": "freq", "unit": "Hz", "first": 150e6, "last": 153.9e6},
            "missing": ["No beam."],
        },
        "settings": {"kernel": "pca", "set": {"modes": 0}, "power": True, "halves": ["a.fits", "b.fits"]},
        "versions": {"tessellar": "0.1.0"},
        **changes,
    }


def gpr_record(**changes: Any) -> dict[str, Any]:
    """Return what ``run.json`` holds after a regression whose foreground scale is at the end of its range."""
    best = {
        "foreground_variance": 1234.5,
        "foreground_scale": 12.0,
        "signal_variance": 2e-5,
        "noise_variance": 4e-6,
    }
    ends = [
        {"negative_log_likelihood": -100.0, "starts": [0, 2], **best},
        {"negative_log_likelihood": -97.5, "starts": [1], **best, "foreground_scale": 7.25},
    ]
    warning = (
        "the foreground scale of the Gaussian processes is at the upper end of its range, 12 MHz: the cube does not "
        "tell it, or the range does not suit the cube."
    )
    told = {**best, "negative_log_likelihood": -100.0, "effective_modes": 3.59, "optima": ends}
    settings = {"kernel": "gpr", "set": {"degree": 2, "foreground_scale": [5.0, 12.0]}}
    return record(kernel="gpr", modes=4, separation=told, warnings=[warning], settings=settings, **changes)


def fill(
    folder: Path,
    told: dict[str, Any] | None = None,
    *,
    n_channels: int = N_CHANNELS,
    modes: int = 2,
    bands: tuple[Band, ...] = (BAND,),
    transfer: bool = True,
    side: tuple[int, int] = (30, 20),
    wcs: bool = True,
) -> Path:
    """Write a folder with everything that a separation leaves: rms of 40 K before and 5 mK after."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record() if told is None else told))
    used = np.ones(n_channels, bool)
    used[list(BLANK)] = False
    blank = np.where(used, 1.0, np.nan)
    x = np.linspace(-1, 1, n_channels)
    np.savez(
        folder / "separation.npz",
        frequency=150e6 + 1e5 * np.arange(n_channels),
        used=used,
        good=600 * used,
        eigenvalues=1e-4 * np.exp(-0.05 * np.arange(used.sum())) + np.eye(used.sum())[0] * 1e4,
        modes=np.stack([np.cos(number * x) for number in range(modes)], axis=1)[used],
        mean=np.zeros(used.sum()),
        mean_before=blank * (330 - 20 * x),
        mean_after=0 * blank,
        rms_before=40 * blank,
        rms_after=5e-3 * blank,
    )
    axis = SpectralAxis("freq", "Hz", tuple(150e6 + 1e5 * np.arange(n_channels)))
    known: dict[str, Any] = {} if wcs else {"wcs_header": ""}
    meta: CubeMeta = meta_of((n_channels, *side), unit="K", spectral=axis, **known)
    maps = np.random.default_rng(0).normal(size=(modes, *side)).astype(np.float32)
    maps[:, 0, 0] = np.nan
    save_components(Companion(folder, "foregrounds"), meta, maps)
    save_power(folder, {band: check(transfer=transfer) for band in bands})
    return folder


def check(*, transfer: bool) -> BandCheck:
    """Return power of 1e4 K² before and of 0.02 K² after; of a signal is left 1/4 at 0.05 and 0.1 h/cMpc, else 0.9."""
    shape = (4, 4)
    n_modes = np.full(shape, 8, np.int64)
    n_modes[3, 3] = 0
    known = np.where(n_modes > 0, 1.0, np.nan)
    before = CylindricalPower(EDGES, EDGES, 1e4 * known, 1e3 * known, n_modes)
    after = CylindricalPower(EDGES, EDGES, 0.02 * known, 0.002 * known, n_modes)
    after.power[2, 1] = -0.001
    if not transfer:
        return BandCheck(before, after)
    part = np.repeat([0.25, 0.25, 0.9, 0.9], 4).reshape(shape) * known
    return BandCheck(before, after, Transfer(part, 0.01 * known, 0.01 * known))
