"""Power by wave number along (k_par) and across (k_perp) the line of sight, with its errors.

P = < Re(A B*) > dV² / (V S), with the modes A and B of a band after a taper w along frequency, the comoving volume dV
of a voxel and V of the band, and S, the mean of w² times the squared taper on the sky: McQuinn et al. 2006,
ApJ 653, 815, and Harris 1978, Proc. IEEE 66, 51 for tapers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from tessellar.cosmology import depth_of
from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.band import Band, channel_width
from tessellar.kernels.power.field import SkyField
from tessellar.kernels.power.modes import BandModes, SkyModes, band_modes
from tessellar.kernels.power.tapers import independent_cells, taper
from tessellar.model import DoubleArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class CylindricalPower:
    """The power of a band in bins of k_par and k_perp.

    Attributes
    ----------
    k_par_edges, k_perp_edges
        Edges of the bins, h/cMpc, float64 arrays.
    power
        Mean power, K² h⁻³ cMpc³, float64 array (k_par, k_perp); NaN in a bin without modes.
    sigma
        Its standard error, as `power`.
    n_modes
        How many modes of the whole Fourier space a bin has, int64 array (k_par, k_perp).
    frequency
        Hz, middle of the band.
    n_filled
        How many channels of the band were missing.
    """

    k_par_edges: DoubleArray
    k_perp_edges: DoubleArray
    power: DoubleArray
    sigma: DoubleArray
    n_modes: IntArray
    frequency: float = float("nan")
    n_filled: int = 0

    @property
    def k_par(self) -> DoubleArray:
        """Middle of the bins along the line of sight, h/cMpc."""
        return 0.5 * (self.k_par_edges[1:] + self.k_par_edges[:-1])

    @property
    def k_perp(self) -> DoubleArray:
        """Middle of the bins across the line of sight, h/cMpc."""
        return 0.5 * (self.k_perp_edges[1:] + self.k_perp_edges[:-1])


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Edges of the bins of k_par and k_perp, h/cMpc, and the taper along frequency.

    A wave number at an edge belongs to the upper bin, one at the last edge to the last bin.

    Raises
    ------
    UsageError
        Edges that do not ascend from zero or above, or no such taper.
    """

    k_par_edges: DoubleArray
    k_perp_edges: DoubleArray
    taper: str = "blackmanharris"

    def __post_init__(self) -> None:
        taper(self.taper, 1)
        for name, edges in (("k_par", self.k_par_edges), ("k_perp", self.k_perp_edges)):
            if edges.ndim != 1 or len(edges) < 2 or not edges[0] >= 0 or not (np.diff(edges) > 0).all():
                raise UsageError(
                    f"The edges of the bins of {name} do not ascend from 0 or above. Give two or more numbers that do."
                )


@dataclass(frozen=True, slots=True, eq=False)
class BinMeans:
    """Means over the modes of each bin of two cubes, arrays (k_par, k_perp), K² h⁻³ cMpc³ where they are of power.

    Attributes
    ----------
    cross, first, second
        Cross power, and the power of either.
    n_modes
        How many modes of the whole Fourier space a bin has, int64.
    n_independent
        For how many independent ones they count: pairs of mirror images once, neighbours that are tied as fewer.
    """

    cross: DoubleArray
    first: DoubleArray
    second: DoubleArray
    n_modes: IntArray
    n_independent: DoubleArray


