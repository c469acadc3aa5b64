"""Cubes that a verb makes: what is known of a finished one, and who makes it while its name is locked."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tessellar.api.cubes import open_cube
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.executors import Executor
    from tessellar.engine.find.crew import Crew
    from tessellar.model import Observer, Source


@dataclass(frozen=True, eq=False)
class MadeCube:
    """A cube that a run has made.

    Attributes
    ----------
    path
        The cube.
    folder
        What belongs to it: settings, figures, report, and what the verb leaves there beside them.
    info
        What ``run.json`` holds.
    """

    path: Path
    folder: Path
    info: dict[str, Any]

    @property
    def cube(self) -> Source:
        """The cube, opened; a temporary one stays as long as somebody reads it."""
        source = open_cube(self.path)
        _READ[source] = self
        return source

    @property
    def complete(self) -> bool:
        """Whether all pieces were made."""
        return not self.info["partial"]


Made = TypeVar("Made", bound=MadeCube)
_READ: weakref.WeakKeyDictionary[Any, MadeCube] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cube is made.

    Attributes
    ----------
    path
        The cube.
    temporary
        A folder around it that lives as long as what is made; None where the caller named the cube.
    """

    path: Path
    temporary: Path | None = None

    def held_by(self, made: Made) -> Made:
        """Return what was made; a temporary cube goes when it does."""
        if self.temporary is not None:
            weakref.finalize(made, shutil.rmtree, self.temporary, ignore_errors=True)
        return made


@contextmanager
def place_for(out: str | PathLike[str] | None, address: str | None) -> Iterator[Place]:
    """Give the place of a cube, a temporary one where it has no name; that is removed if nothing comes of it.

    Raises
    ------
    UsageError
        It has no name, and the workers of a cluster could not find it.
    """
    if out is not None:
        yield Place(Path(fspath(out)))
        return
    if address is not None:
        raise UsageError("The workers of a cluster write the cube. Give a name that all of them see as out.")
    folder = Path(tempfile.mkdtemp(prefix="tessellar-cube-"))
    try:
        yield Place(folder / "cube.zarr", folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextmanager
def crew_for(
    outputs: Sequence[CubeOutput],
    executor: str,
    workers: int,
    pool: Executor | None,
    observer: Observer | None,
    *,
    fresh: bool,
) -> Iterator[Crew]:
    """Give the crew that makes some cubes, with their names locked; what an interrupted run of them did is kept.

    Parameters
    ----------
    outputs
        The cubes; the journal lies beside the first.
    executor, workers
        Who works, unless there is a ``pool``.
    pool
        The workers of a running cluster, or None.
    observer
        Who is told.
    fresh
        Whether to discard what an interrupted run left.

    Raises
    ------
    UsageError
        Another run makes one of them.
    OutputError
        One of them cannot be written.
    """
    from tessellar.engine.convert import alone
    from tessellar.engine.cube_output import begin_outputs
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.find.folder import PARTIALS
    from tessellar.engine.partials import PartialStore

    with ExitStack() as stack:
        journals = [stack.enter_context(alone(output.final, fresh)) for output in outputs]
        hands = pool or stack.enter_context(make_executor(executor, workers))
        partials = PartialStore(outputs[0].final.workspace / PARTIALS)
        begin_outputs(outputs, journals[0], partials, fresh=fresh)
        yield Crew(hands, partials, journals[0], observer)
