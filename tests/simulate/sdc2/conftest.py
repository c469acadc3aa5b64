"""The stand-ins for the challenge's files, written once."""

from __future__ import annotations

import pytest
from sdc2_files import write_files


@pytest.fixture(scope="session")
def sdc2_data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_files(tmp_path_factory.mktemp("sdc2"))
