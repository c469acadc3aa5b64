"""What a network makes of made-up skies that it never saw, held against the same skies without noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log10, nan

import numpy as np
import numpy.typing as npt

from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.network.unet import UNet
from tessellar.model import DoubleArray, FloatArray, Patch
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box, Shape
from tessellar.training.skies import MASK_PEAK, MASK_SIGMA

BoolArray = npt.NDArray[np.bool_]
SNR_EDGES = (2.0, 4.0, 8.0, 20.0, np.inf)
FAINT = (2.0, 25.0)  # S/N of the galaxies whose voxels count as sources: the brighter ones would decide alone
LIKELY = 0.05  # probabilities above it are judged by themselves as well


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What differs from the skies that the network was trained on.

    Parameters
    ----------
    name
        In words.
    noise_factor
        Noise that the network is told, over the true noise.
    beam_pixels
        Full width of the beam, pixels.
    white
        Whether the noise is independent from pixel to pixel.
    """

    name: str
    noise_factor: float = 1.0
    beam_pixels: float = 4.0
    white: bool = False


@dataclass(slots=True)
class Sums:
    """What was found in the skies of one circumstance; errors in units of the noise.

    Attributes
    ----------
    errors
        Squared error of the result and of the noisy cube over some voxels, by their name: one pair for each sky.
    ratios
        S/N of each galaxy, and its flux in the denoised cube as a share of the truth.
    counts
        Voxels by probability: how many, the sum of their probabilities, how many are emission.
    pulls
        Error over uncertainty of the voxels in sources.
    """

    errors: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    ratios: list[tuple[float, float]] = field(default_factory=list)
    counts: DoubleArray = field(default_factory=lambda: np.zeros((3, 20)))
    pulls: list[float] = field(default_factory=list)

    def add(self, name: str, error: FloatArray, noise: FloatArray) -> None:
        """Add the errors of a result and of the noisy cube over the same voxels of one more sky."""
        ours, noisy = (float(np.square(e, dtype=np.float64).sum()) for e in (error, noise))
        self.errors.setdefault(name, []).append((ours, noisy))

    def gain(self, name: str) -> tuple[float, float]:
        """Return how much smaller the squared error is than that of the noisy cube, decibels, and how sure that is.

        The second is the standard error that the scatter from sky to sky tells, by leaving out one after the other
        (the jackknife of Tukey 1958, Ann. Math. Stat. 29, 614); NaN for a single sky.
        """
        skies = np.array(self.errors[name])
        without = [_decibels(skies.sum(axis=0) - sky) for sky in skies] if len(skies) > 1 else [np.nan]
        return _decibels(skies.sum(axis=0)), float(np.std(without) * np.sqrt(len(skies) - 1.0))

    def flux_ratio(self, low: float, high: float) -> tuple[float, float, int]:
        """Return the median of denoised over true flux for galaxies of some S/N, its standard error, and their number.

        The error is that of the median of a Gaussian whose width is told by the median deviation.
        """
        inside = np.array([ratio for snr, ratio in self.ratios if low <= snr < high])
        if not inside.size:
            return np.nan, np.nan, 0
        middle = float(np.median(inside))
        scatter = 1.4826 * float(np.median(np.abs(inside - middle)))
        return middle, float(np.sqrt(np.pi / 2 / inside.size)) * scatter, inside.size

    def calibration_error(self, above: float = 0.0) -> float:
        """Return the mean distance of probability and frequency over the voxels whose probability is ``above``."""
        total, said, true = self.counts[:, int(above * 20) :]
        return float(np.abs(said - true).sum() / max(total.sum(), 1.0))


def _decibels(errors: DoubleArray) -> float:
    ours, noisy = errors
    return 10.0 * log10(noisy / ours) if ours > 0 else nan


def denoised(kernel: UNet, shape: Shape, seeds: range, case: Circumstance) -> Sums:
    """Denoise some skies, and return how near the truth they come."""
    sums = Sums()
    for seed in seeds:
        _one_sky(kernel, _sky(shape, seed, case), case, sums)
    return sums


def beside(kernel: DenseKernel, shape: Shape, seeds: range, case: Circumstance) -> Sums:
    """Return the errors alone that any denoiser makes in the same skies."""
    sums = Sums()
    for seed in seeds:
        sky = _sky(shape, seed, case)
        truth, noise = _shown(sky, case)
        box = Box.of_shape(shape)
        run = kernel.prepare(sky.meta, "cpu")
        answer = run(Patch(truth + noise, box, box), np.full(shape, case.noise_factor, np.float32))
        _add_errors(sums, answer[0] - truth, noise, *_where(sky))
    return sums


