"""Made-up galaxies, each alone in fresh noise, found and measured: what was measured of them beside what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tessellar.kernels.correlation import beam_correlation
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.line_width import line_width, mean_line_width
from tessellar.kernels.mask_edge import EDGE_LAWS, edge_factor
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.runs import extract_runs
from tessellar.kernels.scale_noise import sigma_from_counts
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import GAUSSIAN_AREA, DoubleArray, FloatArray, Patch
from tessellar.simulate.discs import Disc
from tessellar.simulate.hi import HiSky
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box, Halo, Shape

MARGIN = 10  # voxels of noise around a galaxy
MOST_VOXELS = 2_500_000  # of a galaxy and its margin: larger ones are left out
LEAST_FOUND = 0.1  # share of the flux that the mask must hold
LEAST_SIZE = 3  # of a mask along each axis, voxels
TILTED = 30.0  # degrees of inclination below which a galaxy hardly has a position angle
_SHAPE = (128, 192, 192)


@dataclass(frozen=True, slots=True)
class LoneGalaxies:
    """Which galaxies, in what, found how.

    Parameters
    ----------
    seed, count, noises
        Chooses the galaxies; how many; in how many realisations of noise each is looked for.
    threshold
        Of the finder.
    beam
        Full width, pixels.
    channel_hz
        Width of a channel.
    flux_range
        Multiples of one rms times one channel.
    """

    seed: int
    count: int
    noises: int
    threshold: float = 5.0
    beam: float = 4.0
    channel_hz: float = 30e3
    flux_range: tuple[float, float] = (30.0, 1200.0)

    @property
    def sky(self) -> HiSky:
        """The sky that the galaxies are taken from."""
        return HiSky(
            _SHAPE,
            self.seed,
            n_sources=self.count,
            beam_arcsec=2.8 * self.beam,
            channel_hz=self.channel_hz,
            flux_range=self.flux_range,
        )

    def measured(self) -> dict[str, DoubleArray]:
        """Return what was found, float64 arrays by name: ``snr`` (the true one), ``share``, ``channel_snr``, and

        for each column of `EDGE_LAWS` its deviation from the truth as ``off_`` and its error as ``err_``; NaN for the
        angles of galaxies that are hardly tilted.
        """
        rows = [row for number in range(self.count) for row in self._found(number)]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else {}

    def _found(self, number: int) -> Iterator[dict[str, float]]:
        sky = self.sky
        clean = np.pad(sky.cubelet(number).voxels / np.float32(sky.rms_jy), MARGIN)
        if clean.size > MOST_VOXELS:
            return
        bench = _Bench.of(clean.shape, self, sky)
        true = _truth(clean, sky.population[number], self.beam)
        for turn in range(self.noises):
            key = 10**7 * self.seed + 1000 * number + turn
            noisy = clean + correlated_noise(bench.box, key, self.beam, 1.0)
            mask = bench.mask_of(noisy, clean)
            if mask is not None:
                yield _deviations(bench.row_of(noisy, mask), true, _channels(mask))


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """The finder and what measuring needs, for cubes of one shape in noise of 1."""

    box: Box
    finder: CalibratedFinder
    scale: FluxScale
    sky: HiSky

    @classmethod
    def of(cls, shape: Shape, galaxies: LoneGalaxies, sky: HiSky) -> _Bench:
        lattice, box = NoiseLattice(shape), Box.of_shape(shape)
        noise = NoiseModel(lattice, np.ones(shape[0], np.float32), np.ones(lattice.cells, np.float32))
        recipe = SmoothAndClip(threshold=galaxies.threshold)
        patch = Patch(correlated_noise(box, galaxies.seed, galaxies.beam, 1.0), box, box)
        sigma = sigma_from_counts(recipe.count_scales(patch, noise))
        ones = np.ones(shape[0])
        scale = FluxScale(ones, ones, "Jy", np.arange(float(shape[0])))
        return cls(box, CalibratedFinder(recipe, noise, sigma), scale, sky)

    def mask_of(self, noisy: FloatArray, clean: FloatArray) -> np.ndarray | None:
        """Return the piece that holds most of the galaxy, None where hardly anything was found."""
        labels, n = ndimage.label(self.finder(Patch(noisy, self.box, self.box)) & 1)
        if not n:
            return None
        flux = ndimage.sum(clean, labels, np.arange(1, n + 1))
        mask = labels == 1 + flux.argmax()
        found = flux.max() > LEAST_FOUND * clean.sum(dtype=np.float64)
        return mask if found and min(_around(mask).shape) >= LEAST_SIZE else None

    def row_of(self, noisy: FloatArray, mask: np.ndarray) -> dict[str, float]:
        """Return the row of the catalogue."""
        runs, box = extract_runs(mask.astype(np.uint8), 1, (0, 0, 0)), _around(mask)
        window = box.grow(Halo.symmetric((1, 1, 1))).clip(self.box)
        ones, correlation = np.ones(noisy.shape[0]), beam_correlation(self.sky.meta)
        around = Surroundings(noisy.shape, self.scale, ones, self.finder.noise, correlation)
        gathering = Gathering(box, 1.0, around)
        gathering.begin(box)
        gathering.add(noisy[window.slices()], window, runs)
        return dict(zip(MEASURED, gathering.row(runs).tolist(), strict=True))


def _around(mask: np.ndarray) -> Box:
    where = np.argwhere(mask)
    return Box(tuple(where.min(0).tolist()), tuple((where.max(0) + 1).tolist()))


def _channels(mask: np.ndarray) -> int:
    return _around(mask).shape[0]


def _truth(clean: FloatArray, disc: Disc, beam: float) -> dict[str, float]:
    """Return what is true of a galaxy; S/N is that of the voxels that hold 90 per cent of its flux."""
    line, values = clean.sum(axis=(1, 2), dtype=np.float64), np.arange(float(clean.shape[0]))
    falling = np.cumsum(np.sort(clean.ravel())[::-1], dtype=np.float64)
    n_voxels = 1 + int(np.searchsorted(falling, 0.9 * falling[-1]))
    tilted = disc.inclination > TILTED
    return {
        **dict(zip("zxy", ndimage.center_of_mass(clean.astype(np.float64)), strict=True)),
        "w20": line_width(line, 0.2, values, 0).value,
        "w50": line_width(line, 0.5, values, 0).value,
        "wm50": mean_line_width(line, values, 0).value,
        "ell_pa": disc.pa if tilted else np.nan,
        "kin_pa": disc.pa + 180.0 if tilted else np.nan,
        "snr": 0.9 * falling[-1] / np.sqrt(n_voxels * GAUSSIAN_AREA * beam**2),
    }


def _deviations(row: dict[str, float], true: dict[str, float], channels: int) -> dict[str, float]:
    share, channel_snr = row["f_sum"] / row["f_sum_corr"], row["snr"] / channels**0.5
    made = {"snr": true["snr"], "share": share, "channel_snr": channel_snr}
    for name in EDGE_LAWS:
        off = row[name] - true[name]
        turn = {"ell_pa": 180.0, "kin_pa": 360.0}.get(name)
        made[f"off_{name}"] = off if turn is None else (off + 0.5 * turn) % turn - 0.5 * turn
        made[f"err_{name}"] = row[f"err_{name}"]
        made[f"inside_{name}"] = row[f"err_{name}"] / edge_factor(name, share, channel_snr)
    return made
