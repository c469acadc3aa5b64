"""What lossy storage saves and what it costs the catalogue: simulated skies, rounded in ever fewer bits.

The table of docs/performance.md is what `python -m benchmarks.validation.rounding` prints.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.markdown import section
from tessellar import api
from tessellar.challenge.match import match
from tessellar.kernels.components import Linker
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Shape

WAYS: tuple[dict[str, Any], ...] = (
    {},
    *({"keep_bits": keep} for keep in (10, 7, 5, 3)),
    *({"lossy_noise_fraction": share} for share in (0.01, 0.05, 0.2)),
)
_LINKER = Linker(min_size_xy=3, min_size_z=3)
_HEAD = (
    *("stored", "rms error / noise", "ratio", "rows", "of the lossless rows", "new rows"),
    *("flux change / its error, median", "largest", "galaxies found"),
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a way to store does to some skies.

    Attributes
    ----------
    noise_error
        rms error over the noise.
    ratio
        Bytes of voxels for each stored byte.
    rows, kept, galaxies
        Sources; how many of the lossless ones are still there; how many are galaxies.
    changes
        Differences in flux to the lossless row over the error of the flux, float64 array (source).
    """

    noise_error: float
    ratio: float
    rows: int
    kept: int
    galaxies: int
    changes: np.ndarray[Any, np.dtype[np.float64]]


def report(shape: Shape, seeds: Iterable[int], threshold: float) -> str:
    """Return the table as Markdown."""
    skies = [HiSky(shape, seed=seed) for seed in seeds]
    rows = []
    with TemporaryDirectory(prefix="tessellar-rounding-") as folder:
        exact = [_found(sky, Path(folder), {}, threshold) for sky in skies]
        n_lossless = sum(len(rows_of) for rows_of, _, _ in exact)
        for way in WAYS:
            effect = _effect(skies, Path(folder), way, threshold, [rows_of for rows_of, _, _ in exact])
            rows.append(_row(way, effect, n_lossless))
    return "\n".join(section("Lossy storage", list(_HEAD), rows))


def _effect(
    skies: Sequence[HiSky], folder: Path, way: dict[str, Any], threshold: float, exact: Sequence[Table]
) -> Effect:
    found = [_found(sky, folder, way, threshold) for sky in skies]
    changes, kept, galaxies = [], 0, 0
    for (rows, _, _), lossless, sky in zip(found, exact, skies, strict=True):
        pairs = match(rows, lossless).pairs
        kept += pairs.reference.size
        galaxies += match(rows, truth_table(sky)).pairs.reference.size
        after = np.asarray(rows["f_sum"], np.float64)[pairs.catalogue]
        before = np.asarray(lossless["f_sum"], np.float64)[pairs.reference]
        changes.append((after - before) / np.asarray(lossless["err_f_sum"], np.float64)[pairs.reference])
    return Effect(
        float(np.mean([error for _, _, error in found])),
        float(np.mean([ratio for _, ratio, _ in found])),
        sum(len(rows) for rows, _, _ in found),
        kept,
        galaxies,
        np.abs(np.concatenate(changes)),
    )


def _found(sky: HiSky, folder: Path, way: dict[str, Any], threshold: float) -> tuple[Table, float, float]:
    """Return the catalogue of a sky as it is stored, the compression, and the rms error over the noise."""
    path = folder / "sky.zarr"
    api.convert(sky, path, executor="serial", overwrite=True, **way)
    stored = api.open_cube(path)
    rows = api.find_sources(
        path, SmoothAndClip(threshold=threshold), linker=_LINKER, executor="serial"
    ).catalogue
    said = _said(path).get("rms_error_over_noise", 0.0)
    return rows, 4 * np.prod(sky.shape) / stored.stored_bytes, float(said)


def _said(path: Path) -> dict[str, Any]:
    attributes = json.loads((path / "SKY" / "zarr.json").read_text())["attributes"]
    return dict(attributes.get("rounding", {}))


def _row(way: dict[str, Any], effect: Effect, n_lossless: int) -> list[str]:
    words = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in way.items()) or "every bit"
    changes = effect.changes if effect.changes.size else np.zeros(1)
    return [
        words,
        f"{100 * effect.noise_error:.2g} %",
        f"{effect.ratio:.2f}",
        str(effect.rows),
        f"{effect.kept} of {n_lossless}",
        str(effect.rows - effect.kept),
        f"{np.median(changes):.2g}",
        f"{changes.max():.2g}",
        str(effect.galaxies),
    ]


def main(words: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.validation.rounding", description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[128, 192, 192], metavar="N", help="of a sky")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[41, 42, 43, 44], metavar="N", help="of skies"
    )
    parser.add_argument("--threshold", type=float, default=4.5, help="of the finder")
    asked = parser.parse_args(words)
    z, x, y = asked.shape
    print(f"`{shlex.join(['python', '-m', 'benchmarks.validation.rounding', *words])}`\n")
    print(report((z, x, y), asked.seeds, asked.threshold))


if __name__ == "__main__":
    main(sys.argv[1:])
