"""From a cube and the recipe to the cube as it is searched, opened and checked before any voxel is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath

import numpy as np

from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.continuum import Continuum, ContinuumFreeSource
from tessellar.engine.precondition.cost import ReadCost
from tessellar.engine.precondition.flag_cube import FlagCubeSource
from tessellar.engine.precondition.flags import FlaggedSource, Flags
from tessellar.engine.precondition.inverted import InvertedSource
from tessellar.engine.precondition.local_noise import EvenSource, LocalNoise
from tessellar.engine.precondition.recipe import File, Preconditioning, box_of, range_words
from tessellar.engine.precondition.region import RegionSource
from tessellar.engine.precondition.ripple import Ripple, RippleFreeSource
from tessellar.engine.precondition.weighed import (
    GAIN,
    NOISE,
    WEIGHTS,
    Companion,
    WeighedSource,
    check_shape,
)
from tessellar.errors import InputError, UsageError
from tessellar.io.naming import short_name
from tessellar.io.open import open_source
from tessellar.io.positions import read_positions
from tessellar.io.wcs import pixel_position
from tessellar.kernels.nodes import Field
from tessellar.model import CubeMeta, IntArray, Source
from tessellar.tiling.box import Box, Shape

LOCAL_NOISE_BYTES = 20  # of a voxel of a piece of the local noise: read, decoded, weighed, and its bin
RIPPLE_BYTES = 32  # of a voxel of a piece of the background: read, decoded, and a window of it sorted


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A cube that was opened for a recipe.

    Attributes
    ----------
    whole
        The cube as it is stored.
    region
        The part of it that is searched.
    flags
        What somebody said is blank, in pixels of the region.
    unflagged
        The region with its sign, and without continuum once that is known.
    companions
        Its noise, weights and gain, as far as they are given.
    cost
        What reading it costs beyond the cube itself.
    local
        How its noise varies from place to place, once that is known.
    """

    whole: Source
    region: Box
    flags: Flags
    unflagged: Source
    companions: tuple[Companion, ...]
    cost: ReadCost
    local: Field | None = None

    @property
    def source(self) -> Source:
        """What is searched."""
        uneven = self._view(NOISE, WEIGHTS)
        return uneven if self.local is None else EvenSource(uneven, self.local)

    @property
    def measured(self) -> Source:
        """What fluxes are measured on, and what products show; blank where the other is."""
        return self._view(GAIN)

    @property
    def has_two_views(self) -> bool:
        """Whether fluxes are measured on something else than is searched."""
        return bool(self.companions)

    @property
    def unweighed(self) -> Source:
        """The region, flagged and in its own unit: what the continuum is fitted to."""
        return self._flagged(self.unflagged)

    def _view(self, *applied: str) -> Source:
        if self.companions:
            return self._flagged(WeighedSource(self.unflagged, self.companions, applied))
        return self.unweighed

    def _flagged(self, source: Source) -> Source:
        return FlaggedSource(source, self.flags) if self.flags else source

    def without(self, recipe: Continuum, partials: PartialStore) -> Prepared:
        """Return the cube without the continuum that was fitted to it as it is now."""
        fitted = self.unweighed.identity
        return replace(self, unflagged=ContinuumFreeSource(self.unflagged, recipe, fitted, partials))

    def without_ripple(self, recipe: Ripple, partials: PartialStore) -> Prepared:
        """Return the cube without the local background that was measured in it as it is now."""
        measured = self.unweighed.identity
        return replace(self, unflagged=RippleFreeSource(self.unflagged, recipe, measured, partials))

    def scaled_by(self, local: Field) -> Prepared:
        """Return the cube whose noise varies so from place to place: what is searched is divided by that."""
        return replace(self, local=local)

    def with_flags(self, channels: IntArray, pixels: IntArray) -> Prepared:
        """Return the cube with channels and pixels of the sky flagged in addition."""
        return replace(self, flags=replace(self.flags, channels=channels, pixels=pixels))


def prepare(source: Source, recipe: Preconditioning) -> Prepared:
    """Open a cube for a recipe; one that does nothing gives the cube itself.

    Raises
    ------
    UsageError
        A region is not inside the cube.
    InputError
        A file of the recipe cannot be used with this cube.
    """
    meta = source.meta
    region = _region(meta, recipe)
    cut: Source = source if recipe.region is None else RegionSource(source, region)
    companions = tuple(_companions(meta, region, recipe, recipe.companions))
    flag_cubes = tuple(_companions(meta, region, recipe, recipe.flag_cubes))
    for flag_cube in flag_cubes:
        cut = FlagCubeSource(cut, flag_cube)
    if recipe.invert:
        cut = InvertedSource(cut)
    z, x, y = region.start
    boxes = tuple(box.shift((-z, -x, -y)) for box in _flagged_boxes(meta, recipe))
    flags = Flags(boxes, _centres(cut.meta, recipe), recipe.flag_radius)
    cost = _cost(region.shape, recipe, companions, flag_cubes)
    return Prepared(source, region, flags, cut, companions, cost)


