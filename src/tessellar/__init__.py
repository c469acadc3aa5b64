"""Find sources in radio spectral cubes of any size: one tile at a time, with the answer of one piece."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "CleanCube": "tessellar.api",
    "Deblending": "tessellar.kernels.deblend",
    "DenoisedCube": "tessellar.api",
    "Dilation": "tessellar.kernels.dilate",
    "FastICA": "tessellar.kernels.foregrounds.ica",
    "GMCA": "tessellar.kernels.foregrounds.gmca",
    "Gaussian": "tessellar.kernels.denoise.gaussian",
    "GaussianProcess": "tessellar.kernels.foregrounds.gpr",
    "Linker": "tessellar.kernels.components",
    "PcaNetwork": "tessellar.kernels.foregrounds.network",
    "MatchedFilter": "tessellar.kernels.denoise.matched",
    "NetworkFinder": "tessellar.kernels.network.finder",
    "PCA": "tessellar.kernels.foregrounds.pca",
    "Polynomial": "tessellar.kernels.foregrounds.polynomial",
    "Preconditioning": "tessellar.engine.precondition.recipe",
    "Products": "tessellar.engine.find.product_files",
    "Reliability": "tessellar.kernels.reliability",
    "Run": "tessellar.api",
    "SecondLook": "tessellar.kernels.look.second_look",
    "SmoothAndClip": "tessellar.kernels.smooth_clip",
    "Starlet2D1D": "tessellar.kernels.denoise.starlet2d1d",
    "UNet": "tessellar.kernels.network.unet",
    "convert": "tessellar.api",
    "denoise": "tessellar.api",
    "export": "tessellar.api",
    "find_sources": "tessellar.api",
    "match": "tessellar.api",
    "open_cube": "tessellar.api",
    "plan": "tessellar.api",
    "plan_denoising": "tessellar.api",
    "plan_foregrounds": "tessellar.api",
    "power_spectrum": "tessellar.api",
    "save_network": "tessellar.training.publish",
    "score": "tessellar.api",
    "separate_foregrounds": "tessellar.api",
    "train": "tessellar.api",
    "tune": "tessellar.api",
    "verify": "tessellar.api",
    "virtual_zarr": "tessellar.api.cubes",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: ``import tessellar`` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tessellar' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


if "xarray" in sys.modules:
    import_module(
        "tessellar.xarray"
    )  # the accessor; who loads xarray later has it from the first cube that is opened


def __dir__() -> list[str]:
    return sorted(__all__)
