"""The floor of a run: the least time in which its voxels can be read and decoded, for the run to be held against."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from tessellar.engine.memory import available_bytes
from tessellar.engine.tally import StageReport
from tessellar.engine.tune.notes import rates_for
from tessellar.io.extents import Remote, Stored
from tessellar.model import Source

# Bytes of voxels that one worker reads and decodes in a second where nobody measured it: docs/performance.md
NOMINAL_CHUNKED = 0.47e9
NOMINAL_PLAIN = 1.57e9


def floor_record(
    source: Source,
    stages: Sequence[StageReport],
    *,
    n_voxels: int,
    workers: int,
    seconds: float,
    remote: bool = False,
) -> dict[str, Any]:
    """Return the floor of a run and its share of it, for ``run.json``.

    There is none for a cube that is made as it is read, for one behind an address whose server was not measured, and
    for a run that found a part done already.

    Parameters
    ----------
    source
        The cube as it is stored.
    stages
        What was done.
    n_voxels
        How many voxels must be read, those of every pass.
    workers
        How many read.
    seconds
        What the run took.
    remote
        Whether the workers are on other machines, which were not measured.
    """
    if not isinstance(source, Stored | Remote) or any(stage.resumed for stage in stages):
        return {}
    n_bytes = 4 * n_voxels
    rates = None if remote else rates_for(source)
    if rates is None and isinstance(source, Remote):
        return {}
    if rates is None:
        each = NOMINAL_PLAIN if source.chunks is None else NOMINAL_CHUNKED
        rate, origin = each * workers, "nominal rates"
    else:
        stored = source.stored_bytes
        cached = stored < available_bytes() and not rates.remote
        rate = rates.delivered(workers, 4 * prod(source.meta.shape) / stored, cached=cached)
        place = "the file cache" if cached else "the server" if rates.remote else "the disk"
        origin = f"tessellar tune of {rates.date}, from {place}"
    return {
        "floor": {
            "bytes": n_bytes,
            "bytes_per_second": rate,
            "seconds": n_bytes / rate,
            "share": n_bytes / rate / seconds,
            "origin": origin,
        }
    }
