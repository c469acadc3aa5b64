"""One made-up low-frequency sky, cleaned by a kernel as a user would, and held against what it was made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.validation.low_sky import LowSky, MadeCube
from tessellar import api
from tessellar.api.signals import signal_like
from tessellar.engine.foregrounds.resolution import CommonResolution
from tessellar.kernels.foregrounds.registry import separation_of
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.model import DoubleArray, Source
from tessellar.tiling.box import Box


@dataclass(frozen=True, slots=True)
class Method:
    """A kernel with its settings, and what it is called."""

    title: str
    kernel: str
    settings: dict[str, Any] = field(default_factory=dict)


LEAST_SEEN = 0.1  # of the signal's power, in bins that count
METHODS = (
    Method("PCA, 2 modes", "pca", {"modes": 2}),
    Method("PCA, 3 modes", "pca", {"modes": 3}),
    Method("PCA, 4 modes", "pca", {"modes": 4}),
    Method("ICA, 3 modes", "ica", {"modes": 3}),
    Method("GMCA, 3 modes", "gmca", {"modes": 3}),
    Method("poly, degree 2", "poly", {"degree": 2}),
    Method("poly, degree 3", "poly", {"degree": 3}),
    Method("GPR", "gpr"),
    Method("GPR, no polynomial", "gpr", {"degree": -1}),
)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a kernel made of a sky; powers are float64 arrays (k_par, k_perp), K² h⁻³ cMpc³.

    Attributes
    ----------
    k_par
        Middle of the bins, h/cMpc.
    rms
        Of what is left, less signal and noise, over the rms of the signal.
    true
        Power of the signal of this very sky, as the telescope sees it; NaN in bins of which the beam leaves little.
    before, after
        Power of the cube, and cross power of its clean halves.
    transfer
        Part of an injected signal's power that is left.
    power, sigma
        Power over transfer, and its error.
    coherence
        Of the clean cube and the signal.
    posterior
        What a Gaussian process itself expects its residual to lack or hold too much; NaN for other kernels.
    """

    k_par: DoubleArray
    rms: float
    true: DoubleArray
    before: DoubleArray
    after: DoubleArray
    transfer: DoubleArray
    power: DoubleArray
    sigma: DoubleArray
    coherence: DoubleArray
    posterior: DoubleArray


def tried(sky: LowSky, method: Method, *, common: bool = False, seed: int = 0) -> Trial:
    """Return what a kernel makes of a sky: two halves, a signal injected, all channels as one band.

    Parameters
    ----------
    sky
        The sky.
    method
        The kernel.
    common
        Whether all channels are smoothed to one beam first.
    seed
        Of the signal that is injected: one for each sky, else all would have the error of the same transfer function.
    """
    as_cleaned: Callable[[MadeCube], Source] = CommonResolution if common else lambda cube: cube
    with TemporaryDirectory() as scratch:
        clean = api.separate_foregrounds(
            sky.cube,
            separation_of(method.kernel, method.settings),
            out=Path(scratch) / "clean.zarr",
            halves=sky.halves,
            inject=replace(signal_like(sky.cube.meta), seed=1000 + seed),
            common_resolution="auto" if common else None,
        )
        table = _columns(clean.folder)
        left = whole(clean.cube)
        signal = as_cleaned(sky.seen(sky.signal, masked=False))
        wanted = whole(as_cleaned(sky.seen(sky.signal + sky.noise, masked=False)))
        true = power_of(signal)
        crossed, own = power_of(clean.cube, signal), power_of(clean.cube)
    with np.errstate(invalid="ignore"):
        coherence = crossed.power / np.sqrt(own.power * true.power)
    seen = sky.part_seen(true.k_perp) > LEAST_SEEN
    return Trial(
        true.k_par,
        error_rms(left, wanted) / float(np.std(whole(signal))),
        np.where(seen, true.power, np.nan),
        table["power_before"],
        table["power_after"],
        table["transfer"],
        table["power"],
        table["sigma"],
        coherence,
        table.get("posterior", np.full(true.power.shape, np.nan)),
    )


def without_signal(sky: LowSky) -> bool:
    """Return whether a signal of nothing changes nothing: the same clean cube, and no transfer function."""
    nothing = sky.seen(np.zeros_like(sky.signal), masked=False)
    with TemporaryDirectory() as scratch:
        plain, injected = (
            api.separate_foregrounds(
                sky.cube,
                separation_of("pca", {"modes": 3}),
                out=Path(scratch) / name,
                inject=signal,
            )
            for name, signal in (("plain.zarr", None), ("injected.zarr", nothing))
        )
        same = np.array_equal(whole(plain.cube), whole(injected.cube), equal_nan=True)
        # 0 / 0 in every bin: were anything left of the signal of nothing, it would be infinite
        return same and bool(np.isnan(_columns(injected.folder)["transfer"]).all())


def whole(cube: Source) -> DoubleArray:
    """Return all voxels of a cube, float64 array (frequency, l, m)."""
    return cube.read(Box.of_shape(cube.meta.shape)).astype(np.float64)


def error_rms(left: DoubleArray, wanted: DoubleArray) -> float:
    """Return the rms of what is left less what should be, where anything is left; no channel has a mean."""
    return float(np.sqrt(np.nanmean(without_means(left - wanted) ** 2)))


def without_means(voxels: DoubleArray) -> DoubleArray:
    """Return a cube less the mean of each channel, which no interferometer measures."""
    return np.asarray(voxels - np.nanmean(voxels, axis=(1, 2), keepdims=True))


def power_of(cube: Source, other: Source | None = None) -> CylindricalPower:
    """Return the power of a cube, or the cross power of two, with all channels as one band."""
    return next(iter(api.power_spectrum(cube, other).bands.values()))


def _columns(folder: Path) -> dict[str, DoubleArray]:
    """Return the columns of ``power.ecsv`` as arrays (k_par, k_perp)."""
    from astropy.table import QTable

    table = QTable.read(folder / "power.ecsv", format="ascii.ecsv")
    rows = len(np.unique(table["k_par"]))
    return {
        name: np.asarray(getattr(table[name], "value", table[name]), dtype=np.float64).reshape(rows, -1)
        for name in table.colnames
    }
