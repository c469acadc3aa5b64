"""What registers of the processor hold, as types that compiled code can name: so many neighbours, side by side.

Every operation on them is rounded as IEEE 754 says, as it is for one number alone, so the bits do not depend on how
many a register holds or on where a number lies in it. What the compiler makes of plain loops has the same bits; here
the code says which numbers stay in registers, where the compiler cannot see that arrays never overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

# Compiled code calls what it makes; its body speaks to the compiler.
instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def _lanes() -> int:
    """Return how many float32 the widest register holds; on other processors it is only less fast."""
    given = numba.config.CPU_FEATURES
    found = llvmlite.binding.get_host_cpu_features().flatten() if given is None else given
    return 16 if "+avx512f" in found else 8 if "+avx" in found else 4


LANES = _lanes()
DOUBLE_LANES = LANES // 2
ROW_LANES = DOUBLE_LANES * (4 if LANES == 16 else 2)
_ELEMENTS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.boolean: ir.IntType(1)}


class Lanes(types.Type):  # type: ignore[misc]  # numba says nothing of its types
    """The type of so many numbers of a kind, or of so many answers, yes or no."""

    def __init__(self, number: Any, count: int) -> None:
        self.number, self.count = number, count
        super().__init__(name=f"Lanes({number}, {count})")

    @property
    def vector(self) -> ir.VectorType:
        """The same for the compiler."""
        return ir.VectorType(_ELEMENTS[self.number], self.count)

    @property
    def flags(self) -> Lanes:
        """The type of an answer for each number."""
        return Lanes(types.boolean, self.count)


FLOATS, DOUBLES = Lanes(types.float32, LANES), Lanes(types.float64, DOUBLE_LANES)
ROW = Lanes(
    types.float64, ROW_LANES
)  # several registers: four such rows of sums, and what is added, find room at once
LANES_OF = {kind.number: kind for kind in (FLOATS, DOUBLES)}


@register_model(Lanes)
class _LanesModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)


def are_numbers(*kinds: Any) -> bool:
    """Return whether all are lanes of one kind of number."""
    return all(kind in (FLOATS, DOUBLES, ROW) and kind == kinds[0] for kind in kinds)


def are_flags(kind: Any) -> bool:
    """Return whether a type is that of answers, yes or no."""
    return isinstance(kind, Lanes) and kind.number == types.boolean