def cross_power(
    first: SkyModes, second: SkyModes, band: Band, bins: Bins, *, sample_variance: bool = True
) -> CylindricalPower:
    """Return the cross power of two cubes of the same sky, or the power of one that is given twice.

    The error of a bin is that of Gaussian fields whose power is the same throughout the bin: with P of one cube
    P / √N, of two cubes √((P₁₂² + P₁ P₂) / 2N), where N counts independent modes: pairs of mirror images once,
    neighbours that the tapers and blanks tie together as fewer. Without sample variance it is the error about the
    power that this very piece of sky has, √((P₁ P₂ - P₁₂²) / 2N): the noise of the two cubes alone.

    Parameters
    ----------
    first, second
        Modes of two cubes, or one twice.
    band
        Which channels.
    bins
        Bins and taper.
    sample_variance
        Whether the error is to hold for the power of all skies; False needs two cubes.

    Raises
    ------
    UsageError
        The cubes differ in pixels or channels; or no sample variance for one cube.
    InputError
        The band has too few channels with data.
    """
    if first is second and not sample_variance:
        raise UsageError(
            "The error without sample variance needs two cubes with independent noise. Give both."
        )
    modes = band_modes(first, second, band)
    means = bin_means(first, modes, bins)
    own = means.cross**2 if sample_variance else -(means.cross**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.sqrt(np.maximum(means.first * means.second + own, 0.0) / (2.0 * means.n_independent))
    return CylindricalPower(
        bins.k_par_edges,
        bins.k_perp_edges,
        means.cross,
        sigma,
        means.n_modes,
        float(modes.frequencies.mean()),
        modes.n_filled,
    )


def coherence(first: SkyModes, second: SkyModes, band: Band, bins: Bins) -> DoubleArray:
    """Return P₁₂ / √(P₁ P₂) of two cubes, -1 to 1, float64 array (k_par, k_perp); NaN in bins without modes."""
    means = bin_means(first, band_modes(first, second, band), bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(means.cross / np.sqrt(means.first * means.second))


def power_of_covariance(
    covariance: DoubleArray, field: SkyField, frequencies: DoubleArray, band: Band, bins: Bins
) -> DoubleArray:
    """Return the power that spectra of a covariance have where neighbouring pixels know nothing of each other.

    Parameters
    ----------
    covariance
        Of the channels, float64 array (frequency, frequency), K².
    field
        The field, of which the size of a pixel counts.
    frequencies
        Of the channels, Hz, float64 array (frequency).
    band, bins
        Which channels; bins and taper.

    Returns
    -------
    DoubleArray
        float64 array (k_par), K² h⁻³ cMpc³, the same for every k_perp; NaN in bins without modes.
    """
    channels = band.channels(frequencies)
    radial, voxel = _voxel(field, frequencies[channels])
    n_channels = channels.stop - channels.start
    weights = taper(bins.taper, n_channels)
    tapered = covariance[channels, channels] * np.outer(weights, weights)
    line = (scipy.fft.ifft(scipy.fft.fft(tapered, axis=0), axis=1) * n_channels).diagonal().real
    rows = _bin_of(np.abs(2.0 * np.pi * scipy.fft.fftfreq(n_channels, radial)), bins.k_par_edges)
    n_bins = len(bins.k_par_edges) - 1
    cells = np.bincount(rows[rows >= 0], minlength=n_bins)
    sums = np.bincount(rows[rows >= 0], weights=line[rows >= 0], minlength=n_bins)
    with np.errstate(invalid="ignore"):
        return np.asarray(voxel * sums / (cells * float((weights**2).sum())))


def _voxel(field: SkyField, frequencies: DoubleArray) -> tuple[float, float]:
    """Return the depth of a channel, h⁻¹ cMpc, and the volume of a voxel, h⁻³ cMpc³."""
    depth = depth_of(float(frequencies.mean()))
    radial = depth.radial * channel_width(frequencies)
    return radial, depth.transverse**2 * field.pixel[0] * field.pixel[1] * radial


def bin_means(sky: SkyModes, modes: BandModes, bins: Bins) -> BinMeans:
    """Return the mean powers of the bins: one column of k_perp at a time, so that little is in memory."""
    frequency = float(modes.frequencies.mean())
    n_channels, n_pixels = len(modes.frequencies), sky.field.shape[0] * sky.field.shape[1]
    radial, voxel = _voxel(sky.field, modes.frequencies)
    weights = taper(bins.taper, n_channels)
    share = float((weights**2 * modes.squares * modes.measured).sum())  # of the channels times S
    scale = voxel / (n_pixels * share)
    rows = _bin_of(np.abs(2.0 * np.pi * scipy.fft.fftfreq(n_channels, radial)), bins.k_par_edges)
    columns = _bin_of(sky.k_perp(frequency), bins.k_perp_edges)
    multiplicity = sky.multiplicity()
    shape = (len(bins.k_par_edges) - 1, len(bins.k_perp_edges) - 1)
    sums, n_modes, halves = np.zeros((3, *shape)), np.zeros(shape, np.int64), np.zeros(shape[1])
    for column in range(shape[1]):
        chosen = np.flatnonzero(columns == column)
        times = multiplicity[chosen]
        halves[column] = 0.5 * times.sum()
        for row, line in enumerate(_lines(modes, chosen, times, weights).T):
            if rows[row] >= 0:
                sums[:, rows[row], column] += line
                n_modes[rows[row], column] += times.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        cross, one, two = scale * sums / n_modes
    return BinMeans(cross, one, two, n_modes, np.outer(_depth_cells(modes, weights, rows, shape[0]), halves))


def _lines(modes: BandModes, chosen: IntArray, times: IntArray, weights: DoubleArray) -> DoubleArray:
    """Return Re(A B*), A A* and B B* summed over some modes, float64 array (3, cell of k_par)."""
    one = scipy.fft.fft(modes.first[:, chosen] * weights[:, None], axis=0)
    own = (np.abs(one) ** 2 * times).sum(axis=1)
    if modes.second is modes.first:
        return np.stack([own, own, own])
    two = scipy.fft.fft(modes.second[:, chosen] * weights[:, None], axis=0)
    cross = ((one * two.conj()).real * times).sum(axis=1)
    return np.stack([cross, own, (np.abs(two) ** 2 * times).sum(axis=1)])


def _depth_cells(modes: BandModes, weights: DoubleArray, rows: IntArray, n_rows: int) -> DoubleArray:
    """Return what the cells of each bin of k_par are worth, and for how much less modes tied on the sky count.

    Behind a taper W on the sky n modes are worth n <W²>² / <W²W₊²>, with the neighbour W₊ of each pixel: a bin is wide
    against what a smooth taper ties together, and narrow against the whole plane, over which scattered blanks spread
    their ties.
    """
    effective = weights * np.sqrt(modes.squares) * modes.measured
    tied = float((weights**2 * modes.tied * modes.measured).sum())
    if tied <= 0.0:
        raise InputError("no two pixels beside each other have data, so there is no power across the sky.")
    sky = float((weights**2 * modes.squares**2 * modes.measured).sum()) / tied
    cells = [independent_cells(effective, np.flatnonzero(rows == row)) for row in range(n_rows)]
    return sky * np.array(cells)


def _bin_of(values: DoubleArray, edges: DoubleArray) -> IntArray:
    """Return the bin of each value, -1 for none, int64 array."""
    found = np.searchsorted(edges, values, side="right") - 1
    found[values == edges[-1]] = len(edges) - 2
    found[found > len(edges) - 2] = -1
    return found.astype(np.int64)
