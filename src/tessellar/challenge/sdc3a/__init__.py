"""SKA Data Challenge 3a: power spectra of the 21-cm line behind foregrounds, their files and their scores."""
