"""Parameter files as text: how people write them, and files that are none."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sofia_texts import write_par

from tessellar.config.par_file import MOST_BYTES, brief, read_par
from tessellar.errors import UsageError

NAMES = st.from_regex(r"[a-z]{1,9}\.[a-zA-Z0-9]{1,9}", fullmatch=True)
VALUES = st.text("abcXYZ0189.,/_-+ ü=", max_size=20).map(str.strip)
SPACES = st.text(" \t", max_size=4)


@given(
    parameters=st.dictionaries(NAMES, VALUES, max_size=30),
    before=SPACES,
    after=SPACES,
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    comment=st.sampled_from(["", "#", " # a note = none", "\t#\t#"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_what_is_written_is_read_however_it_is_laid_out(
    parameters: dict[str, str],
    before: str,
    after: str,
    ending: str,
    comment: str,
    mark: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lines = [f"{before}{name}{after}={before}{value}{after}{comment}" for name, value in parameters.items()]
    path = tmp_path_factory.mktemp("par") / "sky.par"
    path.write_bytes((mark + ending.join(["# a cube", "", comment, *lines])).encode())
    assert read_par(path) == {name: value for name, value in parameters.items() if value}


def test_a_parameter_may_be_given_twice_but_not_two_values(tmp_path: Path) -> None:
    same = write_par(tmp_path, "a.b = 3", "a.c = 4", "a.b=3 # again")
    assert read_par(same) == {"a.b": "3", "a.c": "4"}
    other = write_par(tmp_path, "a.b = 3", "a.c = 4", "a.b = 5", "d.e =", "d.e = x")
    with pytest.raises(UsageError) as error:
        read_par(other)
    assert "a.b is 3 in line 1 and 5 in line 3; d.e is blank in line 4 and x in line 5" in str(error.value)


def test_every_wrong_line_is_named_up_to_a_few(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_par(write_par(tmp_path, "a.b = 3", "kernels 3", "= 5"))
    assert "line 2 (kernels 3) is not" in str(error.value)
    assert "line 3 (= 5) is not of the form name = value." in str(error.value)
    with pytest.raises(UsageError, match=r"line 5 .*; and 15 more\.$"):
        read_par(write_par(tmp_path, *["words"] * 20))


def test_notes_may_be_in_any_encoding_but_values_are_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "sky.par"
    path.write_bytes("a.b = 3 # für den Würfel\n".encode("latin-1"))
    assert read_par(path) == {"a.b": "3"}
    path.write_bytes("input.data = würfel.fits\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"line 1 .* not UTF-8"):
        read_par(path)
    path.write_text("input.data = würfel.fits\n", encoding="utf-8")
    assert read_par(path) == {"input.data": "würfel.fits"}


def some_bytes() -> bytes:
    return random.Random(1).randbytes(4000)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (some_bytes(), "UTF-8"),
        (some_bytes().replace(b"\0", b""), "not of the form"),
        ("a.b = 3\n".encode("utf-16"), "UTF-8"),
        (b"SIMPLE  =                    T" + 2850 * b" " + b"\0" * 2880, "UTF-8"),
        (b"a.b = \x1b[31m3\n", "control characters"),
        (b"a" * 300_000, "…"),
        (b"a.b = 3\n" * (MOST_BYTES // 8 + 1), "1 MiB"),
    ],
)
def test_other_files_are_refused(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "other.par"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"other\.par") as error:
        read_par(path)
    sentence = str(error.value)
    assert expected in sentence
    assert sentence.removeprefix(str(path)).isprintable()
    assert len(sentence) < 1000


def test_a_cube_given_in_its_place_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cube.fits"
    path.touch()
    os.truncate(path, 100_000_000)
    with pytest.raises(UsageError, match=r"larger than 1 MiB.*cube as CUBE"):
        read_par(path)


@pytest.mark.parametrize("name", ["no.par", ".", "below/a.par"])
def test_files_that_cannot_be_read_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .* as --sofia"):
        read_par(tmp_path / name)


def test_several_hundred_lines_are_read(tmp_path: Path) -> None:
    lines = [f"module{i}.name = {i}" for i in range(900)]
    assert len(read_par(write_par(tmp_path, *lines))) == 900


def test_long_and_odd_texts_fit_on_a_line() -> None:
    assert brief("a\nb") == "a\\nb"
    assert len(brief("1, " * 1000)) == 60
