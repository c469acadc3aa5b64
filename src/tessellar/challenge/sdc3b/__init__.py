"""SKA Data Challenge 3b: what power spectra say of the neutral fraction of the universe, a cube of probabilities."""
