"""Executors for the tests of the run loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tessellar.engine.executors import Executor, make_executor


@pytest.fixture(scope="session", params=["serial", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Every executor of this machine, with two workers where there can be two."""
    with make_executor(request.param, 2) as pool:
        yield pool


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The folder in which a scripted stage writes down its executions."""
    folder = tmp_path / "calls"
    folder.mkdir()
    return folder
