"""Denoising on the engine: one dense pass over a cube, and samples of it that tell how well it did."""
