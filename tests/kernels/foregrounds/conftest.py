"""One thread for linear algebra, as workers have it: small matrices are slower with several, and round differently."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    with threadpool_limits(1, user_api="blas"):
        yield
