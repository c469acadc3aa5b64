"""Power spectra of a cube of the 21-cm line: modes of the sky, tapers, and power by k_par and k_perp."""
