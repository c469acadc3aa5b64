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
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.runs import RunTable
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box, Shape

# what is summed over the voxels of a source; positions count from the corner of its bounding box
N, F, FF, W, WZ, WX, WY, WZZ, WXX, WYY, WXY, V, VZ, VX, VY, VZZ, VXX, VYY = range(18)
MEASURED = (
    "x", "y", "z", "err_x", "err_y", "err_z", "n_pix", "f_min", "f_max", "f_sum", "err_f_sum", "snr", "mean", "std",
    "rms", "fill", "w20", "w50", "ell_maj", "ell_min", "ell_pa", "x_peak", "y_peak", "z_peak", "flag",
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
        Pixels that share one noise value, float64 array (frequency); 1 without a beam.
    unit
        Unit of the integrated flux, as astropy reads it.
    values
        Centre of every channel in the native spectral unit, float64 array (frequency), two at least.
    """

    weight: DoubleArray
    beam_area: DoubleArray
    unit: str
    values: DoubleArray

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
        self.totals = np.zeros(18)
        self.spectrum = np.zeros(channels)
        self.variance = np.zeros(channels)
        self.extremes = np.array([np.inf, -np.inf])
        self.peak = np.full(3, _NO_PEAK, np.int64)

    def add(
        self, voxels: FloatArray, window: Box, runs: RunTable, channel: FloatArray, sky: FloatArray
    ) -> None:
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
        channel, sky
            Noise of the window's channels in the cube's unit (frequency) and relative noise of its pixels (l, m).
        """
        origin = np.array(window.start, dtype=np.int64)
        corner = np.array(self.box.start, dtype=np.int64)
        self.blank |= bool(
            _add_runs(
                voxels, origin, corner, runs, channel, sky, self.sign, self.totals, self.spectrum,
                self.variance, self.extremes, self.peak,
            )
        )  # fmt: skip


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    corner: IntArray,
    runs: RunTable,
    channel: FloatArray,
    sky: FloatArray,
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
            s = np.float64(channel[a]) * np.float64(sky[b, c])
            v = s * s
            w = max(sign * f, 0.0)
            totals[N] += 1.0
            totals[F] += f
            totals[FF] += f * f
            totals[W] += w
            totals[WZ] += w * dz
            totals[WX] += w * dx
            totals[WY] += w * dy
            totals[WZZ] += w * dz * dz
            totals[WXX] += w * dx * dx
            totals[WYY] += w * dy * dy
            totals[WXY] += w * dx * dy
            totals[V] += v
            totals[VZ] += v * dz
            totals[VX] += v * dx
            totals[VY] += v * dy
            totals[VZZ] += v * dz * dz
            totals[VXX] += v * dx * dx
            totals[VYY] += v * dy * dy
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


def measure(sums: Sums, scale: FluxScale, shape: Shape, sign: int) -> dict[str, float]:
    """Return the catalogue row of a source but for its sky coordinates; keys are column names.

    Positions are 0-based pixels (x = l, y = m, z = channel); fluxes are in the cube's unit, integrated ones in
    ``scale.unit``; widths are in the native spectral unit; angles in degrees.
    """
    t = sums.totals
    channels = slice(sums.box.start[0], sums.box.stop[0])
    weight, area = scale.weight[channels], scale.beam_area[channels]
    f_sum = float((sums.spectrum * weight).sum())
    err_f_sum = math.sqrt(float((sums.variance * area * weight * weight).sum()))
    line = sums.spectrum * weight * (1.0 if sign == POSITIVE else -1.0)
    z0, x0, y0 = sums.box.start
    return {
        **_position(t, (z0, x0, y0), float(area.mean())),
        "n_pix": t[N],
        "f_min": sums.extremes[0],
        "f_max": sums.extremes[1],
        "f_sum": f_sum,
        "err_f_sum": err_f_sum,
        "snr": abs(f_sum) / err_f_sum if err_f_sum > 0 else math.nan,
        "mean": t[F] / t[N],
        "std": math.sqrt(max(t[FF] / t[N] - (t[F] / t[N]) ** 2, 0.0)),
        "rms": math.sqrt(t[V] / t[N]),
        "fill": t[N] / sums.box.size,
        "w20": line_width(line, 0.2, scale.values, z0),
        "w50": line_width(line, 0.5, scale.values, z0),
        **ellipse(t),
        "z_peak": sums.peak[0],
        "x_peak": sums.peak[1],
        "y_peak": sums.peak[2],
        "flag": _edge_flags(sums.box, shape) | (BLANKED.bit if sums.blank else 0),
    }


def _position(t: DoubleArray, corner: tuple[int, int, int], beam_area: float) -> dict[str, float]:
    """Return the flux-weighted centroid over the voxels of the source's sign, and its error from the noise.

    The error is that of a weighted mean with independent beams: ``sqrt(beam Σ σ² (x - x̄)²) / Σ f``.
    """
    row: dict[str, float] = {}
    terms = (("z", WZ, VZ, VZZ), ("x", WX, VX, VXX), ("y", WY, VY, VYY))
    for (name, first, v_first, v_second), start in zip(terms, corner, strict=True):
        centre = t[first] / t[W] if t[W] > 0 else math.nan
        spread = t[v_second] - 2.0 * centre * t[v_first] + centre * centre * t[V]
        row[name] = start + centre
        row[f"err_{name}"] = math.sqrt(max(spread, 0.0) * beam_area) / t[W] if t[W] > 0 else math.nan
    return row


def ellipse(t: DoubleArray) -> dict[str, float]:
    """Return the ellipse of the flux-weighted second moments on the sky, pixels and degrees.

    ``ell_maj`` and ``ell_min`` are twice the standard deviation along the axes; ``ell_pa`` is the angle of the
    major axis, anticlockwise from the m axis in the pixel frame, between -90 and 90.
    """
    if not t[W] > 0:
        return {"ell_maj": math.nan, "ell_min": math.nan, "ell_pa": math.nan}
    x, y = t[WX] / t[W], t[WY] / t[W]
    xx, yy, xy = t[WXX] / t[W] - x * x, t[WYY] / t[W] - y * y, t[WXY] / t[W] - x * y
    mean, difference = 0.5 * (xx + yy), 0.5 * (xx - yy)
    spread = math.hypot(difference, xy)
    angle = 0.5 * math.degrees(math.atan2(2.0 * xy, xx - yy))  # of the major axis, from l towards m
    return {
        "ell_maj": 2.0 * math.sqrt(max(mean + spread, 0.0)),
        "ell_min": 2.0 * math.sqrt(max(mean - spread, 0.0)),
        "ell_pa": angle - 90.0 if angle > 0 else angle + 90.0,
    }


def line_width(line: DoubleArray, fraction: float, values: DoubleArray, first: int) -> float:
    """Return the width of a line at a fraction of its peak, in the unit of ``values``.

    Both ends are looked for from outside in and placed by linear interpolation between channels; beyond the
    source's channels the line counts as zero.
    """
    level = fraction * float(line.max(initial=0.0))
    if level <= 0.0:
        return math.nan
    above = np.flatnonzero(line >= level)
    ends = []
    for inside, step in ((int(above[0]), -1), (int(above[-1]), 1)):
        outside = inside + step
        low = float(line[outside]) if 0 <= outside < line.size else 0.0
        ends.append(inside + step * (float(line[inside]) - level) / (float(line[inside]) - low))
    return abs(_spectral_value(values, first + ends[1]) - _spectral_value(values, first + ends[0]))


def _spectral_value(values: DoubleArray, channel: float) -> float:
    """Return the value at a fractional channel, extrapolated by half a channel or so at the ends of the cube."""
    i = min(max(math.floor(channel), 0), values.size - 2)
    return float(values[i] + (channel - i) * (values[i + 1] - values[i]))


def _edge_flags(box: Box, shape: Shape) -> int:
    """Return the flags of a source that touches the edge of the cube."""
    z, *sky = (a == 0 or b == n for a, b, n in zip(box.start, box.stop, shape, strict=True))
    return (SPATIAL_EDGE.bit if any(sky) else 0) | (SPECTRAL_EDGE.bit if z else 0)
