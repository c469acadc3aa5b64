"""The same job in SoFiA-2's words: a parameter file for it, and what its catalogue holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import BenchmarkError
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip

NAME = "sofia"


def parameters(
    cube: Path,
    folder: Path,
    threads: int,
    finder: SmoothAndClip,
    linker: Linker,
    reliability: Reliability | None = None,
    local_noise: bool = False,
) -> str:
    """Return the parameter file for the same scales, threshold, linking and cut, and no product but the catalogue.

    The noise is taken as constant over the cube, as it is by default; to measure it in a window that moves through the
    cube, with ``local_noise``, costs SoFiA-2 more time.
    """
    settings = {
        "pipeline.threads": threads,
        "input.data": cube,
        "scaleNoise.enable": "true" if local_noise else "false",
        "scaleNoise.mode": "local",
        "scfind.enable": "true",
        "scfind.kernelsXY": _row(finder.kernels_xy),
        "scfind.kernelsZ": _row(finder.kernels_z),
        "scfind.threshold": f"{finder.threshold:g}",
        "scfind.replacement": f"{finder.replacement:g}",
        "scfind.statistic": "mad",
        "scfind.fluxRange": "negative",
        "linker.radiusXY": linker.radius_xy,
        "linker.radiusZ": linker.radius_z,
        "linker.minSizeXY": linker.min_size_xy,
        "linker.minSizeZ": linker.min_size_z,
        **_reliability(reliability),
        "parameter.enable": "true",
        "parameter.wcs": "true",
        "parameter.physical": "true",
        "output.directory": folder,
        "output.filename": NAME,
        "output.writeCatASCII": "true",
        "output.overwrite": "true",
    }
    return "".join(f"{key} = {value}\n" for key, value in settings.items())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a run of SoFiA-2 left.

    Attributes
    ----------
    creator
        The program and its version.
    n_sources
        Rows of its catalogue.
    """

    creator: str
    n_sources: int


def read_catalogue(folder: Path) -> Catalogue:
    """Read the catalogue of a run.

    Raises
    ------
    BenchmarkError
        There is none.
    """
    path = folder / f"{NAME}_cat.txt"
    if not path.exists():
        raise BenchmarkError(f"SoFiA-2 wrote no {path.name}")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    creators = (line.partition("Creator:")[2].strip() for line in lines if "Creator:" in line)
    rows = sum(1 for line in lines if line and not line.startswith("#"))
    return Catalogue(next(creators, "SoFiA-2 of unknown version"), rows)


def _reliability(recipe: Reliability | None) -> dict[str, str]:
    if recipe is None:
        return {"reliability.enable": "false"}
    return {
        "reliability.enable": "true",
        "reliability.threshold": f"{recipe.threshold:g}",
        "reliability.scaleKernel": f"{recipe.scale_kernel:g}",
        "reliability.minSNR": f"{recipe.min_snr:g}",
    }


def _row(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
