"""What a source is: where, how bright, how wide, summed over its voxels in the order of the cube.

Sums are taken in float64 voxel by voxel, sorted by frequency, l and m, from windows that the source's own bounding
box determines, so their bits do not depend on the tiles that found it. Definitions follow SoFiA (Westmeier et al.
2021, MNRAS 506, 3962) and are repeated where the quantity is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tessellar.compiled import compiled
from tessellar.flags import BLANKED, SPATIAL_EDGE, SPECTRAL_EDGE
from tessellar.kernels.angle_noise import UNKNOWN, ellipse_error, kinematic_error
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.ellipse import Ellipse, ellipse
from tessellar.kernels.line_width import LineWidth, line_width, mean_line_width
from tessellar.kernels.lost_flux import share_inside
from tessellar.kernels.mask_edge import edge_factor
from tessellar.kernels.position_velocity import ChannelCentres
from tessellar.kernels.runs import RunTable
from tessellar.kernels.sum_noise import SumNoise
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box, Shape

# what is summed over the voxels of a source; positions count from the corner of its bounding box
N, F, FF, W, WZ, WX, WY, WXX, WYY, WXY, V = range(11)
MEASURED = (
    "x", "y", "z", "err_x", "err_y", "err_z", "n_pix", "f_min", "f_max", "f_sum", "f_sum_corr", "err_f_sum", "snr",
    "mean", "std", "rms", "fill", "w20", "w50", "wm50", "err_w20", "err_w50", "err_wm50", "ell_maj", "ell_min",
    "ell_pa", "ell3s_maj", "ell3s_min", "ell3s_pa", "kin_pa", "err_ell_pa", "err_kin_pa", "x_peak", "y_peak",
    "z_peak", "flag",
)  # fmt: skip
"""The columns that `measure` makes."""

_NO_PEAK = -1


@dataclass(frozen=True, slots=True, eq=False)
class FluxScale:
    """How the voxels of a channel add up to flux.

    Attributes
    ----------
    weight
        Spectral width over beam area of every channel, float64 array (frequency), and what brings the cube's unit
        to that of the flux.
    beam_area
        Pixels of a beam, float64 array (frequency), at least 1; 1 without a beam.
    unit
        Unit of the integrated flux, as astropy reads it.
    values
        Centre of every channel in the native spectral unit, float64 array (frequency), two at least.
    """

    weight: DoubleArray
    beam_area: DoubleArray
    unit: str
    values: DoubleArray

    @property
    def stretch(self) -> DoubleArray:
        """Area of the beam of each channel over the mean, float64 array (frequency)."""
        return np.asarray(self.beam_area / self.beam_area.mean(), dtype=np.float64)

    @classmethod
    def of(cls, meta: CubeMeta) -> FluxScale:
        """Return the scale of a cube: Jy times the spectral unit where the cube's unit and beam allow it."""
        from astropy import units

        widths, areas = meta.spectral.widths(), meta.beam_areas()
        values, spectral_unit = np.asarray(meta.spectral.values), meta.spectral.unit
        if not np.isfinite(
            widths
        ).all():  # one channel of unknown width: flux density is all that can be told
            widths, spectral_unit = np.ones_like(widths), ""
        if values.size == 1:  # a second channel that is not there tells how wide the first is
            values = np.append(values, values + meta.spectral.widths())
        unit, factor = _voxel_unit(meta.unit, areas is not None)
        weight = widths * factor
        if "beam" in meta.unit and areas is not None:
            weight = weight / areas
        total = units.Unit(unit) * units.Unit(spectral_unit)
        independent = np.ones(meta.shape[0]) if areas is None else np.maximum(areas, 1.0)
        return cls(weight, independent, total.to_string(), values)


def _voxel_unit(unit: str, has_beam: bool) -> tuple[str, float]:
    """Return the unit of a sum of voxels over pixels, and the factor that brings voxels to it: Jy where it can be."""
    from astropy import units

    voxel = units.Unit(unit) if unit else units.dimensionless_unscaled
    if has_beam:
        voxel = voxel * units.beam if units.beam in voxel.bases else voxel
    voxel = voxel * units.pix if units.pix in voxel.bases else voxel
    if voxel.is_equivalent(units.Jy):
        return "Jy", float(voxel.to(units.Jy))
    return voxel.to_string(), 1.0


