"""The ends of objects are fetched once, however many threads want them at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tessellar.io.remote.address import Address
from tessellar.io.remote.files import _Ends

KEY = (Address("https://host", "a"), -8)


def test_threads_that_want_the_same_end_share_one_answer() -> None:
    ends, asked, go = _Ends(), [], threading.Event()

    def fetched() -> bytes:
        asked.append(1)
        go.wait(20)
        return b"the end"

    with ThreadPoolExecutor(4) as pool:
        found = [pool.submit(ends.get, KEY, fetched) for _ in range(4)]
        while not asked:
            threading.Event().wait(0.001)
        go.set()
        assert {one.result() for one in found} == {b"the end"}
    assert ends.get(KEY, fetched) == b"the end"
    assert len(asked) == 1


def test_an_end_that_could_not_be_fetched_is_asked_for_again() -> None:
    ends = _Ends()

    def refused() -> bytes:
        raise OSError("no answer")

    with pytest.raises(OSError, match="no answer"):
        ends.get(KEY, refused)
    assert ends.get(KEY, lambda: b"now") == b"now"
