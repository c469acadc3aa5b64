"""All that a run of the finder is told to do with a cube: how to detect, link, judge, and what to make."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tessellar.config import plain
from tessellar.engine.find.product_files import NO_PRODUCTS, Products
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.look.second_look import SecondLook
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.network.unet import PRECISIONS, SHIPPED_NAME
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip

_OPTIONAL = ("max_size_xy", "max_size_z", "max_pixels", "min_fill", "max_fill", "keep_negative")


@dataclass(frozen=True, slots=True)
class Recipes:
    """The recipes of a run.

    Attributes
    ----------
    finder
        How voxels are detected.
    linker
        Which of them make a source.
    reliability
        Which sources are likely real; without it, all detections of positive flux are sources.
    products
        What is made beside the catalogue.
    dilation
        How masks grow; without it, they are what was detected.
    deblending
        How sources that hold several galaxies are separated; without it, they stay whole.
    preconditioning
        What is done to the cube before.
    look
        The network that looks at candidates and has the last word on which are sources; None where there is none.
    """

    finder: SmoothAndClip | NetworkFinder = field(default_factory=SmoothAndClip)
    linker: Linker = field(default_factory=Linker)
    reliability: Reliability | None = None
    products: Products = NO_PRODUCTS
    dilation: Dilation | None = None
    deblending: Deblending | None = None
    preconditioning: Preconditioning = field(default_factory=Preconditioning)
    look: SecondLook | None = None

    def __post_init__(self) -> None:
        if self.reliability is not None and self.linker.keep_negative:
            raise UsageError(
                "keep_negative lists detections of negative flux, and the reliability takes them all for false. "
                "Leave one of them out."
            )

    @property
    def scales(self) -> SmoothAndClip:
        """The smoothing scales, of smooth-and-clip itself or beside a network."""
        return self.finder if isinstance(self.finder, SmoothAndClip) else self.finder.scales

    @property
    def shaping(self) -> tuple[object, ...]:
        """The recipes that decide which voxels a source has."""
        return (self.linker, self.dilation, self.deblending)

    def settings(self) -> dict[str, Any]:
        """Return every parameter by the name of the command line's option."""
        scales, linker, products = self.scales, self.linker, self.products
        judged, growth = self.reliability or Reliability(), self.dilation or Dilation()
        parts = self.deblending or Deblending()
        return {
            "finder": self.finder.name,
            **_network_settings(self.finder),
            "kernels_xy": list(scales.kernels_xy),
            "kernels_z": list(scales.kernels_z),
            "threshold": scales.threshold,
            "replacement": scales.replacement,
            "linker_radius_xy": linker.radius_xy,
            "linker_radius_z": linker.radius_z,
            "linker_min_size_xy": linker.min_size_xy,
            "linker_min_size_z": linker.min_size_z,
            "linker_min_pixels": linker.min_pixels,
            "linker_shape": linker.shape,
            "linker_max_size_xy": linker.max_size_xy,
            "linker_max_size_z": linker.max_size_z,
            "linker_max_pixels": linker.max_pixels,
            "linker_min_fill": linker.min_fill,
            "linker_max_fill": linker.max_fill,
            "keep_negative": linker.keep_negative,
            "reliability": self.reliability.threshold if self.reliability else "off",
            "reliability_scale_kernel": judged.scale_kernel,
            "reliability_min_snr": judged.min_snr,
            "second_look": "off" if self.look is None else self.look.weights,
            "deblend": self.deblending is not None,
            "deblend_contrast": parts.contrast,
            "deblend_prominence": parts.prominence,
            "deblend_channels": "auto" if parts.channels is None else parts.channels,
            "dilation": self.dilation is not None,
            "dilation_iterations_xy": growth.iterations_xy,
            "dilation_iterations_z": growth.iterations_z,
            "dilation_threshold": growth.threshold,
            "mask": products.mask,
            "maps": products.maps,
            "cubelets": "all" if products.cubelets is None else products.cubelets,
            "cubelet_margin": products.margin,
            "cubelet_packs": products.packed,
            "report": products.report,
            **self.preconditioning.settings(),
        }

    def provenance(self) -> str:
        """Return what decides the catalogue, as JSON with sorted keys."""
        linker = {
            name: value for name, value in asdict(self.linker).items() if value or name not in _OPTIONAL
        }
        settings = {"finder": asdict(self.finder), "linker": linker}
        if self.reliability is not None:
            settings["reliability"] = asdict(self.reliability)
        if self.look is not None:
            settings["second_look"] = self.look.record
        if not self.preconditioning.does_nothing:
            settings["preconditioning"] = self.preconditioning.provenance()
        if self.deblending is not None:
            settings["deblending"] = asdict(self.deblending)
        if self.dilation is not None:
            settings["dilation"] = asdict(self.dilation)
        return json.dumps(settings, sort_keys=True, default=plain)


def _network_settings(finder: SmoothAndClip | NetworkFinder) -> dict[str, Any]:
    if isinstance(finder, SmoothAndClip):
        return {"network": SHIPPED_NAME, "precision": PRECISIONS[0], "probability": "auto"}
    network, probability = finder.network, finder.probability
    return {
        "network": network.weights,
        "precision": network.precision,
        "probability": "auto" if probability is None else probability,
    }
