"""How large a piece of the cube would be under each codec, and how fast it would be decoded."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.tune.samples import ReadSample
from tessellar.io.part import part_of
from tessellar.io.zarr_layout import CODECS, SHARD
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import Source
from tessellar.tiling.box import Box


@dataclass(frozen=True, slots=True)
class CodecRate:
    """What a codec does to a sample of the cube.

    Attributes
    ----------
    codec
        Its name for ``convert``.
    ratio
        Bytes of voxels for each stored byte.
    gain
        How many times as fast one worker reads and decodes the sample as from the cube itself.
    """

    codec: str
    ratio: float
    gain: float


def measure_codecs(source: Source, seconds: float) -> list[CodecRate]:
    """Write the middle of a cube with every codec into a scratch folder and read it; nothing where it is blank."""
    box = _middle(source)
    voxels = source.read(box)
    if not np.isfinite(voxels).any():
        return []
    rates = []
    own = ReadSample(source, [box], seconds)().rate
    with tempfile.TemporaryDirectory(prefix="tessellar-tune-") as folder:
        for codec in CODECS:
            sink = ZarrSink(Path(folder) / f"{codec}.zarr", part_of(source.meta, box), codec=codec)
            sink.begin()
            sink.publish([sink.write(0, voxels)])
            stored = ZarrSource(sink.path)
            size = sum(extent.size for extent in stored.extents())
            taken = ReadSample(stored, [Box.of_shape(box.shape)], seconds)()
            rates.append(CodecRate(codec, voxels.nbytes / size, taken.rate / own))
    return rates


def _middle(source: Source) -> Box:
    """Return a box of one shard in the middle of a cube, that begins where a chunk does."""
    shape, chunks = source.meta.shape, source.chunks or (1, 1, 1)
    starts = [max(0, n // 2 - s // 2) // c * c for n, s, c in zip(shape, SHARD, chunks, strict=True)]
    z, x, y = starts
    return Box((z, x, y), (z + SHARD[0], x + SHARD[1], y + SHARD[2])).clip(Box.of_shape(shape))
