"""Laws that kernels keep, as tests that a package with a kernel of its own inherits."""

from tessellar.testing.denoisers import DenoiserLaws
from tessellar.testing.separations import SeparationLaws

__all__ = ["DenoiserLaws", "SeparationLaws"]
