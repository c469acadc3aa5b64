"""The SQLite file behind the journal: how it is opened, and what its errors mean in a sentence.

What is recorded goes into a log beside the file and into the file when the run ends: a record then costs one wait for
the disk at most, and none where it is not worth one. One process alone holds the file, so the log needs no memory that
is shared, which network disks do not have (https://sqlite.org/wal.html, section 8).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tessellar.engine.lease import MAX_UNITS
from tessellar.errors import FolderInUseError, OutputError, TessellarError, UsageError
from tessellar.io.publish import make_folder, output_errors, remove

FILE_NAME = "journal.sqlite"

_VERSION = 2
_CHANGED = ("Could not decode", "no such")  # what SQLite says of words that it did not write
_TABLES = f"""
CREATE TABLE IF NOT EXISTS stages (
    name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, n_units INTEGER NOT NULL, settings TEXT NOT NULL,
    stale INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS leases (
    stage TEXT NOT NULL, first INTEGER NOT NULL, stop INTEGER NOT NULL, missing TEXT NOT NULL,
    file TEXT NOT NULL, digest TEXT NOT NULL, hashes BLOB NOT NULL, lost INTEGER NOT NULL DEFAULT 0,
    voxels INTEGER, bytes_read INTEGER, bytes_partial INTEGER, seconds REAL, seconds_read REAL,
    seconds_kernel REAL, seconds_write REAL, peak_rss_bytes INTEGER, process TEXT,
    CHECK (typeof(first) = 'integer' AND typeof(stop) = 'integer' AND first >= 0 AND stop > first),
    CHECK (stop - first <= {MAX_UNITS} AND typeof(hashes) = 'blob'),
    CHECK (typeof(stage) = 'text' AND typeof(missing) = 'text' AND typeof(file) = 'text' AND typeof(digest) = 'text')
);
CREATE INDEX IF NOT EXISTS leases_in_order ON leases (stage, first);
"""


def open_journal_file(path: Path) -> sqlite3.Connection:
    """Open the file, or make it, for this process alone.

    Raises
    ------
    UsageError
        It is damaged, from another version, or (`FolderInUseError`) in use.
    OutputError
        It cannot be written.
    """
    with output_errors(path.parent):
        make_folder(path.parent)
    with journal_errors(path):
        database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def journal_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite complains about into a sentence."""
    try:
        yield
    except TessellarError:
        raise
    except sqlite3.OperationalError as error:
        gone = not path.exists()  # by the run that used it, while its lock was waited for
        if "locked" in str(error) or gone:
            message = f"Another run writes to {path.parent}. Wait for it, or choose another run folder."
            raise FolderInUseError(message) from error
        if str(error).startswith(_CHANGED):
            raise _damaged(path, error) from error
        raise OutputError(
            f"{path} cannot be written: {error}. Free space or choose another folder."
        ) from error
    except (sqlite3.DatabaseError, ValueError) as error:  # ValueError: a text in it is none, or no JSON
        raise _damaged(path, error) from error


def discard_journal(folder: Path) -> None:
    """Remove the journal of a run folder, damaged or not, to start over.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    for path in (folder / f"{FILE_NAME}{log}" for log in ("", "-wal", "-journal")):
        with output_errors(path):
            remove(path)


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    run = database.execute
    run("PRAGMA locking_mode = EXCLUSIVE")
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = NORMAL")
    version = run("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        raise UsageError(
            f"{path} was written by another version of Tessellar (layout {version}, needed {_VERSION}). "
            "Use --fresh to start over, or another run folder."
        )
    if run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise _damaged(path, "its pages do not fit together")
    database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
    with closing(sqlite3.connect(":memory:")) as sound:
        sound.executescript(_TABLES)
        if _definitions(database) != _definitions(sound):
            raise _damaged(path, "its tables are defined in other words")


def _definitions(database: sqlite3.Connection) -> list[tuple[str, ...]]:
    return database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()


def _damaged(path: Path, reason: object) -> UsageError:
    return UsageError(
        f"The journal {path} is damaged ({reason}), so what is done is not known. "
        "Use --fresh to start over, or choose another run folder."
    )