@dataclass(slots=True, eq=False)
class Sums:
    """The running sums of one source; voxels are added in the order of the cube.

    Attributes
    ----------
    box
        Bounding box of the source.
    sign
        +1 or -1: a negative source is summed as if it were positive.
    """

    box: Box
    sign: float
    totals: DoubleArray = field(init=False)
    spectrum: DoubleArray = field(init=False)
    variance: DoubleArray = field(init=False)
    extremes: DoubleArray = field(init=False)
    peak: IntArray = field(init=False)
    blank: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        channels = self.box.shape[0]
        self.totals = np.zeros(11)
        self.spectrum = np.zeros(channels)
        self.variance = np.zeros(channels)
        self.extremes = np.array([np.inf, -np.inf])
        self.peak = np.full(3, _NO_PEAK, np.int64)

    @property
    def centre(self) -> tuple[float, float, float]:
        """Flux-weighted centre over the voxels of the source's sign, pixels of the cube; NaN if there are none."""
        t, corner = self.totals, self.box.start
        z, x, y = (
            a + (t[i] / t[W] if t[W] > 0 else math.nan) for i, a in zip((WZ, WX, WY), corner, strict=True)
        )
        return z, x, y

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs.

        Parameters
        ----------
        voxels
            float32 array (frequency, l, m) of ``window``, which reaches one voxel beyond the runs on every side
            but at the edges of the cube.
        window
            Box of the cube.
        runs
            The runs, sorted.
        sigma
            Noise of the window's voxels, float32 array (frequency, l, m), cube's unit.
        """
        origin = np.array(window.start, dtype=np.int64)
        corner = np.array(self.box.start, dtype=np.int64)
        self.blank |= bool(
            _add_runs(
                voxels, origin, corner, runs, sigma, self.sign, self.totals, self.spectrum,
                self.variance, self.extremes, self.peak,
            )
        )  # fmt: skip


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    corner: IntArray,
    runs: RunTable,
    sigma: FloatArray,
    sign: float,
    totals: DoubleArray,
    spectrum: DoubleArray,
    variance: DoubleArray,
    extremes: DoubleArray,
    peak: IntArray,
) -> bool:
    """Add runs to the sums of a source; return whether one of their voxels has a blank neighbour."""
    blank = False
    for r in range(runs.shape[0]):
        z, x = np.int64(runs[r, 0]), np.int64(runs[r, 1])
        a, b = z - origin[0], x - origin[1]
        dz, dx = np.float64(z - corner[0]), np.float64(x - corner[1])
        for y in range(runs[r, 2], runs[r, 3]):
            c = y - origin[2]
            dy = np.float64(y - corner[2])
            f = np.float64(voxels[a, b, c])
            s = np.float64(sigma[a, b, c])
            v = s * s
            w = max(sign * f, 0.0)
            totals[N] += 1.0
            totals[F] += f
            totals[FF] += f * f
            totals[W] += w
            totals[WZ] += w * dz
            totals[WX] += w * dx
            totals[WY] += w * dy
            totals[WXX] += w * dx * dx
            totals[WYY] += w * dy * dy
            totals[WXY] += w * dx * dy
            totals[V] += v
            spectrum[z - corner[0]] += f
            variance[z - corner[0]] += v
            if peak[0] < 0 or sign * f > sign * (extremes[1] if sign > 0 else extremes[0]):
                peak[0], peak[1], peak[2] = z, x, y
            extremes[0] = min(extremes[0], f)
            extremes[1] = max(extremes[1], f)
            blank = blank or _touches_blank(voxels, a, b, c)
    return blank


@compiled
def _touches_blank(voxels: FloatArray, a: int, b: int, c: int) -> bool:
    """Return whether one of the six neighbours of a voxel, inside the window, has no data."""
    nz, nx, ny = voxels.shape
    return bool(
        (a > 0 and np.isnan(voxels[a - 1, b, c]))
        or (a + 1 < nz and np.isnan(voxels[a + 1, b, c]))
        or (b > 0 and np.isnan(voxels[a, b - 1, c]))
        or (b + 1 < nx and np.isnan(voxels[a, b + 1, c]))
        or (c > 0 and np.isnan(voxels[a, b, c - 1]))
        or (c + 1 < ny and np.isnan(voxels[a, b, c + 1]))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """All that was summed over the voxels of one source.

    Attributes
    ----------
    sums
        Flux and its moments.
    noise
        The noise of these sums.
    bright
        Ellipse of the pixels of the sky that stand out.
    centres
        Where the source is in every channel.
    correlation
        Of the noise.
    """

    sums: Sums
    noise: SumNoise
    bright: Ellipse
    centres: ChannelCentres
    correlation: Correlation


def measure(source: Gathered, scale: FluxScale, shape: Shape, sign: int) -> dict[str, float]:
    """Return the catalogue row of a source but for its sky coordinates; keys are column names.

    Positions are 0-based pixels (x = l, y = m, z = channel); fluxes are in the cube's unit, integrated ones in
    ``scale.unit``; widths are in the native spectral unit; angles in degrees.
    """
    sums, t = source.sums, source.sums.totals
    box = sums.box
    weight = scale.weight[box.start[0] : box.stop[0]]
    f_sum = float((sums.spectrum * weight).sum())
    err_f_sum = _root(source.noise.variance(weight))
    line = sums.spectrum * weight * (1.0 if sign == POSITIVE else -1.0)
    z0 = box.start[0]
    widths = {
        "w20": line_width(line, 0.2, scale.values, z0),
        "w50": line_width(line, 0.5, scale.values, z0),
        "wm50": mean_line_width(line, scale.values, z0),
    }
    share, snr = _share_inside(sums), abs(f_sum) / err_f_sum if err_f_sum > 0 else math.nan
    moments = ellipse((t[W], t[WX], t[WY], t[WXX], t[WYY], t[WXY]))
    position, angles = _position(sums), _angles(source, moments)
    inside = {
        **_position_errors(sums, source.noise),
        **{name: _width_error(width, weight, source.noise) for name, width in widths.items()},
        **_angle_errors(source, moments),
    }
    per_channel = snr / math.sqrt(box.shape[0])
    return {
        **position,
        **angles,
        **{
            f"err_{name}": min(error * edge_factor(name, share, per_channel), UNKNOWN.get(name, math.inf))
            for name, error in inside.items()
        },
        "n_pix": t[N],
        "f_min": sums.extremes[0],
        "f_max": sums.extremes[1],
        "f_sum": f_sum,
        "f_sum_corr": f_sum / share,
        "err_f_sum": err_f_sum,
        "snr": snr,
        "mean": t[F] / t[N],
        "std": math.sqrt(max(t[FF] / t[N] - (t[F] / t[N]) ** 2, 0.0)),
        "rms": math.sqrt(t[V] / t[N]),
        "fill": t[N] / box.size,
        **{name: width.value for name, width in widths.items()},
        "ell_maj": moments.major,
        "ell_min": moments.minor,
        "ell3s_maj": source.bright.major,
        "ell3s_min": source.bright.minor,
        "ell3s_pa": source.bright.pa,
        "z_peak": sums.peak[0],
        "x_peak": sums.peak[1],
        "y_peak": sums.peak[2],
        "flag": _edge_flags(box, shape) | (BLANKED.bit if sums.blank else 0),
    }


def _share_inside(sums: Sums) -> float:
    """Return the share of the flux inside the mask; the largest of its voxels is noise by about one sigma."""
    t = sums.totals
    peak = sums.extremes[1] if sums.sign > 0 else -sums.extremes[0]
    return share_inside(sums.sign * t[F] / t[N], peak - math.sqrt(t[V] / t[N]))


def _position(sums: Sums) -> dict[str, float]:
    """Return the flux-weighted centroid over the voxels of the source's sign."""
    return dict(zip("zxy", sums.centre, strict=True))


