"""The recipe for what is done to a cube before it is searched, in SoFiA's words; by default nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeAlias

from tessellar.errors import UsageError
from tessellar.model import Source
from tessellar.tiling.box import Box

Range: TypeAlias = tuple[int, int, int, int, int, int]
"""First and last pixel along x, y and z, both inside: ``x0, x1, y0, y1, z0, z1``, counted from 0."""

WIDEST = 301  # voxels of a window that moves
RIPPLE = ("off", "mean", "median")
SCALE_NOISE = ("product", "local")
AUTO = ("off", "channels", "pixels", "true")

File: TypeAlias = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Preconditioning:
    """What is done to a cube before it is searched.

    All positions are pixels of the whole cube, counted from 0; x is along l, y along m, z is the channel.

    Parameters
    ----------
    region
        The part of the cube that is searched, ``(x0, x1, y0, y1, z0, z1)``, both ends inside; None for all of it.
        Positions in the catalogue stay those in the whole cube.
    flag_region
        Parts that are blanked: such a range, or several, as tuples or all numbers in one row.
    flag_catalog
        A text file with longitude and latitude in its first two columns, degrees in the cube's own sky system;
        a disc around each is blanked in all channels.
    flag_radius
        Radius of these discs in pixels; 0 blanks the pixel alone.
    flag_cube
        A FITS or Zarr cube, or a map for all channels; voxels where it is neither 0 nor blank are blanked.
    flag_auto
        What is flagged for its noise: ``"off"``, ``"channels"``, ``"pixels"`` of the sky, or ``"true"`` for both.
    flag_threshold
        How far the noise of a channel or a pixel may be from their median, in units of its spread.
    contsub_order
        -1 to leave the continuum, 0 to subtract a constant from every spectrum, 1 a straight line, fitted to the
        channels without lines; fluxes are measured without it too.
    contsub_threshold, contsub_shift, contsub_padding
        Channels that differ from those ``shift`` channels away by more than ``threshold`` times the noise take no
        part in the fit, nor do ``padding`` channels to either side.
    ripple_filter
        ``"off"``, or the statistic of the local background that is subtracted: ``"mean"`` or ``"median"``.
    ripple_window_xy, ripple_window_z, ripple_grid_xy, ripple_grid_z, ripple_interpolate
        As for `tessellar.engine.precondition.ripple.Ripple`.
    scale_noise
        ``"product"`` where the noise is a spectrum times a map of the sky, ``"local"`` where it is measured in
        addition in a window that moves through the cube: the search looks at the cube divided by it, and errors know
        it.
    scale_noise_window_xy, scale_noise_window_z, scale_noise_grid_xy, scale_noise_grid_z, scale_noise_interpolate
        As for `tessellar.engine.precondition.local_noise.LocalNoise`.
    gain
        A FITS or Zarr cube, or a map for all channels, by which the sky was multiplied; fluxes are measured on the
        cube divided by it, and the search does not use it.
    noise, weights
        The noise of every voxel, and its weight (one over the noise squared, up to a factor): the search looks at
        the cube divided by the one and multiplied by the root of the other; fluxes are measured without them.
    invert
        Whether to change the sign of the cube, to search for absorption.

    Raises
    ------
    UsageError
        When a value is out of range; all problems are listed.
    """

    region: Range | None = None
    flag_region: tuple[Range, ...] = ()
    flag_catalog: File | None = None
    flag_radius: int = 5
    flag_cube: File | Source | None = None
    flag_auto: str = "off"
    flag_threshold: float = 5.0
    contsub_order: int = -1
    contsub_threshold: float = 2.0
    contsub_shift: int = 4
    contsub_padding: int = 3
    ripple_filter: str = "off"
    ripple_window_xy: int = 31
    ripple_window_z: int = 15
    ripple_grid_xy: int = 0
    ripple_grid_z: int = 0
    ripple_interpolate: bool = False
    scale_noise: str = "product"
    scale_noise_window_xy: int = 25
    scale_noise_window_z: int = 15
    scale_noise_grid_xy: int = 0
    scale_noise_grid_z: int = 0
    scale_noise_interpolate: bool = False
    gain: File | Source | None = None
    noise: File | Source | None = None
    weights: File | Source | None = None
    invert: bool = False

    def __post_init__(self) -> None:
        problems: list[str] = []
        regions = list(_ranges("region", () if self.region is None else self.region, problems))
        flagged = list(_ranges("flag_region", self.flag_region, problems))
        if len(regions) > 1:
            problems.append(f"region holds {len(regions)} ranges; one is searched")
        if self.flag_radius < 0:
            problems.append(f"flag_radius is {self.flag_radius}; it must be 0 or more pixels")
        if self.flag_auto not in AUTO:
            problems.append(f"flag_auto is {self.flag_auto!r}; it must be one of {', '.join(AUTO)}")
        if not 0 < self.flag_threshold < inf:
            problems.append(f"flag_threshold is {self.flag_threshold:g}; it must be positive")
        problems += [*self._continuum_problems(), *self._window_problems()]
        if problems:
            raise UsageError("; ".join(problems) + ".")
        object.__setattr__(self, "region", regions[0] if regions else None)
        object.__setattr__(self, "flag_region", tuple(flagged))
        object.__setattr__(self, "flag_threshold", float(self.flag_threshold))
        object.__setattr__(self, "contsub_threshold", float(self.contsub_threshold))

    def _continuum_problems(self) -> Iterator[str]:
        if self.contsub_order not in (-1, 0, 1):
            yield f"contsub_order is {self.contsub_order}; it must be -1 (off), 0 or 1"
        if not 0 < self.contsub_threshold < inf:
            yield f"contsub_threshold is {self.contsub_threshold:g}; it must be positive"
        if self.contsub_shift < 1:
            yield f"contsub_shift is {self.contsub_shift}; it must be 1 channel or more"
        if self.contsub_padding < 0:
            yield f"contsub_padding is {self.contsub_padding}; it must be 0 or more channels"

    def _window_problems(self) -> Iterator[str]:
        if self.ripple_filter not in RIPPLE:
            yield f"ripple_filter is {self.ripple_filter!r}; it must be one of {', '.join(RIPPLE)}"
        if self.scale_noise not in SCALE_NOISE:
            yield f"scale_noise is {self.scale_noise!r}; it must be one of {', '.join(SCALE_NOISE)}"
        for kind in ("ripple", "scale_noise"):
            for name, least in (("window_xy", 1), ("window_z", 1), ("grid_xy", 0), ("grid_z", 0)):
                value = getattr(self, f"{kind}_{name}")
                if not least <= value <= WIDEST:
                    yield f"{kind}_{name} is {value}; it must lie between {least} and {WIDEST}"

    @property
    def does_nothing(self) -> bool:
        """Whether the cube is searched and measured as it is."""
        return self == Preconditioning()

    def settings(self) -> dict[str, Any]:
        """Return every parameter by the name of the command line's option; files by their whole path."""
        return self._values(lambda file: str(Path(fspath(file)).absolute()))

    @property
    def companions(self) -> dict[str, File | Source]:
        """The files or cubes that are read along, by what they tell."""
        given = {"noise": self.noise, "weights": self.weights, "gain": self.gain}
        return {kind: one for kind, one in given.items() if one is not None}

    @property
    def flag_cubes(self) -> dict[str, File | Source]:
        """The file or cube that flags voxels, by what it tells."""
        return {} if self.flag_cube is None else {"flags": self.flag_cube}

    def provenance(self) -> dict[str, Any]:
        """Return what differs from doing nothing; files by their name alone."""
        nothing = Preconditioning()._values(str)
        values = self._values(lambda file: Path(fspath(file)).name)
        return {name: value for name, value in values.items() if value != nothing[name]}

    def _values(self, named: Callable[[File], str]) -> dict[str, Any]:
        def name_of(file: File | Source | None) -> str:
            if file is None:
                return "off"
            return named(file) if isinstance(file, str | PathLike) else file.meta.name

        return {
            "region": list(self.region) if self.region else "off",
            "flag_region": [n for one in self.flag_region for n in one] or "off",
            "flag_catalog": name_of(self.flag_catalog),
            "flag_radius": self.flag_radius,
            "flag_cube": name_of(self.flag_cube),
            "flag_auto": self.flag_auto,
            "flag_threshold": self.flag_threshold,
            "contsub_order": self.contsub_order,
            "contsub_threshold": self.contsub_threshold,
            "contsub_shift": self.contsub_shift,
            "contsub_padding": self.contsub_padding,
            "ripple_filter": self.ripple_filter,
            "ripple_window_xy": self.ripple_window_xy,
            "ripple_window_z": self.ripple_window_z,
            "ripple_grid_xy": self.ripple_grid_xy,
            "ripple_grid_z": self.ripple_grid_z,
            "ripple_interpolate": self.ripple_interpolate,
            "scale_noise": self.scale_noise,
            "scale_noise_window_xy": self.scale_noise_window_xy,
            "scale_noise_window_z": self.scale_noise_window_z,
            "scale_noise_grid_xy": self.scale_noise_grid_xy,
            "scale_noise_grid_z": self.scale_noise_grid_z,
            "scale_noise_interpolate": self.scale_noise_interpolate,
            "gain": name_of(self.gain),
            "noise": name_of(self.noise),
            "weights": name_of(self.weights),
            "invert": self.invert,
        }


def box_of(pixels: Range) -> Box:
    """Return a range of pixels as a box of the cube."""
    x0, x1, y0, y1, z0, z1 = pixels
    return Box((z0, x0, y0), (z1 + 1, x1 + 1, y1 + 1))


def range_words(pixels: Range) -> str:
    """Return a range as it is given."""
    return ",".join(map(str, pixels))


def _ranges(name: str, value: Iterable[Any], problems: list[str]) -> Iterator[Range]:
    """Yield the ranges of a parameter, given one by one or all in one row, and note what is wrong with them."""
    row = [int(n) for one in value for n in (one if isinstance(one, Iterable) else (one,))]
    if len(row) % 6:
        problems.append(f"{name} holds {len(row)} numbers; six make a range: x0,x1,y0,y1,z0,z1")
        return
    for first in range(0, len(row), 6):
        x0, x1, y0, y1, z0, z1 = row[first : first + 6]
        if not (0 <= x0 <= x1 and 0 <= y0 <= y1 and 0 <= z0 <= z1):
            problems.append(
                f"{name} {range_words((x0, x1, y0, y1, z0, z1))} is not x0,x1,y0,y1,z0,z1 "
                "with 0 <= first <= last"
            )
        yield x0, x1, y0, y1, z0, z1
