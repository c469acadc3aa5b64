"""Tessellar beside SoFiA-2: completeness at each signal-to-noise ratio, and reliability, on skies of known truth.

    python -m benchmarks.validation.sofia --sofia PATH

Both search the same cubes with the same kernels, thresholds, linking and reliability cut. The table goes to standard
output as Markdown. Without --sofia, Tessellar is shown alone.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import say
from benchmarks.markdown import section
from benchmarks.validation.contest import CUBE, Entry, Setting, contest
from tessellar import api
from tessellar.challenge.agreement import SNR_EDGES
from tessellar.engine.find.recipes import Recipes
from tessellar.errors import TessellarError
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.hi import HiSky

SETTINGS = [
    Setting(
        f"threshold {threshold:g}, radius {radius}, size {size}",
        Recipes(
            SmoothAndClip(threshold=threshold),
            Linker(radius_xy=radius, radius_z=radius, min_size_xy=size, min_size_z=size),
            Reliability(),
        ),
    )
    for threshold, radius, size in ((4.0, 2, 4), (4.0, 1, 4), (5.0, 1, 5), (3.8, 1, 3), (3.5, 2, 4))
]


def main(words: Sequence[str]) -> int:
    """Make the skies, let both programs search them, and print what they found."""
    asked = _parser().parse_args(words)
    entries: dict[tuple[str, str], list[Entry]] = {}
    try:
        for seed in asked.seeds:
            for entry in _one_sky(asked, seed):
                entries.setdefault((entry.setting.name, entry.program), []).append(entry)
                say(f"sky {seed}: {entry.setting.name}: {entry.program}: {_short(entry)}")
    except TessellarError as error:
        print(error, file=sys.stderr)
        return 1
    head = [
        "setting",
        "program",
        "rows",
        "reliability",
        "completeness",
        *_bins(),
        "flux / true",
        "SDC2 score",
        "s",
    ]
    print("\n".join(section(_title(asked), head, (_row(*key, own) for key, own in entries.items()))))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.sofia", description=__doc__)
    parser.add_argument("--sofia", type=Path, metavar="PATH", help="the program SoFiA-2")
    parser.add_argument("--shape", type=_shape, default=(1024, 512, 512), metavar="Z,X,Y", help="of a sky")
    parser.add_argument("--n-sources", type=int, default=1000, metavar="N", help="galaxies in a sky")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="N", help="one sky for each")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of either program")
    parser.add_argument("--only", type=int, nargs="+", metavar="N", help="numbers of the settings, from 0")
    return parser


def _shape(word: str) -> tuple[int, int, int]:
    z, x, y = (int(part) for part in word.split(","))
    return z, x, y


def _one_sky(asked: argparse.Namespace, seed: int) -> Iterator[Entry]:
    sky = HiSky(asked.shape, seed, n_sources=asked.n_sources)
    chosen = [SETTINGS[number] for number in asked.only or range(len(SETTINGS))]
    with TemporaryDirectory() as scratch:
        api.simulate(sky, Path(scratch) / CUBE)
        yield from contest(Path(scratch), chosen, asked.sofia, asked.threads)


def _title(asked: argparse.Namespace) -> str:
    skies = f"{len(asked.seeds)} skies" if len(asked.seeds) > 1 else "one sky"
    return f"{asked.n_sources} galaxies in {' x '.join(map(str, asked.shape))} voxels, {skies}"


def _bins() -> list[str]:
    return [
        f"{low:g}-{high:g}" if math.isfinite(high) else f"> {low:g}"
        for low, high in itertools.pairwise(SNR_EDGES)
    ]


def _row(setting: str, program: str, entries: list[Entry]) -> list[str]:
    """Return the figures of one program with one setting, summed over the skies."""
    results = [entry.result for entry in entries if entry.result is not None]
    if len(results) < len(entries):
        return [setting, program, *["failed"] * 3, *["-"] * (len(SNR_EDGES) + 2)]
    rows = sum(result.n_catalogue for result in results)
    matched = sum(result.n_matched for result in results)
    wanted = sum(result.n_reference for result in results)
    bins = zip(*(result.bins for result in results), strict=True)
    shares = [(sum(b.n_matched for b in same), sum(b.n_reference for b in same)) for same in bins]
    ratios = [result.flux_ratio for result in results if result.flux_ratio is not None]
    flux = "-" if not ratios else f"{ratios[0].median:.2f} ± {ratios[0].scatter:.2f}"
    return [
        setting,
        program,
        f"{rows:,}",
        f"{matched / max(rows, 1):.3f}",
        f"{matched / max(wanted, 1):.3f}",
        *(f"{found / total:.2f}" if total else "-" for found, total in shares),
        flux,
        f"{sum(entry.score for entry in entries):.0f}",
        f"{sum(entry.seconds for entry in entries):.0f}",
    ]


def _short(entry: Entry) -> str:
    result = entry.result
    if result is None:
        return f"FAILED: {entry.reason}"
    return (
        f"{result.n_catalogue} rows, reliability {result.reliability:.3f}, completeness {result.completeness:.3f}, "
        f"score {entry.score:.0f}, {entry.seconds:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
