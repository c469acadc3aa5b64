"""Skies like those of SKA Data Challenge 2: faint galaxies of a real population, hardly larger than the beam."""
