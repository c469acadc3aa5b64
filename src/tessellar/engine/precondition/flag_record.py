"""What was flagged, for people: a sentence, numbers for ``run.json``, and a list of channels and pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.io.publish import write_text
from tessellar.model import IntArray

FLAGS = "flags.txt"
_MOST_RANGES = 12  # that a sentence names
_HEAD = (
    "# Flagged for their noise, counted from 0 in the whole cube: channel z, and pixel x y in all channels.\n"
)


def flag_record(prepared: Prepared) -> dict[str, Any]:
    """Return how much is flagged, by what flagged it; nothing where nothing is.

    ``channels`` are first and last channel of each stretch, in the whole cube.
    """
    flags = prepared.flags
    record: dict[str, Any] = {
        "boxes": len(flags.boxes),
        "discs": len(flags.centres),
        "channels": _ranges(flags.channels + prepared.region.start[0]),
        "pixels": int(flags.pixels.size),
    }
    return record if flags else {}


def flag_words(prepared: Prepared) -> Iterator[str]:
    """Yield a sentence about what is flagged; none where nothing is."""
    record = flag_record(prepared)
    if not record:
        return
    counts = {"boxes": ("box", "boxes"), "discs": ("disc", "discs")}
    parts = [_things(record[name], *words) for name, words in counts.items() if record[name]]
    if record["channels"]:
        n, of = prepared.flags.channels.size, prepared.region.shape[0]
        parts.append(
            f"{n} of {_things(of, 'channel', 'channels')} for their noise ({_named(record['channels'])})"
        )
    if record["pixels"]:
        of = prepared.region.shape[1] * prepared.region.shape[2]
        parts.append(f"{record['pixels']} of {_things(of, 'pixel', 'pixels')} of the sky for their noise")
    yield f"Flagged and not searched: {', '.join(parts)}."


def save_flags(path: Path, prepared: Prepared, recipe: Preconditioning) -> None:
    """Write the channels and pixels that are flagged for their noise, where noise flags anything.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    if recipe.flag_auto == "off":
        return
    z, x, y = prepared.region.start
    flags, ny = prepared.flags, prepared.region.shape[2]
    channels = "".join(f"channel {channel + z}\n" for channel in flags.channels.tolist())
    pixels = "".join(f"pixel {n // ny + x} {n % ny + y}\n" for n in flags.pixels.tolist())
    write_text(path, _HEAD + channels + pixels)


def _ranges(numbers: IntArray) -> list[list[int]]:
    """Return ascending numbers as stretches of neighbours, first and last of each."""
    stretches = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    return [[int(one[0]), int(one[-1])] for one in stretches if one.size]


def _named(ranges: list[list[int]]) -> str:
    words = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:_MOST_RANGES]]
    more = len(ranges) - len(words)
    return ", ".join(words) + (f" and {more} more stretches" if more > 0 else "")


def _things(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