def _companions(
    meta: CubeMeta, region: Box, recipe: Preconditioning, files: Mapping[str, File | Source]
) -> Iterator[Companion]:
    """Yield the files that are read along, as far as they belong to the region."""
    for kind, given in files.items():
        source = open_source(given, flat=True) if isinstance(given, str | PathLike) else given
        check_shape(source.meta.name, kind, source.meta.shape, meta)
        if recipe.region is not None:
            map_of_it = Box((0, *region.start[1:]), (1, *region.stop[1:]))
            source = RegionSource(source, map_of_it if source.meta.shape[0] == 1 else region)
        yield Companion(kind, source)


def _cost(
    shape: Shape,
    recipe: Preconditioning,
    companions: tuple[Companion, ...],
    flag_cubes: tuple[Companion, ...],
) -> ReadCost:
    samples = (recipe.flag_auto != "off") + bool(companions)
    passes = (recipe.flag_auto in ("pixels", "true")) + (recipe.contsub_order >= 0)
    cost = ReadCost(sum(not one.is_map for one in companions + flag_cubes), samples, passes)
    ripple, local = ripple_of(recipe), local_noise_of(recipe)
    if ripple is not None:
        lattice = ripple.lattice(shape)
        cost = replace(cost, background=lattice.n_read, unit_bytes=RIPPLE_BYTES * lattice.most_read)
    if local is not None:
        lattice, views = local.lattice(shape), 1 + bool(companions)
        unit = max(cost.unit_bytes, LOCAL_NOISE_BYTES * lattice.most_read)
        cost = replace(cost, local_noise=views * lattice.n_read, unit_bytes=unit)
    return cost


def ripple_of(recipe: Preconditioning) -> Ripple | None:
    """Return how the local background is measured, None where it stays."""
    if recipe.ripple_filter == "off":
        return None
    return Ripple(
        recipe.ripple_filter,
        recipe.ripple_window_xy,
        recipe.ripple_window_z,
        recipe.ripple_grid_xy,
        recipe.ripple_grid_z,
        recipe.ripple_interpolate,
    )


def local_noise_of(recipe: Preconditioning) -> LocalNoise | None:
    """Return how local noise is measured, None where noise is a spectrum times a map."""
    if recipe.scale_noise != "local":
        return None
    return LocalNoise(
        recipe.scale_noise_window_xy,
        recipe.scale_noise_window_z,
        recipe.scale_noise_grid_xy,
        recipe.scale_noise_grid_z,
        recipe.scale_noise_interpolate,
    )


def _region(meta: CubeMeta, recipe: Preconditioning) -> Box:
    whole = Box.of_shape(meta.shape)
    if recipe.region is None:
        return whole
    region = box_of(recipe.region)
    if not whole.contains(region):
        raise UsageError(
            f"region {range_words(recipe.region)} reaches beyond {_extent(meta)}. Give pixels inside the cube."
        )
    return region


def _flagged_boxes(meta: CubeMeta, recipe: Preconditioning) -> Iterator[Box]:
    whole = Box.of_shape(meta.shape)
    for pixels in recipe.flag_region:
        box = box_of(pixels).clip(whole)
        if box.empty:
            raise UsageError(
                f"flag_region {range_words(pixels)} lies outside {_extent(meta)}. Give pixels inside the cube."
            )
        yield box


def _centres(meta: CubeMeta, recipe: Preconditioning) -> IntArray:
    """Return the pixels that the positions of the catalogue lie in, if their discs touch the cube."""
    nothing = np.empty((0, 2), np.int64)
    if recipe.flag_catalog is None:
        return nothing
    positions = read_positions(fspath(recipe.flag_catalog))
    if not meta.wcs_header:
        raise InputError(
            f"{meta.name} has no sky coordinates, so the positions of {short_name(recipe.flag_catalog)} cannot be "
            "placed in it. Flag pixels by flag_region instead."
        )
    places = np.rint(pixel_position(meta, positions[:, 0], positions[:, 1]))
    low, high = -recipe.flag_radius, np.array(meta.shape[1:]) + recipe.flag_radius
    near = ((places >= low) & (places < high)).all(axis=1)
    return np.unique(places[near].astype(np.int64), axis=0) if near.any() else nothing


def _extent(meta: CubeMeta) -> str:
    z, x, y = meta.shape
    return f"{meta.name}, whose pixels are 0,{x - 1},0,{y - 1},0,{z - 1}"
