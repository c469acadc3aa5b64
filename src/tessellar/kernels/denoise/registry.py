"""Denoisers by name: those that come with the program, and those that other packages add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.registry import Registry

DENOISERS = Registry(
    "tessellar.denoise",
    {
        "gaussian": ("tessellar.kernels.denoise.gaussian", "Gaussian"),
        "starlet2d1d": ("tessellar.kernels.denoise.starlet2d1d", "Starlet2D1D"),
        "matched": ("tessellar.kernels.denoise.matched", "MatchedFilter"),
        "unet": ("tessellar.kernels.network.unet", "UNet"),
    },
    mark="outputs",
)
"""A class of the groups ``tessellar.denoise`` and ``tessellar.kernels`` has fields,
and is what `DenseKernel` describes."""


def denoiser_of(name: str, settings: Mapping[str, Any]) -> DenseKernel:
    """Return a denoiser with settings, by its name.

    Raises
    ------
    UsageError
        There is no such denoiser, or it has no such setting; the closest one is named.
    """
    made: DenseKernel = DENOISERS.make(name, settings)
    return made
