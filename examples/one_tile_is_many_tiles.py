"""Draw a simulated sky, the tiles that it was cut into, and the sources that were found across their seams.

python examples/one_tile_is_many_tiles.py picture.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

import tessellar as ts
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

SKY = HiSky((128, 192, 288), seed=3)
TILE = (128, 64, 72)
GRID = Grid(SKY.shape, TILE, ts.SmoothAndClip().halo(SKY.meta))


def main(picture: Path) -> None:
    """Find the sources in 12 tiles and in one, check that the files are the same, and draw them."""
    many = ts.find_sources(SKY, tile=TILE)
    one = ts.find_sources(SKY, tile=SKY.shape, executor="serial")
    same = (many.folder / "catalogue.vot").read_bytes() == (one.folder / "catalogue.vot").read_bytes()
    if not same:
        raise SystemExit("the catalogues differ")
    with np.load(many.folder / "skymap.npz") as f:
        found = f["image"]
    sky = SKY.read(Box.of_shape(SKY.shape)).sum(axis=0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", sharey=True)
    left.imshow(sky, origin="lower", cmap="magma", vmin=np.percentile(sky, 20), vmax=np.percentile(sky, 99.7))
    left.set_title("one sky, 12 tiles with their halos")
    right.imshow(np.arcsinh(found / np.percentile(found, 98)), origin="lower", cmap="magma")
    right.set_title(f"{len(many.catalogue)} sources, the same to the bit as in one piece")
    for tile in GRID:
        for box, style in ((tile.read, {"lw": 0.5, "ls": ":"}), (tile.core, {"lw": 1.0})):
            (_, x, y), (_, nx, ny) = box.start, box.shape
            left.add_patch(Rectangle((y - 0.5, x - 0.5), ny, nx, fill=False, ec="#7fd4ff", **style))
    crossing = sum(draw_box(right, row) for row in many.catalogue)
    left.set_ylabel("l (pixels)")
    for axes in (left, right):
        axes.set_xlabel("m (pixels)")
    print(f"{len(many.catalogue)} sources, {crossing} of them across seams; 12 tiles = 1 tile: {same}")
    figure.savefig(picture, dpi=110)


def draw_box(axes: plt.Axes, row: object) -> bool:
    """Draw a source's bounding box, bright where it crosses a seam; return whether it does."""
    low = [int(row[name].value) for name in ("z_min", "x_min", "y_min")]
    high = [int(row[name].value) + 1 for name in ("z_max", "x_max", "y_max")]
    crosses = len(GRID.touching(Box(tuple(low), tuple(high)))) > 1
    colour = "#7fd4ff" if crosses else "#888888"
    corner = (low[2] - 0.5, low[1] - 0.5)
    axes.add_patch(Rectangle(corner, high[2] - low[2], high[1] - low[1], fill=False, ec=colour, lw=0.9))
    return crosses


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "one_tile_is_many_tiles.png"))
