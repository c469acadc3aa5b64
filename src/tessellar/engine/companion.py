"""The folder beside a cube that a run has made: its settings, figures and report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tessellar.config import plain, settings_text
from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import shown
from tessellar.io.publish import make_folder, output_errors, write_bytes, write_text

SETTINGS = "run.toml"
RECORD = "run.json"
REPORT = "report.html"
LOG = "run.log"


@dataclass(frozen=True, slots=True)
class Companion:
    """The folder of a result: ``clean.foregrounds`` beside ``clean.zarr``.

    Attributes
    ----------
    path
        The folder.
    verb
        The command that makes the result, and the suffix of the folder.
    files
        What may be in it, besides settings, record, report and log.
    result
        The name of the result.
    """

    path: Path
    verb: str
    files: tuple[str, ...] = ()
    result: str = ""

    @classmethod
    def beside(cls, out: Path, verb: str, files: tuple[str, ...] = ()) -> Companion:
        """Return the folder that belongs to a result."""
        return cls(out.with_name(f"{out.stem}.{verb}"), verb, files, out.name)

    def check(self) -> None:
        """Refuse a folder that holds something else.

        Raises
        ------
        OutputError
            It is a file, or cannot be written to.
        UsageError
            It holds other files than such a run leaves, or what belongs to another result of that stem.
        """
        folder, ours = self.path, (SETTINGS, RECORD, REPORT, LOG, *self.files)
        if folder.exists() and not folder.is_dir():
            raise OutputError(
                f"{shown(folder)} is a file, and a folder of that name is needed. Choose another output."
            )
        with output_errors(folder):
            others = (
                [entry.name for entry in folder.iterdir() if entry.name not in ours]
                if folder.is_dir()
                else []
            )
        if others:
            raise UsageError(
                f"{shown(folder)} holds other files ({others[0]}), and what belongs to the result goes there. Move "
                "them, or choose another output."
            )
        owner = self._owner()
        if owner not in ("", self.result) and folder.with_name(owner).exists():
            raise UsageError(
                f"{shown(folder)} belongs to {shown(owner)}, which would lose its settings and report to "
                f"{shown(self.result)}. Choose another name."
            )

    def _owner(self) -> str:
        """Return the name of the result whose record is there, as far as it tells."""
        try:
            record = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        name = record.get("result") if isinstance(record, dict) else None
        return name if isinstance(name, str) and Path(name).name == name else ""

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Make the folder, remove what an earlier run left in it, and write the settings of this one.

        Raises
        ------
        OutputError
            It cannot be written to.
        """
        with output_errors(self.path):
            if self.path.is_dir():
                shutil.rmtree(self.path)
            make_folder(self.path)
        repeat = f"The settings of a run; repeat it with: tessellar {self.verb} CUBE OUT --config run.toml"
        write_text(self.path / SETTINGS, settings_text(self.verb, settings, repeat))

    def save_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write arrays of numpy into one file.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        from io import BytesIO

        import numpy as np

        buffer = BytesIO()
        np.savez(buffer, **arrays)
        write_bytes(self.path / name, buffer.getvalue())

    def save_record(self, record: Mapping[str, Any]) -> None:
        """Write ``run.json``.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        owned = {"result": self.result, **record}
        write_text(self.path / RECORD, json.dumps(owned, indent=1, default=plain) + "\n")
