"""Denoisers: recipes that give every voxel of a cube a new value."""
