"""Generalised morphological component analysis: foregrounds whose maps are sparse in wavelets, each with one spectrum.

Bobin, Starck, Fadili & Moudden 2007, IEEE Trans. Image Process. 16, 2662; for 21-cm cubes Carucci, Irfan & Bobin
2020, MNRAS 499, 304. Spectra and maps are found in turns by least squares, and only what stands out of the details of
a map counts, less and less as it goes on. It works on the maps of the first principal components, which hold all that
is bright.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError
from tessellar.kernels.channel_noise import MAD_TO_SIGMA
from tessellar.kernels.foregrounds.mixing import ordered
from tessellar.kernels.foregrounds.starlet import starlet
from tessellar.model import DoubleArray, FloatArray

SETTLING = 0.8  # the part of the iterations after which the threshold stays at its lowest
_SETTLED_DEGREES = 0.1  # by which no spectrum may turn in the last iteration
_BLOCK = 2**16  # pixels that are worked on at a time


@dataclass(frozen=True, slots=True, eq=False)
class GmcaMixing:
    """How maps are mixed from sources that are sparse in wavelets.

    Attributes
    ----------
    mixing
        float64 array (mode, source), columns of length 1 with their largest element positive, the source of the
        strongest details first.
    turned_degrees
        The largest angle by which a column turned in the last iteration.
    active
        How many of the sources have details above the threshold.
    """

    mixing: DoubleArray
    turned_degrees: float
    active: int

    @property
    def converged(self) -> bool:
        """Whether the columns came to rest."""
        return self.turned_degrees < _SETTLED_DEGREES

    def doubts(self) -> tuple[str, ...]:
        """Return in sentences why the components may not be worth much; empty when all is well."""
        sentences, n_sources = [], self.mixing.shape[1]
        if not self.converged:
            sentences.append(
                f"the components still turned by {self.turned_degrees:.2g} degrees in the last iteration; more "
                "iterations may settle them."
            )
        if self.active < n_sources:
            sentences.append(
                f"{self.active} of {n_sources} components stand out of their noise; the others are principal "
                "components. Fewer modes suffice."
            )
        return tuple(sentences)


def generalised_morphological(
    maps: FloatArray | DoubleArray,
    sources: int,
    scales: int = 4,
    iterations: int = 100,
    threshold: float = 3.0,
) -> GmcaMixing:
    """Return how the maps are mixed from sources.

    Parameters
    ----------
    maps
        float32 or float64 array (mode, l, m), NaN where blank; a pixel that is blank in one of them is left out.
    sources
        How many, at most as many as there are maps.
    scales
        Of the starlet transform.
    iterations
        How often spectra and maps are found in turns.
    threshold
        The lowest, in units of 1.4826 times the median absolute detail of a source at a scale.

    Raises
    ------
    InputError
        There are fewer pixels with data than maps.
    """
    details = _details(maps, scales)
    mixing, turned, strength = np.eye(len(maps), sources), 0.0, np.ones(sources)
    for i in range(iterations):
        progress = min(1.0, i / max(1.0, SETTLING * (iterations - 1)))
        following, strength = _step(details, mixing, threshold, progress)
        cosines = np.clip(np.abs((following * mixing).sum(axis=0)), 0.0, 1.0)
        turned, mixing = float(np.degrees(np.arccos(cosines.min()))), following
    return GmcaMixing(ordered(mixing, strength), turned, int((strength > 0.0).sum()))


def gmca_bytes(modes: int, sources: int, sky: tuple[int, int], scales: int) -> int:
    """Return the memory that it takes beside the maps: float32 details, and the sources of one scale at a time."""
    pixels = sky[0] * sky[1]
    transform = 8 * pixels * (scales + 5)
    turns = 8 * pixels * (sources + 3) + 8 * _BLOCK * (modes + sources)
    return 4 * modes * scales * pixels + max(transform, turns) + pixels


def _details(maps: FloatArray | DoubleArray, scales: int) -> FloatArray:
    """Return the details of pixels with data, float32 array (scale, mode, pixel)."""
    known = np.isfinite(maps).all(axis=0)
    if known.sum() <= len(maps):
        raise InputError(
            f"{known.sum()} pixels with data are too few for the maps of {len(maps)} components."
        )
    kept = np.empty((scales, len(maps), int(known.sum())), np.float32)
    for mode, plane in enumerate(maps):
        blanked = np.where(known, plane.astype(np.float64), np.nan)
        for scale, detail in enumerate(starlet(blanked, scales)[0]):
            kept[scale, mode] = detail[known]
    return kept


def _step(
    details: FloatArray, mixing: DoubleArray, threshold: float, progress: float
) -> tuple[DoubleArray, DoubleArray]:
    """Return the mixing after one turn, and the strength of the sources."""
    inverse = np.linalg.pinv(mixing)
    across, square = np.zeros_like(mixing), np.zeros((mixing.shape[1], mixing.shape[1]))
    for scale in details:
        sparse = np.empty((mixing.shape[1], scale.shape[1]))
        for block in _blocks(scale.shape[1]):
            sparse[:, block] = inverse @ scale[:, block]
        for source in sparse:
            _cut(source, threshold, progress)
        for block in _blocks(scale.shape[1]):
            across += scale[:, block] @ sparse[:, block].T
            square += sparse[:, block] @ sparse[:, block].T
    return _spectra(across, square, mixing)


def _spectra(
    across: DoubleArray, square: DoubleArray, before: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Return the least-squares spectra for given sources, and the strength of each source.

    Parameters
    ----------
    across
        Sums of maps times sources, float64 array (mode, source).
    square
        Sums of sources times sources, float64 array (source, source).
    before
        The spectra of sources that have nothing above the threshold.
    """
    sizes = np.sqrt(np.diag(square))
    active = sizes > 0.0
    unit = sizes[active]
    mixing, strength = before.copy(), np.zeros(len(sizes))
    inverse = np.linalg.pinv(square[np.ix_(active, active)] / np.outer(unit, unit), hermitian=True)
    columns = across[:, active] / unit @ inverse
    strength[active] = np.sqrt((columns**2).sum(axis=0))
    seen = strength > 0.0
    mixing[:, seen] = columns[:, seen[active]] / strength[seen]
    return mixing, strength


def _cut(source: DoubleArray, threshold: float, progress: float) -> None:
    """Set to 0 what does not stand out; the limit falls from the largest detail to the threshold, by equal factors."""
    sizes = np.abs(source)
    lowest, largest = threshold * float(MAD_TO_SIGMA) * float(np.median(sizes)), float(sizes.max())
    if largest > lowest > 0.0:
        source[sizes < lowest * (largest / lowest) ** (1.0 - progress)] = 0.0
    elif largest <= lowest:
        source[:] = 0.0


def _blocks(n_pixels: int) -> Iterator[slice]:
    """Yield the pixels in order, some at a time."""
    for start in range(0, n_pixels, _BLOCK):
        yield slice(start, start + _BLOCK)
