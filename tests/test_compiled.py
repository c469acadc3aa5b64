"""Functions are compiled for types, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tessellar import compiled as code
from tessellar.compiled import compiled, compiled_part


@compiled_part
def scaled(value: float, power: int, negative: bool) -> float:
    return (-value if negative else value) * 10.0**power


@compiled
def scaled_in_many_ways(values: np.ndarray) -> float:
    """Call a part with constants, with variables, and with one that seems to be a constant at first."""
    total, negative = 0.0, True
    for i in range(values.size):
        total += scaled(values[i], 2, False) + scaled(values[i], i, negative)
        negative = values[i] > 0
    return total


def test_constants_have_no_variant_of_their_own() -> None:
    values = np.array([1.0, 2.0, -3.0])
    assert scaled_in_many_ways(values) == 100.0 - 1.0 + 200.0 - 20.0 - 300.0 + 300.0
    assert len(scaled.overloads) == 1


def test_it_is_known_whether_anything_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "cache_folder", lambda: tmp_path)
    assert code.nothing_compiled()
    (tmp_path / "kernels_1").mkdir()
    (tmp_path / "kernels_1" / "detect.detection_mask-20.py311.nbi").touch()
    assert not code.nothing_compiled()
