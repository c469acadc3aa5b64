"""Separations by name: those that come with the program, and those that other packages add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tessellar.kernels.foregrounds.separated import Separation
from tessellar.kernels.registry import Registry

SEPARATIONS = Registry(
    "tessellar.foregrounds",
    {
        "pca": ("tessellar.kernels.foregrounds.pca", "PCA"),
        "poly": ("tessellar.kernels.foregrounds.polynomial", "Polynomial"),
        "ica": ("tessellar.kernels.foregrounds.ica", "FastICA"),
        "gmca": ("tessellar.kernels.foregrounds.gmca", "GMCA"),
        "gpr": ("tessellar.kernels.foregrounds.gpr", "GaussianProcess"),
    },
    mark="map_modes",
)
"""A class of the groups ``tessellar.foregrounds`` and ``tessellar.kernels`` has fields,
and is what `Separation` describes."""


def separation_of(name: str, settings: Mapping[str, Any]) -> Separation:
    """Return a separation with settings, by its name.

    Raises
    ------
    UsageError
        There is no such separation, or it has no such setting; the closest one is named.
    """
    made: Separation = SEPARATIONS.make(name, settings)
    return made
