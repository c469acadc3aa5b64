"""Proving a finished cube: every file of voxels is compared with its digest, or read where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tessellar.engine.executors import Executor
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.errors import InputError
from tessellar.io.digest import ABSENT, digest_of
from tessellar.io.files import Files
from tessellar.io.naming import shown
from tessellar.io.zarr_manifest import read_manifest, shard_key
from tessellar.io.zarr_store import ZarrSource
from tessellar.model import Observer, Source, UnitResult, Work
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

_PIECE_VOXELS = 16 * 2**20
_DAMAGE = "damage"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check.

    Attributes
    ----------
    n_pieces
        How many pieces were looked at: the shards of a Zarr cube, runs of channels of another.
    by_digest
        Whether they were compared with digests; else they were read.
    damage
        A sentence for each damaged piece.
    """

    n_pieces: int
    by_digest: bool
    damage: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyStage:
    """Look at every piece of a cube; what a unit gives back is a sentence about its damage, or nothing.

    Parameters
    ----------
    source
        The cube.
    grid
        Its pieces.
    shards
        The files that hold them, and their digests; None to read the voxels instead.
    """

    source: Source
    grid: Grid
    shards: Files | None
    fingerprint = "verify"  # nothing is resumed

    @property
    def name(self) -> str:
        """``verify``."""
        return "verify"

    @property
    def n_units(self) -> int:
        """One unit for each piece."""
        return len(self.grid)

    def worker(self) -> Work:
        """Return the function that looks at one piece."""
        digests = None if self.shards is None else read_manifest(self.shards, len(self.grid))

        def verify(unit: int) -> UnitResult:
            core = self.grid[unit].core
            if self.shards is None or digests is None:
                sentence = _cannot_be_read(self.source, core)
            else:
                sentence = _was_altered(self.shards, shard_key(core, self.grid.core), digests[unit].tobytes())
            payload = {_DAMAGE: np.frombuffer(sentence.encode(), np.uint8)} if sentence else {}
            return UnitResult(payload, voxels=core.size)

        return verify


def verify_cube(source: Source, *, executor: Executor, observer: Observer | None = None) -> Verdict:
    """Look at all voxels of a cube where they are stored.

    Parameters
    ----------
    source
        The cube.
    executor
        Who reads.
    observer
        Who is told.

    Raises
    ------
    KeyboardInterrupt, StoppedError
        Ctrl-C or SIGTERM.
    """
    stage = _stage(source)
    with TemporaryDirectory(prefix="tessellar-verify-") as name:
        partials = PartialStore(Path(name))
        report = run_stage(stage, executor=executor, partials=partials, observer=observer)
        found = [payload[_DAMAGE].tobytes().decode() for _, payload in partials.units(stage) if payload]
    found += [failure.reason for failure in report.failed]
    return Verdict(stage.n_units, stage.shards is not None, tuple(found))


def _stage(source: Source) -> VerifyStage:
    shape = source.meta.shape
    if isinstance(source, ZarrSource) and source.shards is not None:
        grid = Grid(shape, source.shards)
        known = read_manifest(source.voxel_files, len(grid)) is not None
        return VerifyStage(source, grid, source.voxel_files if known else None)
    depth = source.chunks[0] if source.chunks else 1
    channels = max(1, _PIECE_VOXELS // (depth * shape[1] * shape[2])) * depth
    return VerifyStage(source, Grid(shape, (channels, *shape[1:])), None)


def _was_altered(files: Files, name: str, digest: bytes) -> str:
    try:
        found = digest_of(files.blocks(name))
    except FileNotFoundError:
        found = ABSENT
    except OSError as error:
        return f"{shown(files.place)}/{name} cannot be read: {error.strerror or error}."
    return "" if found == digest else f"{shown(files.place)}/{name} is not what was written there."


def _cannot_be_read(source: Source, box: Box) -> str:
    try:
        source.read(box)
    except InputError as error:
        return str(error)
    return ""
