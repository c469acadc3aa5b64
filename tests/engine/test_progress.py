from __future__ import annotations

import io
import json
import logging

import pytest

from tessellar.engine.bar import TerminalBar
from tessellar.engine.observers import Everyone, JsonLines, PlainLines
from tessellar.engine.progress import clock, progress_line, progress_record, seconds_left
from tessellar.engine.watching import watching
from tessellar.errors import OutputError
from tessellar.model import Progress

HALF = Progress("detect", 50, 100, 10, 3_000_000, 12_000_000, 4.0, {"read": 0.2, "kernel": 0.7, "write": 0.1})
NOTHING = Progress("detect", 0, 100, 0, 0, 0, 1.0, {"read": 0.0, "kernel": 0.0, "write": 0.0})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def tell(observer, *events):
    observer.begin("detect", 100)
    for event in events:
        observer.progress(event)
    observer.say("Piece 3 of detect is given up.")
    observer.end("detect")


def test_a_line_says_how_much_how_fast_how_long_and_on_what():
    # 40 new pieces in 4 s, 50 to go: 5 s; 0.75 Mvoxel and 3 MB a second
    assert progress_line(HALF) == (
        "detect 50/100  50.0 %  0.75 Mvoxel/s  3 MB/s  eta 00:05  read 20 % kernel 70 % write 10 %"
    )
    assert progress_line(NOTHING) == "detect 0/100  0.0 %"


def test_a_stage_without_units_is_all_done():
    empty = Progress("detect", 0, 0, 0, 0, 0, 0.0)
    assert progress_line(empty) == "detect 0/0  100.0 %"
    assert progress_record(empty)["percent"] == 100.0


def test_the_time_left_does_not_count_what_was_resumed():
    assert seconds_left(HALF) == pytest.approx(5.0)
    assert seconds_left(Progress("s", 10, 100, 10, 0, 0, 4.0)) is None


def test_durations():
    assert [clock(s) for s in (0, 59.6, 130, 3599, 3725)] == ["00:00", "01:00", "02:10", "59:59", "1:02:05"]


def test_plain_lines_come_once_a_minute_and_at_the_end():
    lines: list[str] = []
    now = [0.0]
    observer = PlainLines(lines.append, now=lambda: now[0])
    observer.begin("detect", 100)
    for now[0] in (10.0, 59.0, 61.0, 100.0, 120.0, 122.0):
        observer.progress(HALF)
    assert len(lines) == 2
    observer.progress(NOTHING)
    observer.end("detect")
    assert lines[2:] == [progress_line(NOTHING)]
    observer.end("detect")
    assert len(lines) == 3


def test_json_lines_are_plain_numbers():
    stream = io.StringIO()
    tell(JsonLines(stream), NOTHING, HALF)
    begin, nothing, half, say, end = map(json.loads, stream.getvalue().splitlines())
    assert begin == {"event": "begin", "stage": "detect", "total": 100}
    assert nothing["seconds_left"] is None
    assert half == {
        "event": "progress",
        "stage": "detect",
        "done": 50,
        "total": 100,
        "resumed": 10,
        "percent": 50.0,
        "voxels": 3_000_000,
        "bytes_read": 12_000_000,
        "seconds": 4.0,
        "voxels_per_second": 750_000.0,
        "bytes_per_second": 3_000_000.0,
        "seconds_left": 5.0,
        "shares": {"read": 0.2, "kernel": 0.7, "write": 0.1},
    }
    assert say == {"event": "say", "text": "Piece 3 of detect is given up."}
    assert end == {"event": "end", "stage": "detect"}


def test_a_bar_shows_the_last_state_and_the_sentences():
    stream = Terminal()
    with TerminalBar(stream, width=200) as bar:
        tell(bar, NOTHING, HALF)
    text = stream.getvalue()
    assert "Piece 3 of detect is given up." in text
    assert "50/100" in text
    assert "0.75 Mvoxel/s" in text
    assert "kernel 70 %" in text


@pytest.mark.parametrize(
    ("options", "stream", "expected"),
    [
        ({}, io.StringIO, "Piece 3 of detect is given up.\ndetect 50/100"),
        ({"log_json": True}, Terminal, '{"event": "begin"'),
        ({}, Terminal, "\x1b["),
    ],
)
def test_the_observer_suits_the_place(options, stream, expected):
    place = stream()
    with watching(stream=place, **options) as observer:
        tell(observer, HALF)
    assert place.getvalue().startswith(expected)


def test_words_go_to_standard_error(capsys):
    with watching() as observer:
        tell(observer, HALF)
    captured = capsys.readouterr()
    assert "detect 50/100" in captured.err
    assert captured.out == ""


def test_quiet_shows_nothing_but_the_log_is_written(tmp_path):
    place = Terminal()
    logger = logging.getLogger("tessellar")
    before = logger.level, list(logger.handlers)
    with watching(quiet=True, log_json=True, run_log=tmp_path / "run" / "run.log", stream=place) as observer:
        tell(observer, HALF)
        logging.getLogger("tessellar.engine").debug("a traceback")
    assert place.getvalue() == ""
    text = (tmp_path / "run" / "run.log").read_text()
    assert "INFO Piece 3 of detect is given up." in text
    assert f"INFO {progress_line(HALF)}" in text
    assert "DEBUG a traceback" in text
    assert (logger.level, logger.handlers) == before


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"), watching(run_log=tmp_path):
        pass


def test_everyone_is_told():
    streams = io.StringIO(), io.StringIO()
    tell(Everyone([JsonLines(stream) for stream in streams]), HALF)
    assert streams[0].getvalue() == streams[1].getvalue() != ""
