"""Smooth-and-clip on a device: a tile goes up once, what was detected comes down, and a tile too large is halved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import DeviceMemoryError
from tessellar.kernels.detected import DetectedVoxels, dense
from tessellar.kernels.lane import Lane, Sent
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.smooth_clip_torch import detection_mask
from tessellar.model import ByteArray, FloatArray, Patch
from tessellar.tiling.box import Box, Halo

if TYPE_CHECKING:
    from torch import Tensor

    from tessellar.kernels.smooth_clip import CalibratedFinder

NARROWEST = 16  # pixels of a core along m below which it is not halved again: the halo would be most of it
_LISTED_BYTES = 5  # of a voxel that comes down by itself: its place and its bits
_PACKED = 4  # voxels of a mask that share a byte


@dataclass(slots=True, eq=False)
class Loaded:
    """A tile on its way to the device.

    Attributes
    ----------
    voxels
        float32 array (frequency, l, m), kept until the tile is done: its halves may have to go up again.
    sent
        The same on the device; None where it has no room for it.
    """

    voxels: FloatArray
    sent: Sent | None

    @property
    def nbytes(self) -> int:
        """Bytes of the voxels."""
        return int(self.voxels.nbytes)


class DeviceFinder:
    """A calibrated smooth-and-clip finder at a worker with a device.

    Parameters
    ----------
    finder
        The finder, whose masks are the same to the bit.
    device
        ``cuda``, ``cuda:1`` or ``torch-cpu``.
    """

    def __init__(self, finder: CalibratedFinder, device: str) -> None:
        self._finder = finder
        self._name = device
        self._lane = Lane(device)
        self._taps, self._reaches = finder.recipe.taps()
        self._radii = finder.recipe.radii
        pad = self._taps.shape[1] - 1
        self._halo = Halo.symmetric((int(self._radii[-1]), pad, pad))

    def __call__(self, patch: Patch) -> ByteArray:
        """Return the mask of a patch's core, uint8 array (frequency, l, m)."""
        return dense(self.mask(self.upload(patch.voxels), patch.read, patch.core))

    def upload(self, voxels: FloatArray) -> Loaded:
        """Begin to bring a tile's voxels to the device."""
        torch = load_torch()
        try:
            return Loaded(voxels, self._lane.send(voxels))
        except torch.OutOfMemoryError:
            return Loaded(voxels, None)

    def mask(self, loaded: Loaded, read: Box, core: Box) -> ByteArray | DetectedVoxels:
        """Return the mask of a core, as a list where few of its voxels are detected.

        Raises
        ------
        DeviceMemoryError
            The device has no room for the tile, nor for narrow parts of it.
        """
        torch = load_torch()
        if loaded.sent is not None:
            try:
                return self._detect(loaded.sent, read, core)
            except torch.OutOfMemoryError:
                pass  # what it held is let go before the halves are tried
            loaded.sent = None
        self._lane.make_room()
        return self._by_halves(loaded.voxels, read, core)

    def _detect(self, sent: Sent, read: Box, core: Box) -> ByteArray | DetectedVoxels:
        torch = load_torch()
        recipe, noise = self._finder.recipe, self._finder.noise
        with self._lane.computing(sent) as voxels:
            bits = detection_mask(
                voxels,
                core.relative_to(read.start),
                torch.from_numpy(noise.inverse_channel(read)).to(self._lane.device),
                torch.from_numpy(noise.inverse_sky(read)).to(self._lane.device),
                float(recipe.limit),
                float(np.float32(recipe.replacement)),
                self._taps,
                self._reaches,
                self._radii,
                np.asarray(recipe.threshold * self._finder.scale_sigma, dtype=np.float32),
            )
            self._lane.wait()
            return brought_down(bits)

    def _by_halves(self, voxels: FloatArray, read: Box, core: Box) -> ByteArray:
        """Return the mask of a core from those of its halves along m, each with its halo."""
        if core.shape[2] < 2 * NARROWEST:
            raise DeviceMemoryError(
                f"the device {self._name} has no room for a tile that reads {read} voxels, nor for narrower parts of "
                "it. Use a smaller --tile, fewer --workers, or --device cpu."
            )
        middle = (core.start[2] + core.stop[2]) // 2
        lower = Box(core.start, (*core.stop[:2], middle))
        upper = Box((*core.start[:2], middle), core.stop)
        masks = []
        for half in (lower, upper):
            seen = half.grow(self._halo).clip(read)
            part = np.ascontiguousarray(voxels[seen.relative_to(read.start).slices()])
            masks.append(dense(self.mask(self.upload(part), seen, half)))
        return np.concatenate(masks, axis=2)


def brought_down(bits: Tensor) -> ByteArray | DetectedVoxels:
    """Return a mask of uint8 on a device as a list or as an array, whichever takes fewer bytes on the way."""
    torch = load_torch()
    flat = bits.reshape(-1)
    n_bytes = -(-flat.numel() // _PACKED)
    if _LISTED_BYTES * int(flat.count_nonzero()) <= n_bytes:
        places = flat.nonzero().view(-1)
        values = flat[places].cpu().numpy()
        short = places.int() if flat.numel() < 2**31 else places
        return DetectedVoxels(_shape(bits), short.cpu().numpy().astype(np.int64), values)
    packed = torch.nn.functional.pad(flat, (0, _PACKED * n_bytes - flat.numel())).view(-1, _PACKED)
    for place in range(1, _PACKED):
        packed[:, 0].bitwise_or_(packed[:, place] << (2 * place))
    together = packed[:, 0].cpu().numpy()
    parts = [(together >> (2 * place)) & 3 for place in range(_PACKED)]
    return np.stack(parts, axis=1).reshape(-1)[: flat.numel()].reshape(_shape(bits))


def _shape(bits: Tensor) -> tuple[int, int, int]:
    z, x, y = bits.shape
    return (z, x, y)
