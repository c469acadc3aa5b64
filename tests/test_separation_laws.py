"""The laws for separations of others: ours keep them, and each kind of cheat breaks the one that is about it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest

import tessellar as ts
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Separated, Separation
from tessellar.model import FloatArray
from tessellar.testing import SeparationLaws

LAWS = sorted(name for name in dir(SeparationLaws) if name.startswith("test_"))


class TestPca(SeparationLaws):
    def kernel(self) -> ts.PCA:
        return ts.PCA(3)


class TestPolynomial(SeparationLaws):
    def kernel(self) -> ts.Polynomial:
        return ts.Polynomial(3)


class TestFastIca(SeparationLaws):
    def kernel(self) -> ts.FastICA:
        return ts.FastICA(3)


class TestGmca(SeparationLaws):
    def kernel(self) -> ts.GMCA:
        return ts.GMCA(3)


class TestGaussianProcess(SeparationLaws):
    def kernel(self) -> ts.GaussianProcess:
        return ts.GaussianProcess()


class TestTheKernelOfThePage(SeparationLaws):
    def kernel(self) -> Separation:
        page = (Path(__file__).parents[1] / "docs" / "foreground-kernels.md").read_text(encoding="utf-8")
        block = next(block for block in page.split("```python\n") if "class PowerLaws" in block)
        page_module = ModuleType("page")
        sys.modules["page"] = page_module
        exec(
            block.split("```")[0].replace("@dataclass", "__name__ = 'page'\n@dataclass", 1), vars(page_module)
        )
        kernel: Separation = page_module.PowerLaws()
        return kernel


@dataclass(frozen=True)
class Cross:
    """The mean of a pixel and the one before along m."""

    halo: tuple[int, int] = (0, 1)

    def __call__(self, inputs: FloatArray) -> FloatArray:
        before = np.concatenate([inputs[0][:, :, :1], inputs[0][:, :, :-1]], axis=2)
        return np.float32(0.5) * (inputs[0] + before)


class TestNetwork(SeparationLaws):
    @dataclass(frozen=True)
    class Crossing(ts.PcaNetwork):
        def network(self) -> Cross:
            return Cross()

    def kernel(self) -> ts.PcaNetwork:
        return TestNetwork.Crossing()


@dataclass(frozen=True)
class Honest(ts.PCA):
    """What the cheats cheat with."""

    modes: int = 3


class Drifts(Honest):
    calls: ClassVar[list[int]] = []

    def operator(self, *given: Any) -> Separated:
        self.calls.append(1)
        found = super().operator(*given)
        return replace(
            found, operator=replace(found.operator, mean=found.operator.mean * (1 + 1e-12 * len(self.calls)))
        )


class NotFinite(Honest):
    def operator(self, *given: Any) -> Separated:
        found = super().operator(*given)
        found.operator.mean[3] = np.nan
        return found


class HidesModes(Honest):
    def operator(self, *given: Any) -> Separated:
        return replace(super().operator(*given), modes=2)


class Idles(Honest):
    def operator(self, *given: Any) -> Separated:
        n = len(given[0].mean)
        return Separated(SpectralOperator(np.zeros(n), residual=np.eye(n)), 0)


class Spoils(Honest):
    def operator(self, *given: Any) -> Separated:
        found = super().operator(*given)
        given[0].covariance[...] = 0.0
        return found


class Hoards(Honest):
    def operator(self, *given: Any) -> Separated:
        hoard = np.ones((30, 300, 300))
        return replace(super().operator(*given), report={"most": float(hoard.max())})


@dataclass(frozen=True)
class LooksFar(ts.PcaNetwork):
    def network(self) -> Cross:
        return Cross((0, 0))


class Nameless(Honest):
    def __repr__(self) -> str:
        return object.__repr__(self)


def broken(kernel: Separation) -> set[str]:
    """Return the laws that a kernel breaks."""

    class Laws(SeparationLaws):
        def kernel(self) -> Separation:
            return kernel

    found = set()
    for law in LAWS:
        try:
            getattr(Laws(), law)()
        except AssertionError:
            found.add(law)
    return found


@pytest.mark.parametrize(
    ("kernel", "laws"),
    [
        (Honest(), set()),
        (Drifts(), {"test_the_same_cube_gives_the_same_filter"}),
        (HidesModes(), {"test_it_takes_as_many_modes_as_it_says"}),
        (Idles(), {"test_smooth_spectra_are_taken_away"}),
        (Hoards(), {"test_its_memory_is_enough"}),
        (LooksFar(), {"test_its_network_looks_no_farther_than_it_says"}),
        (Nameless(), {"test_it_travels_and_tells_its_settings"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_cheat_breaks_its_own_law(kernel: Separation, laws: set[str]) -> None:
    assert broken(kernel) == laws


@pytest.mark.parametrize(
    ("kernel", "law"),
    [
        (NotFinite(), "test_its_filter_is_finite_and_fits_the_channels"),
        (Spoils(), "test_it_leaves_its_input_alone"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_some_cheats_break_other_laws_as_well(kernel: Separation, law: str) -> None:
    assert law in broken(kernel)
