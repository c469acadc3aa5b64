"""The finder ``unet``: a network tells how probable emission is in each voxel, and what is probable enough is detected.

Negative detections, which tell how often noise alone is taken for a source, are what the network sees in the cube with
its sign changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.devices import CPU
from tessellar.kernels.network.normalise import noise_of
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import ByteArray, CubeMeta, MemoryUse, Patch
from tessellar.tiling.box import Halo, Shape


@dataclass(frozen=True, slots=True)
class NetworkFinder:
    """A network that finds sources, alone or beside smooth-and-clip.

    Parameters
    ----------
    network
        Which one.
    probability
        Voxels above it are detected; None for what the network's card advises.
    both
        Whether what smooth-and-clip detects is detected as well.
    scales
        Smooth-and-clip; without ``both`` it only tells on which scales sources are deblended.

    Raises
    ------
    UsageError
        The network does not find, or the probability is none.
    """

    network: UNet = field(default_factory=UNet)
    probability: float | None = None
    both: bool = False
    scales: SmoothAndClip = field(default_factory=SmoothAndClip)

    def __post_init__(self) -> None:
        if not self.network.finds:
            raise UsageError(
                f"the network {self.network.weights} has no mask among its answers ({', '.join(self.network.heads)}), "
                f"so it cannot find sources.{self._other_use}"
            )
        if self.probability is not None and not 0 < self.probability < 1:
            raise UsageError(f"probability is {self.probability:g}; it must lie between 0 and 1.")

    @property
    def _other_use(self) -> str:
        return " Use it with `tessellar denoise`." if "denoised" in self.network.outputs else ""

    @property
    def name(self) -> str:
        """``unet`` or ``both``."""
        return "both" if self.both else "unet"

    @property
    def needs_torch(self) -> bool:
        """Whether the network does."""
        return self.network.needs_torch

    @property
    def fixed_bytes(self) -> int:
        """Bytes that a worker holds however small its tiles are."""
        return self.network.fixed_bytes

    def halo(self, meta: CubeMeta) -> Halo:
        """Return how far around a voxel the network and the scales look."""
        ours, theirs = self.network.halo(meta).before, self.scales.halo(meta).before
        z, x, y = map(max, ours, theirs) if self.both else ours
        return Halo.symmetric((z, x, y))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape``: the noise of its voxels, the network, and two masks."""
        z, x, y = shape
        host = self.network.memory(shape).host + self.scales.memory(shape).host
        return MemoryUse(host=host + 14 * z * x * y)

    def memory_on_gpu(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape`` on a GPU: the network there, and the scales beside it."""
        z, x, y = shape
        network, scales = self.network.memory_on_gpu(shape), self.scales.memory_on_gpu(shape)
        host = network.host + (scales.host if self.both else 0) + 14 * z * x * y
        return MemoryUse(host=host, device=network.device + (scales.device if self.both else 0))

    def calibrated(self, scales: CalibratedFinder) -> CalibratedNetworkFinder:
        """Return the finder with the noise of this cube."""
        return CalibratedNetworkFinder(self, scales)


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedNetworkFinder:
    """A network finder that knows the noise of the cube.

    Attributes
    ----------
    recipe
        The parameters.
    scales
        Smooth-and-clip with the noise of the cube.
    """

    recipe: NetworkFinder
    scales: CalibratedFinder

    def prepare(self, meta: CubeMeta, device: str = CPU) -> Callable[[Patch], ByteArray]:
        """Load the network, once a worker, and return what gives the mask of a patch's core."""
        run = self.recipe.network.prepare(meta, device)
        scales = self.scales.prepare(meta, device) if self.recipe.both else None
        threshold = self.recipe.probability
        limit = np.float32(run.calibration.mask_threshold if threshold is None else threshold)

        def detect(patch: Patch) -> ByteArray:
            noise = noise_of(self.scales.noise, patch.read)
            mask = np.zeros(patch.core.shape, np.uint8)
            for sign, bit in ((1, POSITIVE), (-1, NEGATIVE)):
                signed = patch if sign > 0 else Patch(-patch.voxels, patch.read, patch.core)
                mask |= np.where(run.probability(signed, noise) > limit, np.uint8(bit), np.uint8(0))
            return mask if scales is None else mask | scales(patch)

        return detect
