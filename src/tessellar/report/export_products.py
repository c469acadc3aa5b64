"""The mask, the maps and other files of a run, copied into an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tessellar.errors import InputError, OutputError
from tessellar.io.cards import Value
from tessellar.io.fits_copy import copy_fits
from tessellar.io.mask_fits import write_mask_fits
from tessellar.io.naming import shown
from tessellar.report.export import Export

CardsOf = Callable[[Path], Mapping[str, Value]]
"""Returns the cards that the copy of a file has instead of its own."""


def export_mask(export: Export) -> None:
    """Write the mask as one cube of labels; a run without one is told."""
    store = export.run.path / "mask.zarr"
    if not store.is_dir():
        export.observer.say(
            "The run has no mask.zarr, so the export has none (it was found with --no-mask, or that was removed)."
        )
        return
    tell = export.teller("mask", 1)
    try:
        export.once(export.path("mask.fits"), lambda path: write_mask_fits(store, path, tell))
    finally:
        export.observer.end("mask")


def export_maps(export: Export, names: Sequence[str], cards_of: CardsOf = lambda _: {}) -> None:
    """Copy maps of the whole field; a run without them is told."""
    folder = export.run.path / "maps"
    if not folder.is_dir():
        export.observer.say(
            "The run has no maps, so the export has none (it was found with --no-maps, or they were removed)."
        )
        return
    for name in export.each("maps", names):
        copy_image(export, folder / f"{name}.fits", export.path(f"{name}.fits"), cards_of)


def copy_image(export: Export, source: Path, target: Path, cards_of: CardsOf = lambda _: {}) -> None:
    """Copy an image of the run once, with other cards where they are given."""
    copy_product(export, source, target, lambda old, new: copy_fits(old, new, cards_of(old)))


def copy_product(export: Export, source: Path, target: Path, copy: Callable[[Path, Path], None]) -> None:
    """Copy a product of the run once.

    Raises
    ------
    InputError
        It is not there, or cannot be read.
    """
    try:
        export.once(target, lambda path: copy(source, path))
    except FileNotFoundError as error:
        raise InputError(f"{shown(source)} is missing. Run the find again.") from error
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise InputError(
            f"{shown(source)} cannot be read ({error.strerror or error}). Run the find again."
        ) from error
