"""Outputs leave alone what the same command reads, each other, and files of another kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path

from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import is_address, refuse_address, shown
from tessellar.io.publish import is_store

JSON, TOML, FIGURES = (".json",), (".toml",), (".png", ".pdf", ".svg")
_OF_RUNS = ("run.json", "run.toml")


def check_outputs(outputs: Iterable[str | os.PathLike[str] | None], inputs: Iterable[object]) -> None:
    """Refuse outputs that are, hold or belong to what is read, and two of one name.

    Parameters
    ----------
    outputs
        Files and folders to be written; None for those that are not wanted.
    inputs
        What is read: cubes, paths, None.

    Raises
    ------
    UsageError
        The message names the two.
    """
    wanted = [Path(output) for output in outputs if output is not None]
    for one, other in combinations(wanted, 2):
        if one.resolve() == other.resolve():
            raise UsageError(f"{shown(one)} is the name of two outputs. Give them two names.")
    for given in _places(inputs):
        for output in wanted:
            if not os.path.lexists(output):
                continue
            here, there = output.resolve(), given.resolve()
            inside = there in here.parents and is_store(given)
            if here == there or here in there.parents or inside:
                raise UsageError(
                    f"{shown(output)} is in the place of {shown(given)}, which is read. Give the output another name."
                )


def check_small_file(path: str | os.PathLike[str] | None, suffixes: tuple[str, ...]) -> None:
    """Refuse to replace a file that is of another kind than the small one that is to be written, or part of a run.

    Raises
    ------
    OutputError
        There is something of that name, and it does not end as such files do, or a run needs it.
    UsageError
        It is an address.
    """
    if path is None:
        return
    file = Path(path)
    refuse_address(file)
    if not os.path.lexists(file):
        return
    refuse_part_of_run(file)
    if not (file.is_file() and file.suffix.lower() in suffixes):
        raise OutputError(
            f"{shown(file)} exists and is no {' or '.join(suffixes)} file, so it is not replaced. Choose another name."
        )


def refuse_part_of_run(file: Path) -> None:
    """Refuse to replace a file that a finished run has in its folder.

    Raises
    ------
    OutputError
        It is one.
    """
    ours = file.name in _OF_RUNS or file.stem == "catalogue"
    if ours and os.path.lexists(file) and all(file.with_name(name).is_file() for name in _OF_RUNS):
        raise OutputError(f"{shown(file)} belongs to the run in that folder. Choose another name.")


def _places(inputs: Iterable[object]) -> Iterator[Path]:
    """Yield the files and folders among what is read."""
    for given in inputs:
        place = getattr(given, "path", given)
        if not isinstance(place, str | os.PathLike) or is_address(os.fspath(place)):
            continue
        path = Path(place)
        if not path.exists() and path.name.endswith("]"):
            path = path.with_name(path.name.rpartition("[")[0] or path.name)  # cube.fits[SCI]
        if path.exists():
            yield path
