"""How a cube is cut: boxes, halos, tiles and grids, in integers only."""
