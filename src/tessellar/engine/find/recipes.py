"""All that a run of the finder is told to do with a cube: how to detect, link, judge, and what to make."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from tessellar.engine.find.product_files import NO_PRODUCTS, Products
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip


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
    preconditioning
        What is done to the cube before.
    """

    finder: SmoothAndClip = field(default_factory=SmoothAndClip)
    linker: Linker = field(default_factory=Linker)
    reliability: Reliability | None = None
    products: Products = NO_PRODUCTS
    preconditioning: Preconditioning = field(default_factory=Preconditioning)

    def settings(self) -> dict[str, Any]:
        """Return every parameter by the name of the command line's option."""
        finder, linker, products = self.finder, self.linker, self.products
        judged = self.reliability or Reliability()
        return {
            "finder": finder.name,
            "kernels_xy": list(finder.kernels_xy),
            "kernels_z": list(finder.kernels_z),
            "threshold": finder.threshold,
            "replacement": finder.replacement,
            "linker_radius_xy": linker.radius_xy,
            "linker_radius_z": linker.radius_z,
            "linker_min_size_xy": linker.min_size_xy,
            "linker_min_size_z": linker.min_size_z,
            "linker_min_pixels": linker.min_pixels,
            "linker_shape": linker.shape,
            "reliability": self.reliability.threshold if self.reliability else "off",
            "reliability_scale_kernel": judged.scale_kernel,
            "reliability_min_snr": judged.min_snr,
            "mask": products.mask,
            "maps": products.maps,
            "cubelets": "all" if products.cubelets is None else products.cubelets,
            "cubelet_margin": products.margin,
            **self.preconditioning.settings(),
        }

    def provenance(self) -> str:
        """Return what decides the catalogue, as JSON with sorted keys."""
        settings = {"finder": asdict(self.finder), "linker": asdict(self.linker)}
        if self.reliability is not None:
            settings["reliability"] = asdict(self.reliability)
        if not self.preconditioning.does_nothing:
            settings["preconditioning"] = self.preconditioning.provenance()
        return json.dumps(settings, sort_keys=True)
