"""How fast this machine reads, decodes and searches a cube, and what a run should be told for it."""
