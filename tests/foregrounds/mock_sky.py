"""A small sky with bright smooth foregrounds, a faint rough signal and noise, for tests of what separates them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from memory_cube import ROLES, MemorySource, card, meta_of

from tessellar.engine.convert import convert
from tessellar.engine.executors import make_executor
from tessellar.io.sinks import open_sink
from tessellar.model import CubeMeta, FloatArray, SpectralAxis
from tessellar.tiling.box import Shape

SIGNAL_RMS = 5e-3  # K


@dataclass(frozen=True, eq=False)
class MockSky:
    """Float64 arrays (frequency, l, m), kelvin."""

    foreground: npt.NDArray[np.float64]
    signal: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]

    @property
    def cube(self) -> FloatArray:
        return (self.foreground + self.signal + self.noise).astype(np.float32)


def mock_sky(shape: Shape = (48, 33, 29), seed: int = 0) -> MockSky:
    """Return a sky: power laws of three indices, each with a map of its own, a signal and white noise."""
    rng = np.random.default_rng(seed)
    x = np.log(frequencies(shape[0]) / frequencies(shape[0]).mean())[:, None, None]
    galaxy = 330.0 * (1 + 0.1 * rng.standard_normal(shape[1:]))
    index = -2.55 + 0.1 * rng.standard_normal(shape[1:])
    free = 3.0 * np.exp(0.5 * rng.standard_normal(shape[1:]))
    foreground = galaxy * np.exp(index * x - 0.05 * x**2) + free * np.exp(-2.1 * x)
    signal = np.fft.irfft(
        np.fft.rfft(rng.standard_normal(shape), axis=0) * _rough(shape[0]), shape[0], axis=0
    )
    signal *= SIGNAL_RMS / signal.std()
    return MockSky(foreground, signal, 2.5e-3 * rng.standard_normal(shape))


def frequencies(n_channels: int) -> npt.NDArray[np.float64]:
    return 151e6 + 1e5 * np.arange(n_channels)


def kelvin_meta(shape: Shape) -> CubeMeta:
    """Return the description of such a cube: a square field of about four degrees, no beam."""
    axis = SpectralAxis("freq", "Hz", tuple(frequencies(shape[0]).tolist()), 1.420405752e9, "TOPOCENT")
    known = {
        "unit": "K",
        "spectral": axis,
        "beams": (),
        "pixel_size": (0.0625, 0.0625),
        "header": "",
        "missing": (),
    }
    return meta_of(shape, wcs_header=_wcs_header(), **known)


def _wcs_header() -> str:
    ours = {"l": {"CDELT": "-0.0625"}, "m": {"CDELT": "0.0625"}, "z": {"CRVAL": "1.51E8"}}
    axes = [{**ROLES[axis], **changes} for axis, changes in ours.items()]
    return "\n".join(
        card(f"{key}{n}", value) for n, axis in enumerate(axes, 1) for key, value in axis.items()
    )


def write_cube(path: Path, voxels: FloatArray) -> Path:
    """Write voxels as a cube, whatever its suffix."""
    source = MemorySource(voxels, kelvin_meta(voxels.shape))
    with make_executor("serial") as pool:
        convert(source, open_sink(path, source.meta, content="mock"), executor=pool)
    return path


def svd_residual(cube: FloatArray, modes: int) -> npt.NDArray[np.float64]:
    """Return what is left of a cube without its leading modes, by numpy's SVD of all of it at once."""
    spectra = cube.astype(np.float64).reshape(len(cube), -1)
    mean = spectra.mean(axis=1, keepdims=True)
    vectors = np.linalg.svd(spectra - mean, full_matrices=False)[0][:, :modes]
    return (spectra - mean - vectors @ (vectors.T @ (spectra - mean))).reshape(cube.shape)


def _rough(n_channels: int) -> npt.NDArray[np.float64]:
    return (1.0 + 20.0 * np.fft.rfftfreq(n_channels)[:, None, None]) ** -0.5
