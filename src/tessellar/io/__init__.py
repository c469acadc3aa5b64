"""Cubes and catalogues on disk: bytes in, voxels and tables out, and back."""
