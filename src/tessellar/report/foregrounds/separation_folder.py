"""What a separation of foregrounds left in its folder, read for the report; what is missing leaves out its panel."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.engine.foregrounds.folder import COMPONENTS, POWER, SEPARATION
from tessellar.engine.foregrounds.power_file import read_bins
from tessellar.errors import InputError
from tessellar.kernels.power.band import Band
from tessellar.model import DoubleArray, FloatArray
from tessellar.report.run_folder import Arrays, Record, read_arrays, read_summary

Bins = dict[str, DoubleArray]
"""Columns of ``power.ecsv`` in one band, arrays (k_par, k_perp)."""

_OF_CHANNELS = ("frequency", "used", "good", "mean_before", "rms_before", "rms_after")


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """What ``separation.npz`` holds.

    Attributes
    ----------
    frequency
        Hz, float64 array (frequency).
    used
        Which channels the separation used, bool array (frequency).
    good
        How many voxels of each channel hold data, array (frequency).
    mean_before, rms_before, rms_after
        Of the voxels of each channel, in the cube's unit, NaN where it is blank, float64 arrays (frequency).
    eigenvalues
        Of the covariance of the channels, descending, the cube's unit squared, float64 array (mode); the leading ones
        or none where the covariance was not made.
    modes
        Spectra of the modes that were taken out, or the leading eigenvectors where the method has no such modes; NaN
        where a channel is blank, float64 array (frequency, mode).
    """

    frequency: DoubleArray
    used: npt.NDArray[np.bool_]
    good: npt.NDArray[Any]
    mean_before: DoubleArray
    rms_before: DoubleArray
    rms_after: DoubleArray
    eigenvalues: DoubleArray
    modes: DoubleArray

    @property
    def megahertz(self) -> DoubleArray:
        """Frequency of every channel in MHz."""
        return self.frequency / 1e6

    @property
    def with_data(self) -> npt.NDArray[np.bool_]:
        """Which channels hold data, bool array (frequency)."""
        return np.asarray(self.good > 0)

    @property
    def fall(self) -> tuple[float, float] | None:
        """The median over the channels of the rms before and after; None where none is known."""
        known = np.isfinite(self.rms_before) & np.isfinite(self.rms_after)
        if not known.any():
            return None
        return float(np.median(self.rms_before[known])), float(np.median(self.rms_after[known]))


@dataclass(frozen=True, slots=True, eq=False)
class ModeMaps:
    """What ``components.fits`` holds: amplitudes, float32 array (mode, l, m), and the header."""

    amplitudes: FloatArray
    header: str


@dataclass(frozen=True, slots=True)
class SeparationFolder(Record):
    """The contents of the folder of a separation, beside its `Record`.

    Attributes
    ----------
    spectra
        None where the file is absent or broken.
    maps
        None where the file is absent or broken.
    power
        Power spectra band by band; None where the file is absent or broken.
    """

    spectra: Spectra | None
    maps: ModeMaps | None
    power: dict[Band, Bins] | None

    @property
    def kernel(self) -> str:
        """The word of the command line for the method."""
        return str(self.of("kernel", default=""))

    @property
    def unit(self) -> str:
        """Unit of the cube."""
        return str(self.of("cube", "unit", default=""))

    @property
    def is_partial(self) -> bool:
        """Whether some of the cube was not cleaned, or not learned from."""
        return bool(self.of("partial")) or any(
            int(self.of(name, default=0)) > 0 for name in ("tiles_failed", "units_failed")
        )


def is_separation(summary: dict[str, Any]) -> bool:
    """Return whether a ``run.json`` is that of a separation."""
    return "kernel" in summary and "separation" in summary


def read_separation(path: Path) -> SeparationFolder:
    """Read the folder of a separation.

    Raises
    ------
    InputError
        It has no ``run.json``, one that cannot be read, or one of something else.
    """
    summary = read_summary(path)
    if not is_separation(summary):
        raise InputError(
            f"{path} is the folder of another run, not of a separation of foregrounds. Give the folder "
            "NAME.foregrounds beside a clean cube."
        )
    return SeparationFolder(
        path, summary, _spectra(read_arrays(path / SEPARATION)), _maps(path / COMPONENTS), _power(path)
    )


def _spectra(arrays: Arrays | None) -> Spectra | None:
    """Return the arrays where all of them are there and fit together."""
    if arrays is None or not {*_OF_CHANNELS, "eigenvalues", "modes"} <= set(arrays):
        return None
    columns = {name: arrays[name] for name in _OF_CHANNELS}
    used, modes = arrays["used"], arrays["modes"]
    n_channels = {column.shape for column in columns.values()}
    fit = n_channels == {used.shape} and modes.ndim == 2 and len(modes) == used.sum()
    if used.dtype != bool or not fit or not np.isfinite(arrays["eigenvalues"]).all():
        return None
    spread = np.full((len(used), modes.shape[1]), np.nan)
    spread[used] = modes
    return Spectra(**columns, eigenvalues=arrays["eigenvalues"].ravel(), modes=spread)


def _maps(file: Path) -> ModeMaps | None:
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(file, memmap=False) as units:
                image = np.asarray(units[0].data, np.float32)
                header = str(units[0].header.tostring(sep="\n"))
    except (OSError, ValueError, TypeError, IndexError):
        return None
    return ModeMaps(image.transpose(0, 2, 1), header) if image.ndim == 3 and image.size else None


def _power(path: Path) -> dict[Band, Bins] | None:
    try:
        return read_bins(path / POWER) if (path / POWER).is_file() else None
    except InputError:
        return None
