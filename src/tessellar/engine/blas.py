"""Matrix products with one thread a worker: the workers are the threads, and sums keep their order everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep the matrix products of this process to one thread, and give it its threads back afterwards."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def keep_to_one_blas_thread() -> None:
    """Keep the matrix products of a worker process to one thread for good."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
