"""Fields like SKA Data Challenge 2 with many times its galaxies, made and searched for the validation commands."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.validation.contest import CUBE
from tessellar import api
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.tiling.box import Shape

SHAPE: Shape = (768, 448, 448)
DENSITY = 12.0  # times the galaxies of the challenge
FIRST_HZ = 1060e6


@dataclass(frozen=True, slots=True)
class Kind:
    """Fields that differ in their seed only.

    Attributes
    ----------
    name
        In words.
    settings
        What is unlike the others, as `Sdc2Sky` takes it.
    """

    name: str
    settings: dict[str, Any]

    def sky(self, seed: int, shape: Shape, folder: str) -> Sdc2Sky:
        """Return one of the fields; ``folder`` has the challenge's public files."""
        common: dict[str, Any] = {
            "population": "sdc2",
            "density": DENSITY,
            "first_frequency_hz": FIRST_HZ,
            "sdc2_data": folder,
        }
        return Sdc2Sky(shape, seed, **(common | self.settings))


DISCS = Kind("discs", {"shapes": "discs"})
ATLAS = Kind("atlas", {"shapes": "atlas"})
KINDS = (
    DISCS,
    ATLAS,
    Kind("atlas, even noise", {"shapes": "atlas", "edge_noise": 1.0}),
    Kind("atlas, noise measured by MeerKAT", {"shapes": "atlas", "noise": "measured"}),
    Kind("atlas, other frequencies", {"shapes": "atlas", "first_frequency_hz": 980e6}),
)


def field_parser(command: str, about: str | None) -> argparse.ArgumentParser:
    """Return a parser of what all commands on such fields take."""
    parser = argparse.ArgumentParser(f"python -m benchmarks.validation.{command}", description=about)
    parser.add_argument(
        "--sdc2-data", default="", metavar="DIR", help="folder with the challenge's public files"
    )
    parser.add_argument("--shape", type=_shape, default=SHAPE, metavar="Z,X,Y", help="of a field")
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402], metavar="N", help="of each kind")
    return parser


def search(
    folder: Path,
    name: str,
    *,
    threshold: float = 4.0,
    reliability: float = 0.9,
    deblend: bool = False,
    **more: Any,
) -> api.Run:
    """Search the cube in a folder, with the settings of the page on the challenge if no others are given.

    Parameters
    ----------
    folder
        Where the cube is.
    name
        Of the folder of the run beside it.
    threshold, reliability
        Of the search.
    deblend
        Whether sources that hold several galaxies are separated.
    more
        What else `find_sources` is told.
    """
    return api.find_sources(
        folder / CUBE,
        SmoothAndClip(threshold=threshold),
        linker=Linker(radius_xy=1, radius_z=1, min_size_xy=3, min_size_z=3),
        reliability=Reliability(reliability),
        deblending=Deblending() if deblend else None,
        out=folder / name,
        **more,
    )


def _shape(word: str) -> Shape:
    z, x, y = (int(part) for part in word.split(","))
    return z, x, y
