"""What a denoising leaves beside its cube: a folder with settings, figures and report."""

from __future__ import annotations

from pathlib import Path

from tessellar.engine.companion import Companion

ARRAYS = "denoise.npz"


def folder_of(out: Path) -> Companion:
    """Return the folder that belongs to a denoised cube: ``quiet.denoise`` for ``quiet.zarr``."""
    return Companion.beside(out, "denoise", (ARRAYS,))
