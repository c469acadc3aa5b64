"""From the options of the finder to its recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tessellar.engine.find.product_files import Products
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.kernels.components import Linker
    from tessellar.kernels.deblend import Deblending
    from tessellar.kernels.dilate import Dilation
    from tessellar.kernels.look.second_look import SecondLook
    from tessellar.kernels.network.finder import NetworkFinder
    from tessellar.kernels.reliability import Reliability
    from tessellar.kernels.smooth_clip import SmoothAndClip

FINDER = ("kernels_xy", "kernels_z", "threshold", "replacement")
LINKER = (
    *("radius_xy", "radius_z", "min_size_xy", "min_size_z", "min_pixels", "shape"),
    *("max_size_xy", "max_size_z", "max_pixels", "min_fill", "max_fill"),
)
DEBLENDING = ("contrast", "prominence", "channels")
DILATION = ("iterations_xy", "iterations_z", "threshold")
PRECONDITIONING = (
    "region",
    "flag_region",
    "flag_catalog",
    "flag_radius",
    "flag_cube",
    "flag_auto",
    "flag_threshold",
    "contsub_order",
    "contsub_threshold",
    "contsub_shift",
    "contsub_padding",
    "ripple_filter",
    "ripple_window_xy",
    "ripple_window_z",
    "ripple_grid_xy",
    "ripple_grid_z",
    "ripple_interpolate",
    "scale_noise",
    "scale_noise_window_xy",
    "scale_noise_window_z",
    "scale_noise_grid_xy",
    "scale_noise_grid_z",
    "scale_noise_interpolate",
    "gain",
    "noise",
    "weights",
    "invert",
)

RUNNING = ("executor", "address", "workers", "device", "tile", "memory")


def finder_of(options: Mapping[str, Any]) -> SmoothAndClip | NetworkFinder:
    """Return the finder that the options describe."""
    from tessellar.kernels.smooth_clip import SmoothAndClip

    scales = SmoothAndClip(**{name: options[name] for name in FINDER})
    if options["finder"] == scales.name:
        return scales
    from tessellar.kernels.network.finder import NetworkFinder
    from tessellar.kernels.network.unet import UNet

    network = UNet(weights=options["network"], precision=options["precision"])
    return NetworkFinder(network, options["probability"], options["finder"] == "both", scales)


def linker_of(options: Mapping[str, Any]) -> Linker:
    """Return the linker that the options describe."""
    from tessellar.kernels.components import Linker

    cuts = {name: options[f"linker_{name}"] for name in LINKER}
    return Linker(**cuts, keep_negative=options["keep_negative"])


def reliability_of(options: Mapping[str, Any]) -> Reliability | None:
    """Return how detections are judged, None when all are kept."""
    from tessellar.kernels.reliability import Reliability

    if options["reliability"] is None:
        return None
    scale, min_snr = options["reliability_scale_kernel"], options["reliability_min_snr"]
    return Reliability(options["reliability"], scale, min_snr)


def look_of(options: Mapping[str, Any]) -> SecondLook | None:
    """Return the network that looks at candidates, None when there is none."""
    if options["second_look"] is None:
        return None
    from tessellar.kernels.look.second_look import SecondLook

    return SecondLook(options["second_look"])


def deblending_of(options: Mapping[str, Any]) -> Deblending | None:
    """Return how sources are separated, None when they are not."""
    from tessellar.kernels.deblend import Deblending

    return (
        Deblending(**{name: options[f"deblend_{name}"] for name in DEBLENDING})
        if options["deblend"]
        else None
    )


def dilation_of(options: Mapping[str, Any]) -> Dilation | None:
    """Return how masks grow, None when they do not."""
    from tessellar.kernels.dilate import Dilation

    return (
        Dilation(**{name: options[f"dilation_{name}"] for name in DILATION}) if options["dilation"] else None
    )


def products_of(options: Mapping[str, Any]) -> Products:
    """Return what is made beside the catalogue."""
    from tessellar.engine.find.product_files import Products

    return Products(
        options["cubelets"],
        options["cubelet_margin"],
        options["mask"],
        options["maps"],
        options["cubelet_packs"],
        options["report"],
    )


def preconditioning_of(options: Mapping[str, Any]) -> Preconditioning:
    """Return what is done to the cube before it is searched."""
    from tessellar.engine.precondition.recipe import Preconditioning

    given = {name: options[name] for name in PRECONDITIONING if options[name] is not None}
    return Preconditioning(**given)


def running_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return who works and with how much, for the verbs of the api."""
    return {name: options[name] for name in RUNNING}
