from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tessellar.engine.hands import Hand, Hands

STUCK = """
import threading
from tessellar.engine import hands
hands._EXIT_SECONDS = 0.2
begun = threading.Event()
def for_ever():
    begun.set()
    threading.Event().wait()
hands.Hand("stuck").submit(for_ever)
begun.wait()
"""


def test_calls_are_done_in_order_by_one_thread():
    hand = Hand("hand")
    done: list[tuple[int, int]] = []
    futures = [hand.submit(lambda n: done.append((n, threading.get_ident())), number) for number in range(9)]
    for future in futures:
        future.result(60)
    assert [number for number, _ in done] == list(range(9))
    assert len({thread for _, thread in done} - {threading.get_ident()}) == 1
    hand.close(60)


def test_what_a_call_raises_is_that_of_its_future():
    hand = Hand("hand")
    with pytest.raises(ZeroDivisionError):
        hand.submit(divmod, 1, 0).result(60)
    assert hand.submit(divmod, 7, 3).result(60) == (2, 1)
    hand.close(60)


def test_closing_waits_for_the_call_at_work_but_not_for_ever_and_drops_the_others():
    begun, go = threading.Event(), threading.Event()

    def held() -> None:
        begun.set()
        go.wait()

    hand = Hand("hand")
    first, second = hand.submit(held), hand.submit(held)
    assert begun.wait(60)
    hand.close(0.01)
    assert not first.done()
    assert second.cancelled()
    go.set()
    first.result(60)
    hand.close(60)
    assert "hand" not in {thread.name for thread in threading.enumerate()}


def test_free_hands_are_used_again_and_nobody_waits_for_another():
    hands, gate = Hands("hands"), threading.Barrier(3)
    both = [hands.submit(gate.wait) for _ in range(2)]
    gate.wait(60)
    for future in both:
        future.result(60)
    threads = {hands.submit(threading.get_ident).result(60) for _ in range(20)}
    assert len(threads) <= 2


def test_a_program_ends_though_a_thread_is_stuck():
    assert subprocess.run([sys.executable, "-c", STUCK], timeout=60, check=False).returncode == 0