def _position_errors(sums: Sums, noise: SumNoise) -> dict[str, float]:
    """Return the errors of the centroid inside its mask.

    To first order a voxel moves the centre by its noise times its distance, over the flux.
    """
    z, _, _ = sums.centre
    flux = sums.totals[W]
    away = np.arange(sums.box.start[0], sums.box.stop[0], dtype=np.float64) - np.float64(z)
    variances = {"z": noise.variance(away), "x": noise.variance_x(), "y": noise.variance_y()}
    return {name: _root(value) / flux if flux > 0 else math.nan for name, value in variances.items()}


def _angles(source: Gathered, moments: Ellipse) -> dict[str, float]:
    """Return the angles of the ellipse and of the kinematic axis."""
    axis = source.centres.axis()
    return {"ell_pa": moments.pa, "kin_pa": axis.pa if axis.known else math.nan}


def _angle_errors(source: Gathered, moments: Ellipse) -> dict[str, float]:
    """Return their errors inside the mask."""
    centres, variance = source.centres, source.noise.by_channel()
    return {
        "ell_pa": ellipse_error(centres, moments, variance, source.correlation),
        "kin_pa": kinematic_error(centres, centres.axis(), variance, source.correlation),
    }


def _width_error(width: LineWidth, weight: DoubleArray, noise: SumNoise) -> float:
    """Return the error of a line width inside its mask, to first order in the noise of the channels that decide it."""
    return _root(noise.variance(width.gradient * weight)) if math.isfinite(width.value) else math.nan


def _root(variance: float) -> float:
    return math.sqrt(max(variance, 0.0))


def _edge_flags(box: Box, shape: Shape) -> int:
    """Return the flags of a source that touches the edge of the cube."""
    z, *sky = (a == 0 or b == n for a, b, n in zip(box.start, box.stop, shape, strict=True))
    return (SPATIAL_EDGE.bit if any(sky) else 0) | (SPECTRAL_EDGE.bit if z else 0)
