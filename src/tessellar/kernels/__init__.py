"""The mathematics: recipes that are applied to the voxels of a tile."""
