"""The mask of smooth-and-clip by torch, for graphics processors: the bits of the compiled kernel.

Every filter is a sum of shifted slices, multiplied and added one operation at a time and in the order of
`tessellar.kernels.scales` and `tessellar.kernels.detect`, so IEEE arithmetic leaves no choice about a bit. Nothing here
may fuse a product with a sum (``addcmul``, ``alpha=``, convolutions, a compiler): fused operations round once where
two round twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray, IntArray
from tessellar.tiling.box import Box, Halo, Shape

if TYPE_CHECKING:
    from torch import Tensor

BYTES_PER_VOXEL = (
    36  # of the padded core: four float32 arrays, five of bytes, and what the allocator leaves between
)


@dataclass(frozen=True, slots=True)
class _Window:
    """A core with what its scales see around it, kept as one flat array, plane after plane.

    Sums of shifted slices of the flat array are right in the core; what they are in the padding nobody looks at.

    Attributes
    ----------
    shape
        Of the window, padding included.
    pad, reach
        Of the padding, pixels on the sky and channels.
    """

    shape: Shape
    pad: int
    reach: int

    @property
    def pitch(self) -> int:
        """From one row to the next."""
        return self.shape[2]

    @property
    def plane(self) -> int:
        """From one plane to the next."""
        return self.shape[1] * self.shape[2]

    @property
    def planes(self) -> Shape:
        """The planes of the core, with their padding on the sky."""
        return (self.shape[0] - 2 * self.reach, self.shape[1], self.shape[2])

    @property
    def first(self) -> int:
        """Where the core begins in its first plane."""
        return self.pad * self.pitch + self.pad

    @property
    def span(self) -> int:
        """From the first voxel of the core to its last."""
        return self.planes[0] * self.plane - 2 * self.first


def detection_mask(
    voxels: Tensor,
    core: Box,
    inverse_channel: Tensor,
    inverse_sky: Tensor,
    limit: float,
    replacement: float,
    taps: FloatArray,
    reaches: IntArray,
    radii: IntArray,
    thresholds: FloatArray,
) -> Tensor:
    """Return the mask of a tile's core, uint8 tensor (frequency, l, m): bit 1 positive, bit 2 negative.

    Parameters are those of `tessellar.kernels.detect.detection_mask`; ``voxels``, ``inverse_channel`` and
    ``inverse_sky`` lie on the device, and ``core`` is a box within ``voxels``.
    """
    torch = load_torch()
    window, unit, positive, negative = _normalise(
        voxels, core, inverse_channel, inverse_sky, limit, replacement, taps.shape[1] - 1, int(radii[-1])
    )
    rows, smooth, pair = (torch.empty_like(unit) for _ in range(3))
    with np.errstate(divide="ignore"):
        scales = np.float32(1.0) / thresholds
    seen = slice(window.first, window.first + window.span)
    for k, around in enumerate(reaches.tolist()):
        half = taps[k, : around + 1].tolist()
        before = around * window.pitch
        n = unit.numel() - 2 * before
        _convolve(unit, before, window.pitch, half, rows[:n], pair[:n])
        _convolve(rows, around, 1, half, smooth[: n - 2 * around], pair[: n - 2 * around])
        centre = window.reach * window.plane + window.first - before - around
        total = rows[: window.span]  # not needed as rows any more
        _compare(
            smooth, centre, window.plane, radii, scales[k], total, pair[: window.span],
            positive[seen], negative[seen],
        )  # fmt: skip
    return _mark(voxels, core, window, positive, negative)


def window_voxels(read: Shape, halo: Halo) -> int:
    """Return how many voxels the window of a tile holds at most, by the shape that the tile reads."""
    z, x, y = (n + b + a for n, b, a in zip(read, halo.before, halo.after, strict=True))
    return z * x * y


def _normalise(
    voxels: Tensor,
    core: Box,
    inverse_channel: Tensor,
    inverse_sky: Tensor,
    limit: float,
    replacement: float,
    pad: int,
    reach: int,
) -> tuple[_Window, Tensor, Tensor, Tensor]:
    """Return the window in units of the noise, flat, and which of its voxels are beyond the limit by themselves.

    Blanks and what lies outside ``voxels`` are 0; what is beyond the limit is replaced.
    """
    torch = load_torch()
    around = core.grow(Halo.symmetric((reach, pad, pad)))
    window = _Window(around.shape, pad, reach)
    there = around & Box.of_shape(voxels.shape)
    z, x, y = there.slices()
    data = voxels[z, x, y]
    value = data * inverse_channel[z, None, None]
    value.mul_(inverse_sky[x, y])
    value.masked_fill_(~torch.isfinite(data), 0.0)
    own = value[core.relative_to(there.start).slices()]
    sky = (slice(None), slice(pad, pad + core.shape[1]), slice(pad, pad + core.shape[2]))
    positive, negative = (
        torch.zeros(window.planes, dtype=torch.bool, device=voxels.device) for _ in range(2)
    )
    positive[sky], negative[sky] = own > limit, own < -limit
    value.masked_fill_(value > limit, replacement)
    value.masked_fill_(value < -limit, -replacement)
    unit = torch.zeros(window.shape, dtype=torch.float32, device=voxels.device)
    unit[there.relative_to(around.start).slices()] = value
    return window, unit.view(-1), positive.view(-1), negative.view(-1)


def _convolve(
    source: Tensor, start: int, step: int, taps: Sequence[float], out: Tensor, pair: Tensor
) -> None:
    """Set ``out[i]`` to the sum of ``taps[|d|] * source[start + i + d * step]``, taken outwards from ``d = 0``."""
    torch = load_torch()
    n = out.numel()
    torch.mul(source[start : start + n], taps[0], out=out)
    for d in range(1, len(taps)):
        before, after = start - d * step, start + d * step
        torch.add(source[before : before + n], source[after : after + n], out=pair)
        out.add_(pair.mul_(taps[d]))


def _compare(
    smooth: Tensor,
    centre: int,
    plane: int,
    radii: IntArray,
    scales: FloatArray,
    total: Tensor,
    pair: Tensor,
    positive: Tensor,
    negative: Tensor,
) -> None:
    """Add to both masks what exceeds the threshold in a boxcar over one Gaussian; wider ones continue the sum."""
    torch = load_torch()
    n = total.numel()
    total.copy_(smooth[centre : centre + n])
    inner = 0
    for outer, scale in zip(radii.tolist(), scales.tolist(), strict=True):
        for d in range(inner + 1, outer + 1):
            before, after = centre - d * plane, centre + d * plane
            total.add_(torch.add(smooth[before : before + n], smooth[after : after + n], out=pair))
        inner = outer
        ratio = torch.mul(total, scale, out=pair)
        positive.logical_or_(ratio > 1.0)
        negative.logical_or_(ratio < -1.0)


def _mark(voxels: Tensor, core: Box, window: _Window, positive: Tensor, negative: Tensor) -> Tensor:
    """Return both masks of the core as bits; blank voxels are never detected."""
    torch = load_torch()
    bits = negative.view(torch.uint8).mul_(2).add_(positive.view(torch.uint8)).view(window.planes)
    end_x, end_y = (window.pad + n for n in core.shape[1:])
    own = bits[:, window.pad : end_x, window.pad : end_y]
    return own * torch.isfinite(voxels[core.slices()])
