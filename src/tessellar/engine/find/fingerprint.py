"""Fingerprints: a text that changes when anything does on which the results of a stage depend."""

from __future__ import annotations

import hashlib

import numpy as np

from tessellar.compiled import code_digest
from tessellar.engine.stitch import Sources
from tessellar.kernels.network.finder import CalibratedNetworkFinder
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import Source


def fingerprint(source: Source, *parts: object) -> str:
    """Return what a stage's result depends on, as a hash: the cube, the code of the kernels, and what is given."""
    text = repr((source.identity, source.meta.shape, code_digest(), *map(_identity, parts)))
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(part: object) -> str:
    """Return a text that differs when a parameter of a stage does."""
    if isinstance(part, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
    if isinstance(part, CalibratedFinder):
        parts: tuple[object, ...] = (part.recipe, part.noise, part.scale_sigma)
    elif isinstance(part, CalibratedNetworkFinder):
        parts = (part.recipe, part.scales)
    elif isinstance(part, NoiseModel):
        parts = (part.lattice, part.spectral, part.spatial)
        if part.local is not None:
            parts = (*parts, part.local.identity)
    elif isinstance(part, Sources):
        parts = (part.table, part.piece_tile, part.piece_label, part.piece_source)
    else:
        return repr(part)
    return " ".join(map(_identity, parts))
