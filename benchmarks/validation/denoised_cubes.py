"""Real cubes before and after they are denoised: a table, and a figure of each.

    python -m benchmarks.validation.denoised_cubes CUBE [CUBE ...] [--kernel NAME] [--out FOLDER]

No truth is known of them, so the table has what the report of a run tells: noise before and after, whether what was
taken out looks like noise, and what the same kernel makes of noise alone. It goes to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

import tessellar as ts
from benchmarks.bench import say
from benchmarks.markdown import section
from tessellar.errors import TessellarError
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.denoise.registry import denoiser_of
from tessellar.report.words import metric, significant
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEAD = (
    "cube", "noise", "after", "rms of the difference", "its correlation with the next channel", "of the cube",
    "noise alone: largest", "above 1, %",
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Denoise cubes, print a table, and draw a figure of each."""
    asked = _parser().parse_args(words)
    try:
        kernel = denoiser_of(asked.kernel, {})
        with TemporaryDirectory() as folder:
            rows = [_row(cube, kernel, Path(folder), asked.out) for cube in asked.cubes]
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("\n\n".join(section(f"Real cubes, {kernel.name}", HEAD, rows)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.validation.denoised_cubes", description=__doc__)
    parser.add_argument("cubes", type=Path, nargs="+", metavar="CUBE")
    parser.add_argument("--kernel", default="starlet2d1d", metavar="NAME")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where figures go; none are drawn without it"
    )
    return parser


def _row(path: Path, kernel: DenseKernel, folder: Path, figures: Path | None) -> list[str]:
    name = path.name.split(".")[0]
    quiet = ts.denoise(path, kernel, out=folder / f"{name}.zarr")
    info, found = quiet.info, quiet.info["distributions"]
    if figures is not None:
        _draw(path, quiet, figures / f"denoised_{name}_{kernel.name}.png")
    say(f"{name} is done")
    factor, unit = metric(info["noise_before"], info["cube"]["unit"])
    noise, alone = (info[key] for key in ("noise_before", "noise_after")), info["noise_only"]["made_up"]
    lags = [found[cube]["correlation_next_channel"] for cube in ("residual", "input")]
    return [
        name,
        *(f"{significant(value * factor)} {unit}" if value else "-" for value in noise),
        f"{found['residual']['rms']:.3f}",
        *("-" if lag is None else f"{lag:.3f}" for lag in lags),
        f"{alone['largest']:.2f}",
        f"{100 * alone['share_above_1']:.3f}",
    ]


def _draw(path: Path, quiet: ts.DenoisedCube, figure_path: Path) -> None:
    """Draw the channel of the brightest voxel before and after, and its spectrum."""
    from matplotlib.figure import Figure

    before, after = (cube.read(Box.of_shape(cube.meta.shape)) for cube in (ts.open_cube(path), quiet.cube))
    z, x, y = np.unravel_index(int(np.nanargmax(after)), after.shape)
    factor, unit = metric(quiet.info["noise_before"], quiet.info["cube"]["unit"])
    figure = Figure(figsize=(10, 2.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    top = float(np.nanmax(before[z])) * factor
    for axes, cube, title in ((left, before, "before"), (middle, after, "after")):
        axes.imshow(cube[z].T * factor, origin="lower", cmap="inferno", vmin=-0.2 * top, vmax=top)
        axes.set_title(f"{title}, channel {z}", fontsize=9)
    _draw_spectra(right, before[:, x, y] * factor, after[:, x, y] * factor, unit)
    figure.savefig(figure_path, dpi=90)


def _draw_spectra(axes: Axes, before: np.ndarray, after: np.ndarray, unit: str) -> None:
    axes.step(range(len(before)), before, color="0.6", linewidth=0.8, where="mid", label="before")
    axes.step(range(len(after)), after, color="#1f6fb2", linewidth=1.3, where="mid", label="after")
    axes.set_xlabel("channel")
    axes.set_ylabel(unit)
    axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
