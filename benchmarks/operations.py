"""How much arithmetic a voxel takes at least, counted from the kernels: multiplications, additions, comparisons."""

from __future__ import annotations

from tessellar.kernels.smooth_clip import SmoothAndClip

NORMALISE = 6  # times 1/noise of channel and pixel, is it finite (2), beyond the limit on either side (2)
COMPARE = 3  # times 1/threshold, higher than the highest, lower than the lowest
MARK = 9  # normalise anew (2), two ratios and two limits, finite (2), join the bits
COUNT = 3 + 6 / 2  # finite (2), negative; for that half: cut the bin out of the bits (3), clamp (2), add
NOISE = 4 + 4 / 2  # drop the sign, negative, neither 0 nor infinite (2); for that half: bin, add, bounds (2)
COMPONENTS = (
    8  # for each of two signs: count the runs, then write them; test a bit, compare with the one before
)
PAIRS = (
    4 * 111 / 2
)  # voxels whose noise a beam of 4 pixels ties to one, each pair once: two products, two sums
MEASURE = (
    62 + PAIRS
)  # 11 sums (24), spectrum and variance (2), extremes and peak (7), neighbours (12), centres (9), sky (8)


def mask_operations(finder: SmoothAndClip) -> float:
    """Return the operations of the detection mask for each voxel."""
    return NORMALISE + _smooth(finder) + _n_scales(finder) * COMPARE + MARK


def projection_operations(modes: int) -> int:
    """Return the operations of a projection for each voxel, in float64.

    The mean goes off (1), each mode takes a multiplication and an addition for its sum and as many for what it says
    of the voxel, and that goes off as well, from the voxel less its mean (2).
    """
    return 4 * modes + 3


def scale_operations(finder: SmoothAndClip) -> float:
    """Return the operations of the noise of the scales for each voxel, without those for the halo of its block."""
    return NORMALISE + _smooth(finder) + _n_scales(finder) * COUNT


def _smooth(finder: SmoothAndClip) -> float:
    """Return the operations that make all smoothed values of a voxel.

    A Gaussian of radius r costs 1 multiplication and r times (2 additions, 1 multiplication) on each sky axis; the
    boxcars of one Gaussian share their sums, so together they cost the 2 r additions of the widest.
    """
    _, reaches = finder.taps()
    on_sky = sum(2 * (1 + 3 * int(reach)) for reach in reaches)
    return on_sky + len(reaches) * 2 * int(finder.radii[-1])


def _n_scales(finder: SmoothAndClip) -> int:
    return len(finder.widths_xy) * len(finder.radii)
