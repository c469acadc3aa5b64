"""An output in the making: a hidden folder beside its target that survives a crash and knows what is done."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.errors import OutputError
from tessellar.io.naming import shown
from tessellar.io.publish import (
    check_target,
    flush,
    make_folder,
    move_into_place,
    output_errors,
    remove,
    sweep,
    write_text,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The hidden folder ``.NAME.partial``, in which a result grows until it is whole.

    A piece that is absent from a store reads as blank voxels, so the store itself cannot tell what is
    done. The draft keeps one byte for each piece, set after the piece is on the disk; threads and
    processes may set different bytes at the same time.

    Parameters
    ----------
    target
        Where the result shall appear.
    n_pieces
        How many pieces it has.
    folder_result
        Whether the result is a folder rather than a file.
    overwrite
        Whether a result that is already there may be replaced.
    """

    target: Path
    n_pieces: int
    folder_result: bool = False
    overwrite: bool = False

    @property
    def folder(self) -> Path:
        """The hidden folder."""
        return self.target.parent / f".{self.target.name}.partial"

    @property
    def payload(self) -> Path:
        """The unfinished result inside it."""
        return self.folder / self.target.name

    def open(self, fingerprint: str) -> bool:
        """Go on with the draft of an interrupted run, or make an empty one.

        Parameters
        ----------
        fingerprint
            Text that changes with anything that the result depends on; another text starts again.

        Returns
        -------
        bool
            True where the earlier draft goes on; False where the payload is still to be made, after which
            the caller seals the draft.

        Raises
        ------
        OutputError
            The target cannot be written, or something of another owner has the hidden folder's name.
        """
        with output_errors(self.target):
            self._settle_interrupted_publish()
            check_target(self.target, overwrite=self.overwrite, folder=self.folder_result)
            sweep(self.target)
            if self._resumable(fingerprint):
                return True
            self._clear()
            make_folder(self.folder)
            self._record.write_bytes(bytes(self.n_pieces))
            flush(self._record)
        return False

    def seal(self, fingerprint: str) -> None:
        """Declare that the payload is made; from here on an interrupted run can be resumed."""
        with output_errors(self.target):
            flush(self.folder)
            write_text(self._settings, fingerprint)

    def mark(self, index: int) -> None:
        """Note durably that piece ``index`` is on the disk."""
        with output_errors(self.target):
            handle = os.open(self._record, os.O_WRONLY)
            try:
                os.pwrite(handle, b"\x01", index)
                os.fsync(handle)
            finally:
                os.close(handle)

    def is_done(self, index: int) -> bool:
        """Return whether piece ``index`` is on the disk."""
        if not self._record.is_file():
            return False
        with self._record.open("rb") as record:
            record.seek(index)
            return record.read(1) == b"\x01"

    def done(self) -> npt.NDArray[np.bool_]:
        """Return which pieces are on the disk, bool array (piece)."""
        if not self._record.is_file():
            return np.zeros(self.n_pieces, dtype=bool)
        return np.frombuffer(self._record.read_bytes(), dtype=np.bool_)

    def publish(self, *, incomplete: bool = False) -> None:
        """Give the payload its name and remove the draft.

        Parameters
        ----------
        incomplete
            Publish also where pieces are missing; they stay blank.

        Raises
        ------
        OutputError
            Pieces are missing, or the target cannot be written.
        """
        missing = int(np.count_nonzero(~self.done()))
        if missing and not incomplete:
            found = f"{missing} of {self.n_pieces} pieces are missing"
            raise OutputError(f"{shown(self.target)} is not complete: {found}. Run the same command again.")
        with output_errors(self.target):
            check_target(self.target, overwrite=self.overwrite, folder=self.folder_result)
            if self.target.is_dir():
                self.target.rename(self._replaced)
            move_into_place(self.payload, self.target)
            self._clear()

    @property
    def _settings(self) -> Path:
        return self.folder / "settings"

    @property
    def _record(self) -> Path:
        return self.folder / "done"

    @property
    def _replaced(self) -> Path:
        return self.folder / "replaced"

    def _resumable(self, fingerprint: str) -> bool:
        if not (self._settings.is_file() and self._record.is_file() and os.path.lexists(self.payload)):
            return False
        same_pieces = self._record.stat().st_size == self.n_pieces
        return same_pieces and self._settings.read_text() == fingerprint

    def _settle_interrupted_publish(self) -> None:
        """Put things right where a run was killed between the renames of ``publish``."""
        if not self._settings.is_file():
            return
        if self._replaced.exists() and not self.target.exists():
            self._replaced.rename(self.target)
        if self.target.exists() and not os.path.lexists(self.payload):
            self._clear()

    def _clear(self) -> None:
        if not self.folder.exists():
            return
        if any(self.folder.iterdir()) and not self._record.is_file():
            raise OutputError(f"{shown(self.folder)} is in the way and is not ours. Remove or rename it.")
        self._settings.unlink(missing_ok=True)
        for entry in self.folder.iterdir():
            if entry != self._record:
                remove(entry)
        remove(self.folder)
