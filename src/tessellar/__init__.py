"""Find sources in radio spectral cubes of any size: one tile at a time, with the answer of one piece."""

__version__ = "0.1.0"
