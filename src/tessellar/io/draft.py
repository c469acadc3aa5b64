"""An output in the making: a hidden folder beside its target that survives a crash."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

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

_ABOUT = "about.txt"
_SETTINGS = "settings"
_WORKSPACE = "run"
_WORDS = (
    "Tessellar keeps an unfinished output here. Repeat its command to finish it, or remove this folder.\n"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The hidden folder ``.NAME.partial``, in which a result grows until it is whole.

    A piece that is absent from a store reads as blank voxels, so the payload cannot tell what is done: that
    stands in the journal of the run, which lives in the draft's workspace and locks it. All but `claim` is for
    the run that holds this lock.

    Parameters
    ----------
    target
        Where the result shall appear.
    folder_result
        Whether the result is a folder rather than a file.
    overwrite
        Whether a result that is already there may be replaced.
    """

    target: Path
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

    @property
    def scratch(self) -> Path:
        """Room for what writers need for a moment; empty whenever the draft is opened."""
        return self.folder / "scratch"

    @property
    def workspace(self) -> Path:
        """Room for a run's journal; it outlives the payload, so that the lock in it does too."""
        return self.folder / _WORKSPACE

    def claim(self) -> None:
        """Refuse a target that cannot be written before anything is touched, and make the hidden folder.

        Raises
        ------
        OutputError
            The target cannot be written, or something of another owner has the hidden folder's name.
        """
        with output_errors(self.target):
            if self._is_published():
                self.tidy()
            check_target(self.target, overwrite=self.overwrite, folder=self.folder_result)
            if not self._about.is_file():
                self._claim_folder()

    def resumable(self, fingerprint: str) -> bool:
        """Return whether an interrupted run left a draft with this fingerprint."""
        sealed = self._settings.is_file() and os.path.lexists(self.payload)
        return sealed and self._settings.read_text() == fingerprint

    def check(self, fingerprint: str) -> None:
        """Refuse a piece that comes too late: a worker may outlive a run that was killed.

        Raises
        ------
        OutputError
            The draft is published, or another run has begun it with something else.
        """
        if not self.resumable(fingerprint):
            raise OutputError(
                f"{shown(self.target)} is finished, or is written by another run by now: a worker came too late with "
                "a piece of it. Nothing was changed; if the output is missing, run the command again."
            )

    def open(self, fingerprint: str, *, fresh: bool = False) -> bool:
        """Go on with the draft of an interrupted run, or make an empty one.

        Parameters
        ----------
        fingerprint
            Text that changes with anything that the result depends on; another text starts again.
        fresh
            Whether to start again in any case.

        Returns
        -------
        bool
            True where the earlier draft goes on; False where the payload is still to be made, after which
            the caller seals the draft.

        Raises
        ------
        OutputError
            As for `claim`.
        """
        with output_errors(self.target):
            if self.folder.is_dir() and self._replaced.exists() and not self.target.exists():
                self._replaced.rename(self.target)  # killed between the renames of `publish`
            self.claim()
            sweep(self.target)
            goes_on = self.resumable(fingerprint) and not fresh
            self._clear(keep={self.payload, self._settings} if goes_on else set())
            self.scratch.mkdir()
        return goes_on

    def seal(self, fingerprint: str) -> None:
        """Declare that the payload is made; from here on an interrupted run can be resumed."""
        with output_errors(self.target):
            flush(self.folder)
            write_text(self._settings, fingerprint)

    def publish(self) -> None:
        """Give the payload its name.

        Raises
        ------
        OutputError
            The target cannot be written.
        """
        with output_errors(self.target):
            check_target(self.target, overwrite=self.overwrite, folder=self.folder_result)
            if self.target.is_dir():
                self.target.rename(self._replaced)
            move_into_place(self.payload, self.target)
            self._clear(keep={self._settings})

    def tidy(self) -> None:
        """Remove the hidden folder unless an interrupted run can go on with it; call it when the lock is let go."""
        if self._settings.is_file() and os.path.lexists(self.payload):
            return
        try:
            remove(self.workspace)
            self._clear(keep={self._settings, self._about})
            remove(self._settings)  # that, without a payload, says that the target is published
            remove(self._about)
            self.folder.rmdir()
        except OSError:  # what is left is small, hidden and explained in it
            return

    @property
    def _about(self) -> Path:
        return self.folder / _ABOUT

    @property
    def _settings(self) -> Path:
        return self.folder / _SETTINGS

    @property
    def _replaced(self) -> Path:
        return self.folder / "replaced"

    def _claim_folder(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            raise OutputError(f"{shown(self.folder)} is in the way and is not ours. Remove or rename it.")
        make_folder(self.folder)
        self._about.write_text(_WORDS)

    def _is_published(self) -> bool:
        """Return whether a run was killed after it had given the payload its name."""
        return self._settings.is_file() and self.target.exists() and not os.path.lexists(self.payload)

    def _clear(self, keep: set[Path]) -> None:
        """Remove what the folder holds but for the workspace; the settings first, lest half a payload be resumed."""
        if self._settings not in keep:
            self._settings.unlink(missing_ok=True)
        for entry in self.folder.iterdir():
            if entry not in {self._about, self.workspace, *keep}:
                remove(entry)
