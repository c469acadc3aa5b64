"""What a source is: where, how bright and how wide, from what was summed over its voxels.

Definitions follow SoFiA (Westmeier et al. 2021, MNRAS 506, 3962) and are repeated where the quantity is made. Sums over
channels run in their order.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.flags import BLANKED, SPATIAL_EDGE, SPECTRAL_EDGE
from tessellar.kernels.angle_noise import UNKNOWN, ellipse_error, kinematic_error
from tessellar.kernels.ellipse import ellipse
from tessellar.kernels.line_width import width_at_mean, width_at_peak
from tessellar.kernels.lost_flux import share_of
from tessellar.kernels.mask_edge import EDGE_LAWS, law_factor
from tessellar.kernels.pair_sums import PairSums, by_channel, weighted
from tessellar.kernels.position_velocity import line_of_centres
from tessellar.kernels.source_sky import StripSums, add_bright
from tessellar.kernels.source_sums import (
    BLANK,
    FF,
    HIGH,
    LOW,
    WX,
    WXX,
    WXY,
    WY,
    WYY,
    WZ,
    F,
    N,
    SourceSums,
    V,
    W,
)  # fmt: skip
from tessellar.model import DoubleArray, IntArray

MEASURED = (
    "x", "y", "z", "err_x", "err_y", "err_z", "n_pix", "f_min", "f_max", "f_sum", "f_sum_corr", "err_f_sum", "snr",
    "mean", "std", "rms", "fill", "w20", "w50", "wm50", "err_w20", "err_w50", "err_wm50", "ell_maj", "ell_min",
    "ell_pa", "ell3s_maj", "ell3s_min", "ell3s_pa", "kin_pa", "err_ell_pa", "err_kin_pa", "x_peak", "y_peak",
    "z_peak", "flag",
)  # fmt: skip
"""The columns that `measure` makes."""

(
    _X, _Y, _Z, _ERR_X, _ERR_Y, _ERR_Z, _N_PIX, _F_MIN, _F_MAX, _F_SUM, _F_SUM_CORR, _ERR_F_SUM, _SNR,
    _MEAN, _STD, _RMS, _FILL, _W20, _W50, _WM50, _ERR_W20, _ERR_W50, _ERR_WM50, _ELL_MAJ, _ELL_MIN,
    _ELL_PA, _ELL3S_MAJ, _ELL3S_MIN, _ELL3S_PA, _KIN_PA, _ERR_ELL_PA, _ERR_KIN_PA, _X_PEAK, _Y_PEAK,
    _Z_PEAK, _FLAG,
) = range(len(MEASURED))  # fmt: skip

_ERRORS = np.array([MEASURED.index(f"err_{name}") for name in EDGE_LAWS])
_LAWS = np.array([(law.at_all, law.faint, law.power) for law in EDGE_LAWS.values()])
_MOST = np.array([UNKNOWN.get(name, math.inf) for name in EDGE_LAWS])
_BLANKED, _SPATIAL_EDGE, _SPECTRAL_EDGE = BLANKED.bit, SPATIAL_EDGE.bit, SPECTRAL_EDGE.bit

Scale: TypeAlias = tuple[DoubleArray, DoubleArray, DoubleArray, DoubleArray]
"""What a voxel of each channel counts for in the flux and the centres of the channels, float64 arrays (frequency), and
`tessellar.kernels.lost_flux.cut_gaussians`."""


@compiled
def measure(
    box: IntArray,
    shape: IntArray,
    sign: float,
    scale: Scale,
    source: SourceSums,
    strip_x: int,
    strip: StripSums,
    bright: DoubleArray,
    pairs: PairSums,
    correlation: DoubleArray,
    row: DoubleArray,
) -> None:
    """Fill in the catalogue row of a source but for its sky coordinates, float64 array in the order of `MEASURED`.

    Positions are 0-based pixels (x = l, y = m, z = channel); fluxes are in the cube's unit, integrated ones in that of
    the `tessellar.kernels.flux_scale.FluxScale`; widths are in the native spectral unit; angles in degrees.

    Parameters
    ----------
    box
        First voxel of the bounding box and the one behind its last, int64 array (2, 3).
    shape
        Of the cube, int64 array (3).
    sign
        +1 or -1.
    scale
        Of the cube.
    source, pairs
        What was summed over its voxels, and over pairs of them.
    strip_x, strip, bright
        The first pixel along l of the last strip of the sky, its sums, and those over the pixels that stand out in
        the strips before; its own are added.
    correlation
        Second moments of that of the noise: along l, across, along m, pixels squared.
    row
        For the result.
    """
    add_bright(strip, strip_x - box[0, 1], bright)
    totals, peak, spectrum, sums, spread = source
    weight = scale[0][box[0, 0] : box[1, 0]]
    share = _flux(box, sign, scale, totals, spectrum, weight, pairs, row)
    _position(box, totals, pairs, row)
    _line_widths(sign, spectrum, weight, scale[1], box[0, 0], pairs[0], row)
    _shape(totals, sums, spread, bright, by_channel(pairs[0]), correlation, row)
    per_channel = row[_SNR] / math.sqrt(spectrum.size)
    for k, column in enumerate(_ERRORS):
        error = row[column] * law_factor(_LAWS[k, 0], _LAWS[k, 1], _LAWS[k, 2], share, per_channel)
        row[column] = _MOST[k] if error > _MOST[k] else error
    row[_Z_PEAK], row[_X_PEAK], row[_Y_PEAK] = peak[0], peak[1], peak[2]
    row[_FLAG] = _edge_flags(box, shape) + (_BLANKED if peak[BLANK] else 0)


@compiled_part
def _flux(
    box: IntArray,
    sign: float,
    scale: Scale,
    totals: DoubleArray,
    spectrum: DoubleArray,
    weight: DoubleArray,
    pairs: PairSums,
    row: DoubleArray,
) -> float:
    """Fill in how bright the source is; return the share of the flux inside the mask.

    The largest of the voxels is noise by about one sigma.
    """
    f_sum = 0.0
    for k in range(spectrum.size):
        f_sum += spectrum[k] * weight[k]
    error, n, mean = root(weighted(pairs[0], weight)), totals[N], totals[F] / totals[N]
    rms = math.sqrt(totals[V] / n)
    highest = totals[HIGH] if sign > 0.0 else -totals[LOW]
    share = share_of(sign * mean, highest - rms, scale[2], scale[3])
    row[_N_PIX], row[_F_MIN], row[_F_MAX] = n, totals[LOW], totals[HIGH]
    row[_F_SUM], row[_F_SUM_CORR], row[_ERR_F_SUM] = f_sum, f_sum / share, error
    row[_SNR] = abs(f_sum) / error if error > 0.0 else math.nan
    row[_MEAN], row[_STD], row[_RMS] = mean, root(totals[FF] / n - mean * mean), rms
    row[_FILL] = n / ((box[1, 0] - box[0, 0]) * (box[1, 1] - box[0, 1]) * (box[1, 2] - box[0, 2]))
    return share


@compiled_part
def _position(box: IntArray, totals: DoubleArray, pairs: PairSums, row: DoubleArray) -> None:
    """Fill in the flux-weighted centroid over the voxels of the source's sign, and its errors inside the mask.

    To first order a voxel moves the centre by its noise times its distance, over the flux.
    """
    flux = totals[W] if totals[W] > 0.0 else math.nan
    row[_Z], row[_X], row[_Y] = (
        box[0, 0] + totals[WZ] / flux,
        box[0, 1] + totals[WX] / flux,
        box[0, 2] + totals[WY] / flux,
    )
    away, ones = np.empty(box[1, 0] - box[0, 0]), np.empty(box[1, 0] - box[0, 0])
    for k in range(away.size):
        away[k], ones[k] = box[0, 0] + k - row[_Z], 1.0
    row[_ERR_Z] = root(weighted(pairs[0], away)) / flux
    row[_ERR_X] = root(weighted(pairs[1], ones)) / flux
    row[_ERR_Y] = root(weighted(pairs[2], ones)) / flux


@compiled_part
def _line_widths(
    sign: float,
    spectrum: DoubleArray,
    weight: DoubleArray,
    values: DoubleArray,
    first: int,
    pairs: DoubleArray,
    row: DoubleArray,
) -> None:
    """Fill in the widths of a line, and their errors inside the mask.

    They are those to first order in the noise of the channels that decide a width.
    """
    line, gradient = np.empty(weight.size), np.empty(weight.size)
    for k in range(line.size):
        line[k] = sign * (spectrum[k] * weight[k])
    for which in range(3):
        if which == 2:
            width = width_at_mean(line, values, first, gradient)
        else:
            width = width_at_peak(line, 0.2 if which == 0 else 0.5, values, first, gradient)
        for k in range(line.size):
            gradient[k] *= weight[k]
        row[_W20 + which] = width
        row[_ERR_W20 + which] = math.nan if math.isnan(width) else root(weighted(pairs, gradient))


@compiled_part
def _shape(
    totals: DoubleArray,
    sums: DoubleArray,
    spread: DoubleArray,
    bright: DoubleArray,
    variance: DoubleArray,
    correlation: DoubleArray,
    row: DoubleArray,
) -> None:
    """Fill in the ellipses and the kinematic axis, and the errors of their angles inside the mask."""
    t, b = totals, bright
    moments = ellipse(t[W], t[WX], t[WY], t[WXX], t[WYY], t[WXY])
    row[_ELL_MAJ], row[_ELL_MIN], row[_ELL_PA] = moments
    row[_ELL3S_MAJ], row[_ELL3S_MIN], row[_ELL3S_PA] = ellipse(b[0], b[1], b[2], b[3], b[4], b[5])
    axis = line_of_centres(sums)
    row[_KIN_PA] = axis[2] if axis[3] else math.nan
    row[_ERR_ELL_PA] = ellipse_error(sums, spread, moments, variance, correlation)
    row[_ERR_KIN_PA] = kinematic_error(sums, spread, axis, variance, correlation)


@compiled_part
def root(variance: float) -> float:
    """Return the standard deviation; 0 of what rounding made negative."""
    return 0.0 if variance < 0.0 else math.sqrt(variance)


@compiled_part
def _edge_flags(box: IntArray, shape: IntArray) -> int:
    """Return the flags of a source that touches the edge of the cube."""
    flags = 0
    for axis in range(3):
        if box[0, axis] == 0 or box[1, axis] == shape[axis]:
            flags |= _SPECTRAL_EDGE if axis == 0 else _SPATIAL_EDGE
    return flags
