from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tessellar.engine.lease import MAX_UNITS, Agenda, Lease, gaps_between

intervals = st.lists(st.integers(0, 3000), unique=True, max_size=12).map(
    lambda cuts: list(zip(*[iter(sorted(cuts))] * 2, strict=False))
)


def drain(agenda: Agenda, unit_seconds: float) -> list[Lease]:
    leases = []
    while (lease := agenda.next()) is not None:
        leases.append(lease)
        agenda.learn(len(lease), unit_seconds * len(lease))
    return leases


def units(leases: list[Lease]) -> list[int]:
    return [unit for lease in leases for unit in range(lease.first, lease.stop)]


@given(intervals, st.integers(1, 9), st.floats(0, 100), st.floats(0.01, 1000))
def test_leases_partition_what_is_left(gaps, slots, unit_seconds, target):
    wanted = [unit for first, stop in gaps for unit in range(first, stop)]
    assert units(drain(Agenda("s", gaps, slots, target), unit_seconds)) == wanted


@given(intervals, st.integers(3000, 4000))
def test_gaps_are_the_complement(taken, n_units):
    gaps = gaps_between(taken, 0, n_units)
    inside = {u for first, stop in taken for u in range(first, stop)}
    assert [u for a, b in gaps for u in range(a, b)] == [u for u in range(n_units) if u not in inside]


@given(st.integers(0, 10**6), st.integers(1, 5000))
def test_a_cut_lease_is_the_same_units_in_at_most_sixteen_pieces(first, length):
    pieces = Lease("s", first, first + length, tries=1).cut()
    assert units(pieces) == list(range(first, first + length))
    assert len(pieces) <= 16
    assert all(0 < len(piece) <= -(-length // 16) and piece.tries == 1 for piece in pieces)


def test_first_leases_are_short_then_they_last_the_target():
    agenda = Agenda("s", [(0, 10_000)], slots=2, target_seconds=20)
    assert [len(agenda.next() or ()) for _ in range(4)] == [1, 1, 1, 1]
    agenda.learn(1, 0.5)
    assert len(agenda.next() or ()) == 40


def test_every_slot_gets_several_leases_of_the_rest():
    agenda = Agenda("s", [(0, 801)], slots=2, target_seconds=1e9)
    agenda.next()
    agenda.learn(1, 1.0)
    assert len(agenda.next() or ()) == 100


def test_a_million_units_are_a_few_hundred_leases():
    leases = drain(Agenda("s", [(0, 10**6)], slots=2, target_seconds=20), 1e-7)
    assert len(leases) < 400
    assert max(map(len, leases)) == MAX_UNITS


def test_a_retry_waits_for_other_leases_but_is_never_forgotten():
    agenda = Agenda("s", [(0, 100)], slots=1, target_seconds=1)
    lease = agenda.next()
    assert lease is not None
    agenda.retry(Lease("s", 0, 1, tries=1))
    leases = drain(agenda, 1.0)
    assert [x.first for x in leases[:3]] == [1, 2, 0]
    assert sorted(units(leases)) == list(range(100))


def test_a_retry_comes_at_once_when_nothing_else_is_left():
    agenda = Agenda("s", [], slots=8, target_seconds=1)
    agenda.retry(Lease("s", 5, 6, tries=2))
    assert agenda.next() == Lease("s", 5, 6, tries=2)
    assert agenda.next() is None


def test_what_comes_back_is_handed_out_before_new_work():
    agenda = Agenda("s", [(10, 12)], slots=1, target_seconds=1)
    agenda.put_back(Lease("s", 3, 5))
    agenda.put_back(Lease("s", 7, 7))
    assert units(drain(agenda, 1.0)) == [3, 4, 10, 11]
