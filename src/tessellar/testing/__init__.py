"""Laws that kernels keep, as tests that a package with a kernel of its own inherits."""

from tessellar.testing.denoisers import DenoiserLaws

__all__ = ["DenoiserLaws"]
