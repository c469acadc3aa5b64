"""What disks and careless hands do to the files of an interrupted run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from campaign import TILE, Campaign, Unit
from sky import PLANE_VOXELS, SKY

from tessellar.tiling.grid import Grid

_BLOCK = 2880  # bytes: what FITS files are made of


def truncate(path: Path, rng: Random) -> None:
    with path.open("r+b") as file:
        file.truncate(rng.randrange(path.stat().st_size))


def flip(path: Path, rng: Random, begin: int = 0, end: int | None = None) -> None:
    """Change one bit."""
    with path.open("r+b") as file:
        at = rng.randrange(begin, path.stat().st_size if end is None else end)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << rng.randrange(8)]))


def delete(path: Path, rng: Random) -> None:
    path.unlink()


def lengthen(path: Path, rng: Random) -> None:
    with path.open("ab") as file:
        file.write(rng.randbytes(16))


def scribble(path: Path, rng: Random) -> None:
    """Write anything over the first page."""
    with path.open("r+b") as file:
        file.write(rng.randbytes(4096))


Blow = Callable[[Path, Random], None]
BLOWS: dict[str, Blow] = {"torn": truncate, "changed": flip, "lost": delete, "too long": lengthen}
JOURNAL_BLOWS: dict[str, Blow] = {"torn": truncate, "scribbled on": scribble}


def damage_partial(campaign: Campaign, rng: Random, blow: str) -> None:
    """Damage a file of partial results that the journal counts on; its units may be done again."""
    leases = [row for row in campaign.leases() if not campaign.doomed.intersection(row.work)]
    if not leases:
        return
    lease = rng.choice(leases)
    BLOWS[blow](campaign.workspace / "partials" / lease.stage / lease.file, rng)
    campaign.doomed.update(lease.work)
    campaign.counts[f"partial {blow}"] += 1


def damage_piece(campaign: Campaign, rng: Random, blow: str) -> None:
    """Damage what a recorded unit of a copy has written."""
    recorded = sorted(campaign.recorded() - campaign.doomed)
    if not recorded:
        return
    unit = rng.choice(recorded)
    if campaign.suffix == ".zarr":
        BLOWS[blow](_shard(campaign, unit), rng)
        campaign.doomed.add(unit)
    else:
        campaign.doomed |= _damage_planes(campaign, unit, rng, blow)
    campaign.counts[f"piece {blow}"] += 1


def damage_journal(campaign: Campaign, rng: Random, blow: str) -> None:
    """Damage the journal so that nobody can know what is done; its log, which would repair it, is written out first."""
    with closing(sqlite3.connect(campaign.journal)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    JOURNAL_BLOWS[blow](campaign.journal, rng)
    campaign.counts[f"journal {blow}"] += 1


def _shard(campaign: Campaign, unit: Unit) -> Path:
    core = Grid(SKY.shape, TILE)[unit[1]].core
    z, x, y = (start // step for start, step in zip(core.start, TILE, strict=True))
    return campaign.draft / campaign.out.name / f"SKY/c/0/{z}/0/{x}/{y}"


def _damage_planes(campaign: Campaign, unit: Unit, rng: Random, blow: str) -> set[Unit]:
    """Change a bit of a plane, or cut the file off inside it."""
    path, (stage, plane) = campaign.draft / campaign.out.name, unit
    begin = _header_bytes(path) + 4 * PLANE_VOXELS * plane
    if blow == "changed":
        flip(path, rng, begin, begin + 4 * PLANE_VOXELS)
        return {unit}
    with path.open("r+b") as file:
        file.truncate(begin + rng.randrange(4 * PLANE_VOXELS))
    return {(stage, other) for other in range(plane, SKY.shape[0])}


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(_BLOCK), b"")
        return _BLOCK * next(n for n, block in enumerate(blocks, start=1) if b"END" + b" " * 77 in block)
