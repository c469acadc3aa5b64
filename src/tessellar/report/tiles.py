"""The panel that shows how the cube was cut into tiles, and which of them failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tessellar.report.markup import panel, text
from tessellar.report.run_folder import RunFolder
from tessellar.report.words import count, things
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

MOST_LINES = 64
"""Cuts along an axis that are drawn: more are a grey area."""

_MOST_FAILED = 500
_WIDTH, _HEIGHT = 300.0, 190.0
_BAR = 26.0  # width of the column of channels
_GAP = 18.0


def tiles(run: RunFolder) -> str:
    """Return the panel, or nothing where the run did not note its tiles."""
    grid, region = _grid(run), run.region
    if grid is None or region is None:
        return ""
    first = region.start
    failed = _failed(run, len(grid))
    nz, nx, ny = grid.counts
    words = (
        f"{count(len(grid))} of {' × '.join(map(str, grid.core))} voxels: {things(nz, 'slab')} of channels, "
        f"{count(nx)} along x, {count(ny)} along y."
    )
    note = f"{things(len(failed), 'tile')} failed, shown in orange." if failed else ""
    return panel(
        "Tiles",
        f'<p class="lead">{text(words)}</p>{_drawing(grid, failed, first)}',
        note=note,
        extent="small",
    )


def _grid(run: RunFolder) -> Grid | None:
    region, tile = run.region, _shape(run.of("plan", "tile"))
    return Grid(region.shape, tile) if region and not region.empty and tile else None


def _shape(value: Any) -> Shape | None:
    whole = isinstance(value, list) and len(value) == 3 and all(isinstance(n, int) and n > 0 for n in value)
    return (value[0], value[1], value[2]) if whole else None


def _failed(run: RunFolder, n_tiles: int) -> list[int]:
    """Return the tiles that the detect stage gave up."""
    faults = run.of("stages", "detect", "failed", default=[])
    units = (
        [fault.get("unit") for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []
    )
    return sorted({unit for unit in units if isinstance(unit, int) and 0 <= unit < n_tiles})


def _drawing(grid: Grid, failed: Sequence[int], first: Shape) -> str:
    """Return the field with its tiles, x to the right and y up, and beside it the channels, the first below.

    ``first`` is its first voxel in the cube.
    """
    nz, nx, ny = grid.shape
    scale = min((_WIDTH - _BAR - _GAP) / nx, _HEIGHT / ny)
    width, height = max(nx * scale, 2.0), max(ny * scale, 2.0)
    bar = width + _GAP
    sky = _frame(0, width, height) + _cuts(grid, 1, width, height) + _cuts(grid, 2, width, height)
    channels = _frame(bar, _BAR, height) + _cuts(grid, 0, bar + _BAR, height, left=bar)
    spots = "".join(_spot(grid, unit, (width, height), bar, first) for unit in failed[:_MOST_FAILED])
    said = text(f"{nx} × {ny} pixels cut into tiles, and beside them {nz} channels")
    return (
        f'<svg class="tiles" role="img" aria-label="{said}" viewBox="-1 -1 {bar + _BAR + 2:.1f} {height + 20:.1f}">'
        f"<title>{said}</title>{sky}{channels}{spots}"
        f'<text x="0" y="{height + 14:.1f}">sky</text><text x="{bar + _BAR:.1f}" y="{height + 14:.1f}" '
        'text-anchor="end">channels</text></svg>'
    )


def _frame(left: float, width: float, height: float) -> str:
    return f'<rect class="field" x="{left:.1f}" y="0" width="{width:.1f}" height="{height:.1f}"/>'


def _cuts(grid: Grid, axis: int, width: float, height: float, left: float = 0.0) -> str:
    """Return the lines between tiles along an axis, nothing where they would lie too close to be seen."""
    cuts = range(grid.core[axis], grid.shape[axis], grid.core[axis])
    if len(cuts) > MOST_LINES:
        return ""
    shares = [cut / grid.shape[axis] for cut in cuts]
    if axis == 1:
        return "".join(_stroke(s * width, 0, s * width, height) for s in shares)
    return "".join(_stroke(left, height * (1 - s), width, height * (1 - s)) for s in shares)


def _stroke(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>'


def _spot(grid: Grid, unit: int, field: tuple[float, float], bar: float, first: Shape) -> str:
    """Return where a tile lies on the sky and along the channels, named for those who point at it."""
    in_cube = grid[unit].core.shift(first)
    core = grid[unit].core
    (z, x, y), (to_z, to_x, to_y) = core.start, core.stop
    (nz, nx, ny), (width, height) = grid.shape, field
    spans = (f"{a}-{b - 1}" for a, b in zip(in_cube.start, in_cube.stop, strict=True))
    said = text("tile {} failed: channels {}, x {}, y {}".format(unit, *spans))
    boxes = (
        (x / nx * width, (1 - to_y / ny) * height, (to_x - x) / nx * width, (to_y - y) / ny * height),
        (bar, (1 - to_z / nz) * height, _BAR, (to_z - z) / nz * height),
    )
    rects = "".join(
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(w, 1):.1f}" height="{max(h, 1):.1f}"/>'
        for left, top, w, h in boxes
    )
    return f'<g class="failed"><title>{said}</title>{rects}</g>'