def _one_sky(kernel: UNet, sky: HiSky, case: Circumstance, sums: Sums) -> None:
    box, rms = Box.of_shape(sky.shape), np.float32(sky.rms_jy)
    truth, noise = _shown(sky, case)
    told = np.full(sky.shape, case.noise_factor, np.float32)
    run = kernel.prepare(sky.meta, "cpu")
    patch = Patch(truth + noise, box, box)
    mean, deviation = run(patch, told)
    lit = np.zeros(sky.shape, np.bool_)
    for snr, part, galaxy in _galaxies(sky):
        voxels = galaxy > MASK_PEAK * galaxy.max()
        lit[part] |= galaxy / rms > min(MASK_PEAK * galaxy.max() / rms, MASK_SIGMA)
        inside = truth[part][voxels].sum(dtype=np.float64)
        sums.ratios.append((snr, float(mean[part][voxels].sum(dtype=np.float64) / inside)))
    faint, everywhere = _where(sky)
    _add_errors(sums, mean - truth, noise, faint, everywhere)
    probability = run.probability(patch, told).ravel()
    index = np.minimum((probability * 20).astype(np.int64), 19)
    sums.counts += np.stack(
        [np.bincount(index, w, 20) for w in (np.ones(lit.size), probability, lit.ravel())]
    )
    sums.pulls += ((mean - truth) / deviation)[faint].tolist()


def _sky(shape: Shape, seed: int, case: Circumstance) -> HiSky:
    return HiSky(shape, seed=seed, beam_arcsec=2.8 * case.beam_pixels)


def _shown(sky: HiSky, case: Circumstance) -> tuple[FloatArray, FloatArray]:
    """Return the galaxies of a sky and its noise, in units of the noise."""
    box, rms = Box.of_shape(sky.shape), np.float32(sky.rms_jy)
    truth = sky.read_galaxies(box) / rms
    if case.white:
        return truth, np.random.default_rng(sky.seed).standard_normal(sky.shape, dtype=np.float32)
    return truth, sky.read(box) / rms - truth


def _where(sky: HiSky) -> tuple[BoolArray, BoolArray]:
    """Return where the voxels of faint galaxies are, and where those of any."""
    faint, everywhere = np.zeros((2, *sky.shape), np.bool_)
    for snr, part, galaxy in _galaxies(sky):
        voxels = galaxy > MASK_PEAK * galaxy.max()
        everywhere[part] |= voxels
        if FAINT[0] <= snr < FAINT[1]:
            faint[part] |= voxels
    return faint, everywhere


def _add_errors(
    sums: Sums, error: FloatArray, noise: FloatArray, faint: BoolArray, everywhere: BoolArray
) -> None:
    for name, where in (
        ("everywhere", np.ones_like(faint)),
        ("sources", faint),
        ("elsewhere", ~everywhere),
    ):
        sums.add(name, error[where], noise[where])


def _galaxies(sky: HiSky) -> Iterator[tuple[float, tuple[slice, slice, slice], FloatArray]]:
    """Yield S/N, box and noiseless voxels, Jy/beam, of the galaxies of a sky."""
    for number, snr in enumerate(truth_table(sky)["snr"]):
        cubelet = sky.cubelet(number)
        shared = cubelet.box & Box.of_shape(sky.shape)
        yield float(snr), shared.slices(), cubelet.voxels[shared.relative_to(cubelet.box.start).slices()]


@dataclass(frozen=True, slots=True)
class Left:
    """What a network leaves of a cube without galaxies.

    Attributes
    ----------
    rms, peak
        Of the denoised voxels, units of the noise.
    lit
        Share of the voxels above the threshold.
    chequered
        Rms of what changes its sign from voxel to voxel along an axis, the worst of the three, units of the noise: a
        network that answers for blocks of voxels could leave such a pattern.
    """

    rms: float
    peak: float
    lit: float
    chequered: float


def noise_only(kernel: UNet, shape: Shape, seed: int) -> Left:
    """Return what is left of a cube without galaxies."""
    sky = HiSky(shape, seed=seed, n_sources=0)
    box = Box.of_shape(shape)
    patch, told = Patch(sky.read(box) / np.float32(sky.rms_jy), box, box), np.ones(shape, np.float32)
    run = kernel.prepare(sky.meta, "cpu")
    mean = run(patch, told)[0]
    lit = run.probability(patch, told) > run.calibration.mask_threshold
    power = np.abs(np.fft.fftn(mean.astype(np.float64))) ** 2 / mean.size**2
    planes = (power.take(n // 2, axis).sum() for axis, n in enumerate(shape))
    return Left(
        float(np.sqrt(power.sum())), float(mean.max()), float(lit.mean()), float(np.sqrt(max(planes)))
    )
