"""The catalogue and the small products of a finished run, in the run folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.skymap import SkyMap
from tessellar.engine.precondition.region import in_whole_cube
from tessellar.engine.stitch import Sources
from tessellar.flags import NEIGHBOUR, TILE_FAILED
from tessellar.kernels.components import Linker
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.reliability import AXES, Judgement, Reliability
from tessellar.model import CubeMeta, FloatArray, IntArray, Payload
from tessellar.tiling.box import Box, Halo, Shape
from tessellar.tiling.grid import Grid

if TYPE_CHECKING:
    from astropy.table import QTable


def catalogue_table(
    columns: Payload,
    meta: CubeMeta,
    provenance: dict[str, str],
    *,
    region: Box | None = None,
    whole: Shape | None = None,
    looked: bool = False,
) -> QTable:
    """Return the catalogue of the measured sources with names, sky coordinates, units and UCDs.

    Parameters
    ----------
    columns
        Measured columns, one array each, rows sorted by id; the flags of the neighbourhood are set here.
    meta
        The cube, or the region of it, that was searched.
    provenance
        What the catalogue was made from and with.
    region, whole
        Where the region lies, and the shape of the whole cube, whose pixels the catalogue counts; None where all
        of it was searched.
    looked
        Whether a network looked at the sources, so that ``rel`` is what it says.
    """
    from tessellar.io.catalogue import make_table
    from tessellar.io.columns import AFTER_A_LOOK
    from tessellar.io.source_names import source_names
    from tessellar.io.wcs import sky_position

    sky = (
        sky_position(meta, columns["x"], columns["y"], columns["z"]) if len(columns["id"]) else _no_sky(meta)
    )
    if region is not None and whole is not None:
        columns = in_whole_cube(columns, region, whole)
    names = source_names(columns["id"], sky.get("ra"), sky.get("dec"))
    every = {**columns, **sky, **_spectral_error(columns, meta), "name": names}
    unit, said = FluxScale.of(meta).unit, AFTER_A_LOOK if looked else None
    return make_table(every, meta, flux_unit=unit, provenance=provenance, descriptions=said)


def _spectral_error(columns: Payload, meta: CubeMeta) -> Payload:
    """Return the error of the spectral coordinate: that of the channel, times its width there."""
    if meta.spectral.kind == "channel":
        return {}
    widths = meta.spectral.widths()
    width = np.interp(columns["z"], np.arange(len(widths)), widths)
    return {f"err_{meta.spectral.kind}": columns["err_z"] * width}


def _no_sky(meta: CubeMeta) -> dict[str, npt.NDArray[np.float64]]:
    """Return the empty sky columns of a cube in which nothing was found."""
    from tessellar.io.wcs import sky_position

    return {name: values[:0] for name, values in sky_position(meta, [0.0], [0.0], [0.0]).items()}


def neighbour_flags(table: IntArray) -> IntArray:
    """Return the flag of sources whose bounding box overlaps another's, int64 array (n).

    The axis on which the fewest pairs overlap is cut into slabs, and the boxes in each are swept along the next best,
    so that the time grows with the number of boxes that lie near each other.
    """
    flags = np.zeros(len(table), np.int64)
    low, high = table[:, 2:8:2], table[:, 3:8:2]
    cut, swept = sorted(range(3), key=lambda a: int(_overlaps(low[:, a], high[:, a]).sum()))[:2]
    for inside in _slabs(low[:, cut], high[:, cut]):
        flags[inside[_overlapping(low[inside], high[inside], swept)]] = NEIGHBOUR.bit
    return flags


def _slabs(low: IntArray, high: IntArray) -> Iterator[IntArray]:
    """Yield which intervals touch each slab of an axis, one at a time; a slab is as deep as most intervals are long."""
    if not len(low):
        return
    depth = 2 * int(np.median(high - low) + 1)
    first, last = low // depth, high // depth
    slab = np.repeat(first, last - first + 1)
    box = np.repeat(np.arange(len(low)), last - first + 1)
    slab += np.arange(len(slab)) - np.searchsorted(box, box)
    order = np.argsort(slab, kind="stable")
    yield from np.split(box[order], np.flatnonzero(np.diff(slab[order])) + 1)


def _overlapping(low: IntArray, high: IntArray, axis: int) -> npt.NDArray[np.bool_]:
    """Return which boxes overlap another, bool array (n), swept along an axis."""
    found = np.zeros(len(low), np.bool_)
    order = np.argsort(low[:, axis], kind="stable")
    low, high = low[order], high[order]
    for i, count in enumerate(_overlaps(low[:, axis], high[:, axis]).tolist()):
        later = slice(i + 1, i + 1 + count)
        overlap = ((low[later] <= high[i]) & (high[later] >= low[i])).all(axis=1)
        if overlap.any():
            found[order[i]] = True
            found[order[later][overlap]] = True
    return found


def _overlaps(low: IntArray, high: IntArray) -> IntArray:
    """Return for each interval, ascending by its low end, how many later ones begin before it ends."""
    order = np.argsort(low, kind="stable")
    stop = np.searchsorted(low[order], high[order], side="right")
    return np.asarray(stop - np.arange(len(low)) - 1, dtype=np.int64)


def failed_tile_flags(sources: Sources, grid: Grid, failed: Sequence[int], linker: Linker) -> IntArray:
    """Return the flag of sources that come within the linking radius of a failed tile, int64 array (n)."""
    near = np.zeros(len(sources), np.bool_)
    reach = Halo.symmetric((linker.radius_z, linker.radius_xy, linker.radius_xy))
    low, high = sources.table[:, 2:8:2], sources.table[:, 3:8:2]
    for tile in failed:
        zone = grid[tile].core.grow(reach)
        near |= ((low < np.array(zone.stop)) & (high >= np.array(zone.start))).all(axis=1)
    return np.where(near, TILE_FAILED.bit, 0).astype(np.int64)


def save_noise(path: Path, noise: NoiseModel, scale_sigma: FloatArray, meta: CubeMeta) -> None:
    """Write the noise model for the report and for people."""
    cells_x, cells_y = noise.lattice.cells
    np.savez(
        path,
        spectral=noise.spectral,
        spatial=noise.spatial,
        cell=np.array([meta.shape[1] / cells_x, meta.shape[2] / cells_y]),
        spectral_values=np.asarray(meta.spectral.values),
        scale_sigma=scale_sigma,
    )


def save_judgement(path: Path, judgement: Judgement, recipe: Reliability) -> None:
    """Write where the detections of either sign lie in the parameter space, for the report and for people."""
    np.savez(
        path,
        axes=np.array(AXES),
        positive=judgement.points,
        negative=judgement.negatives,
        rel=judgement.rel,
        kept=judgement.kept,
        covariance=judgement.covariance,
        threshold=np.array(recipe.threshold),
    )


def save_sky_map(
    path: Path, partials: Iterable[tuple[int, Payload]], rows: IntArray, region: Box, whole: CubeMeta
) -> None:
    """Write the coarse map of the sources in some rows of the merged table, for the report and for people.

    It shows the region that was searched; ``origin`` is its first pixel (l, m) in the whole cube.
    """
    sky = SkyMap(region.shape)
    image = sky.dense(partials, rows)
    np.savez(
        path,
        image=image,
        step=np.array(sky.step),
        origin=np.array(region.start[1:]),
        wcs_header=np.array(whole.wcs_header),
    )
