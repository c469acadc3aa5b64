"""Power spectra of cubes of any size: the modes of the sky, a few channels at a time, and the spectra they make."""
