from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tessellar.engine.partial_file import PartialFile, PartialWriter
from tessellar.engine.partials import PartialStore, Segment
from tessellar.errors import OutputError, UsageError

dtypes = st.one_of(
    hnp.integer_dtypes(),
    hnp.floating_dtypes(sizes=(32, 64)),
    hnp.boolean_dtypes(),
    hnp.unicode_string_dtypes(max_len=4),
    st.just(np.dtype([("z", "<i4"), ("peak", ">f4", (2,))])),
)
payloads = st.dictionaries(
    st.text(min_size=1, max_size=5), hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0)), max_size=4
)


def written(path: Path, payloads: dict[int, dict[str, np.ndarray]]) -> PartialFile:
    writer = PartialWriter("stage", "print")
    for unit, payload in payloads.items():
        writer.add(unit, payload)
    content, digest = writer.pack()
    path.write_bytes(content)
    file = PartialFile(path)
    assert file.digest == digest
    return file


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes() for k in a
    )


@given(st.dictionaries(st.integers(0, 10**12), payloads, max_size=5).map(lambda d: dict(sorted(d.items()))))
@settings(max_examples=60)
def test_what_is_written_is_read_to_the_bit(content):
    with tempfile.TemporaryDirectory() as folder:
        file = written(Path(folder) / "x.part", content)
        file.verify()
        assert file.units.tolist() == list(content)
        assert all(equal(file.payload(unit), content[unit]) for unit in content)
        streamed = dict(file.stream(0, 10**12 + 1))
        assert list(streamed) == list(content)
        assert all(equal(streamed[unit], content[unit]) for unit in content)


def test_arrays_that_were_read_can_be_changed(tmp_path):
    array = written(tmp_path / "x", {3: {"a": np.arange(4)}}).payload(3)["a"]
    array += 1
    assert array.tolist() == [1, 2, 3, 4]


def test_every_torn_or_altered_file_is_noticed(tmp_path):
    path = tmp_path / "x.part"
    written(path, {0: {"a": np.arange(3)}, 7: {}, 9: {"a": np.arange(2.0), "b": np.array("word")}})
    whole = path.read_bytes()
    for at in range(len(whole)):
        for content in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]):
            path.write_bytes(content)
            with pytest.raises(OutputError, match=r"x\.part .* Repeat the command"):
                PartialFile(path).verify()


def test_a_longer_file_and_no_file_are_noticed(tmp_path):
    written(tmp_path / "x", {0: {}})
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes() + b"!")
    for path in (tmp_path / "x", tmp_path / "missing", tmp_path):
        with pytest.raises(OutputError):
            PartialFile(path)


def test_equal_content_has_equal_hashes_whatever_the_order_of_names():
    a, b, c = PartialWriter("s", "f"), PartialWriter("s", "f"), PartialWriter("s", "f")
    a.add(1, {"p": np.arange(2), "q": np.arange(3)})
    b.add(1, {"q": np.arange(3), "p": np.arange(2)})
    c.add(1, {"p": np.arange(2), "q": np.arange(3.0)})
    assert a.hashes() == b.hashes() != c.hashes()


def test_python_objects_are_refused():
    with pytest.raises(TypeError, match="'a' is object"):
        PartialWriter("s", "f").add(0, {"a": np.array([{}, None])})


def fill(store: PartialStore, first: int, stop: int, without: tuple[int, ...] = ()) -> Segment:
    writer = PartialWriter("stage", "print")
    for unit in range(first, stop):
        if unit not in without:
            writer.add(unit, {"u": np.array(unit)})
    return Segment(first, stop, store.write(writer, "stage", first, stop)[0])


def test_units_come_in_order_and_one_by_one(tmp_path):
    store = PartialStore(tmp_path)
    late, retried, early = fill(store, 5, 9), fill(store, 2, 3), fill(store, 0, 5, without=(2, 4))
    store.seal("stage", [late, retried, Segment(0, 2, early.file), Segment(3, 4, early.file)])
    for reader in (store, pickle.loads(pickle.dumps(store))):
        assert [(unit, int(payload["u"])) for unit, payload in reader.units("stage")] == [
            (u, u) for u in (0, 1, 2, 3, 5, 6, 7, 8)
        ]
        assert [int(reader.fetch("stage", unit)["u"]) for unit in (8, 2, 0, 3)] == [8, 2, 0, 3]
        for missing in (4, 9, -1):
            with pytest.raises(KeyError):
                reader.fetch("stage", missing)


def test_an_unfinished_stage_has_no_results(tmp_path):
    store = PartialStore(tmp_path)
    fill(store, 0, 3)
    with pytest.raises(UsageError, match="stage has no results"):
        store.fetch("stage", 0)


def test_a_reader_keeps_few_files_at_hand(tmp_path):
    store = PartialStore(tmp_path)
    store.seal("stage", [fill(store, unit, unit + 1) for unit in range(40)])
    assert [int(store.fetch("stage", unit)["u"]) for unit in range(40)] == list(range(40))
    assert len(store._files) <= 16


def test_sweep_keeps_what_is_named_and_clear_removes_all(tmp_path):
    store = PartialStore(tmp_path / "partials")
    store.folder.mkdir()
    kept = fill(store, 0, 2).file
    fill(store, 2, 4)
    store.sweep("stage", keep={kept})
    assert [p.name for p in (tmp_path / "partials" / "stage").iterdir()] == [kept]
    store.clear()
    store.clear()
    assert not (tmp_path / "partials").exists()


def test_other_results_of_the_same_units_take_no_ones_place(tmp_path):
    store = PartialStore(tmp_path)
    before = fill(store, 0, 2)
    other = PartialWriter("stage", "another print")
    for unit in range(2):
        other.add(unit, {"u": np.array(-1)})
    store.write(other, "stage", 0, 2)
    assert fill(store, 0, 2) == before
    assert len(list((tmp_path / "stage").iterdir())) == 2
    store.seal("stage", [before])
    assert [int(payload["u"]) for _, payload in store.units("stage")] == [0, 1]


def test_what_comes_after_the_run_has_removed_its_folder_does_not_make_it_anew(tmp_path):
    store = PartialStore(tmp_path / "run" / "partials")
    store.stop_file("run")
    store.clear()
    with pytest.raises(OutputError, match="its folder is missing"):
        fill(store, 0, 2)
    assert list((tmp_path / "run").iterdir()) == []


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "partials").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        fill(PartialStore(tmp_path / "partials"), 0, 1)


def test_what_may_come_early_makes_no_other_result() -> None:
    plain = {"runs": np.arange(12).reshape(3, 4), "none": np.empty((0, 8))}
    early = {**plain, "early_row1": np.arange(5.0)}
    hashes = []
    for payload in (plain, early, {**plain, "runs": plain["runs"] + 1}, {**plain, "runs": plain["runs"].T}):
        writer = PartialWriter("detect", "f")
        writer.add(7, payload)
        hashes.append((writer.hashes(), writer.pack()[1]))
    assert hashes[0][0] == hashes[1][0]
    assert len({identity for identity, _ in hashes}) == 3
    assert len({digest for _, digest in hashes}) == 4
