"""Others at the same work, taking turns with Tessellar: scipy's filters and labels, and SoFiA-2 where it is given."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.bench import Bench, BenchmarkError, Task, say
from benchmarks.finds import Record, find_task, run_program
from benchmarks.patch import Prepared, prepare
from benchmarks.results import Result, counted
from benchmarks.sofia import parameters, read_catalogue
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.filters import gaussian_taps
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import ByteArray, FloatArray, Patch

LEAST_AGREEMENT = 0.9999  # of the voxels; the two add in another order, so a few at the threshold may differ


def scipy(bench: Bench) -> Iterator[Result]:
    """Mask and label a small patch with one core."""
    prepared = prepare(bench.size.small_patch, bench.size.n_sources)
    agreement = float((prepared.mask == _plain_mask(prepared)).mean())
    if agreement < LEAST_AGREEMENT:
        raise BenchmarkError(f"scipy's mask agrees in {agreement:.4%} of the voxels: it is no reference")
    patch = Patch(prepared.sky.voxels, prepared.sky.box, prepared.sky.box)

    def ours() -> int:
        found = tile_components(prepared.finder(patch), patch.core, patch.core.shape, Linker())
        return len(found[f"components{POSITIVE}"])

    def theirs() -> int:
        mask = _plain_mask(prepared)
        return sum(int(ndimage.label(mask & sign)[1]) for sign in (POSITIVE, NEGATIVE))

    words = "mask and components, 1 thread"
    seconds = bench.race({"ours": Task(ours, float), "theirs": Task(theirs, float)})
    yield from _pair(words, "scipy.ndimage", seconds, patch.core.size)


def sofia(bench: Bench) -> Iterator[Result]:
    """Find the sources of the FITS file with SoFiA-2 and with Tessellar, each as a program of its own."""
    if bench.sofia is None:
        say("peers: SoFiA-2 is left out: no --sofia PATH")
        return
    for workers in bench.crews:
        records: list[Record] = []
        with TemporaryDirectory(dir=bench.fits.parent) as scratch:
            ours = find_task(bench.fits, Path(scratch) / "run", "threads", workers, records)
            theirs = _sofia_task(bench.sofia.absolute(), bench.fits, Path(scratch).absolute(), workers)
            seconds = bench.race({"ours": ours, "theirs": theirs})
            found = read_catalogue(Path(scratch))
        words = f"whole find from FITS, {counted(workers, 'thread')}"
        mine, other = _pair(words, found.creator, seconds, prod(bench.size.cube))
        mine.facts["n_sources"] = records[-1]["n_sources"]
        other.facts["n_sources"] = found.n_sources
        yield from (mine, other)


def _sofia_task(program: Path, cube: Path, folder: Path, threads: int) -> Task[None]:
    par = folder / "find.par"
    par.write_text(parameters(cube.absolute(), folder, threads, SmoothAndClip(), Linker()), encoding="utf-8")
    command = [str(program), str(par)]
    return Task(lambda: run_program(command, folder), lambda _: read_catalogue(folder).n_sources)


def _pair(
    words: str, peer: str, seconds: dict[str, tuple[float, ...]], n_voxels: int
) -> tuple[Result, Result]:
    ours = Result(f"Tessellar: {words}", seconds["ours"], n_voxels, "voxel")
    facts = {"against": ours.name, "work": words, "peer": peer}
    return ours, Result(f"{peer}: {words}", seconds["theirs"], n_voxels, "voxel", facts)


def _plain_mask(prepared: Prepared) -> ByteArray:
    """Return the mask of smooth-and-clip by one convolution after another, uint8 array (frequency, l, m)."""
    finder, noise, box = prepared.finder, prepared.noise, prepared.sky.box
    recipe, scale = finder.recipe, noise.inverse_channel(box)[:, None, None] * noise.inverse_sky(box)
    native = prepared.sky.voxels * scale
    bright = np.abs(native) > recipe.limit
    clipped = np.where(bright, np.sign(native) * np.float32(recipe.replacement), native)
    mask = _marks(native, float(recipe.limit))
    for k, fwhm in enumerate(recipe.widths_xy):
        half = gaussian_taps(fwhm)
        taps = np.concatenate([half[:0:-1], half])
        smooth = clipped
        for axis in (1, 2) if half.size > 1 else ():
            smooth = ndimage.correlate1d(smooth, taps, axis=axis, mode="constant")
        for w, radius in enumerate(recipe.radii):
            wide = _boxcar(smooth, int(radius))
            mask |= _marks(wide, float(recipe.threshold * finder.scale_sigma[k, w]))
    return mask


def _boxcar(values: FloatArray, radius: int) -> FloatArray:
    if radius == 0:
        return values
    wide: FloatArray = ndimage.correlate1d(
        values, np.ones(2 * radius + 1, np.float32), axis=0, mode="constant"
    )
    return wide


def _marks(values: FloatArray, threshold: float) -> npt.NDArray[np.uint8]:
    level = np.float32(threshold)
    return (values > level) * np.uint8(POSITIVE) | (values < -level) * np.uint8(NEGATIVE)
