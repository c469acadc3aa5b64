"""What a verb is asked for in Python: kernels of its kind, tiles of three axes, cubes that are cubes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sized
from operator import index
from typing import TYPE_CHECKING, Any

from tessellar.errors import UsageError

if TYPE_CHECKING:
    import xarray
    from typing_extensions import TypeIs

    from tessellar.tiling.box import Shape

FINDER, DENOISER, SEPARATION = "finder", "denoiser", "separation of foregrounds"
_VERBS = {
    FINDER: "find_sources and plan",
    DENOISER: "denoise and plan_denoising",
    SEPARATION: "separate_foregrounds and plan_foregrounds",
}
_MARKS: Mapping[str, Callable[[Any], bool]] = {
    FINDER: lambda kernel: hasattr(kernel, "fixed_bytes") and not hasattr(kernel, "outputs"),
    DENOISER: lambda kernel: hasattr(kernel, "outputs"),
    SEPARATION: lambda kernel: hasattr(kernel, "map_modes"),
}


def check_kernel(kernel: object, wanted: str) -> None:
    """Refuse a kernel of another kind; None stands for the verb's own.

    Parameters
    ----------
    kernel
        What was given.
    wanted
        `FINDER`, `DENOISER` or `SEPARATION`.

    Raises
    ------
    UsageError
        It is something else; the message says what it is for.
    """
    if kernel is None or (not isinstance(kernel, type) and _MARKS[wanted](kernel)):
        return
    if isinstance(kernel, type):
        raise UsageError(f"{kernel.__name__} is a class. Give a kernel made of it: {kernel.__name__}().")
    kind = next((kind for kind, fits in _MARKS.items() if fits(kernel)), None)
    given = f"{kernel!r} is a {kind}, for {_VERBS[kind]}" if kind else f"{kernel!r} is no kernel"
    raise UsageError(f"{given}; {_VERBS[wanted]} take a {wanted}.")


def whole_tile(tile: Shape | None) -> Shape | None:
    """Return a tile of three whole numbers of voxels, numpy's as Python's.

    Raises
    ------
    UsageError
        It is not.
    """
    if tile is None:
        return None
    if isinstance(tile, str) or not isinstance(tile, Sized) or len(tile) != 3:
        raise UsageError(
            f"tile is {tile!r}; needed are three numbers of voxels, (frequency, l, m): (64, 256, 256)."
        )
    if not all(hasattr(size, "__index__") for size in tile):
        raise UsageError(f"tile is {tile!r}; numbers of voxels are whole.")
    z, x, y = map(index, tile)
    return z, x, y


def check_recipe(name: str, given: object, kind: type, example: str) -> None:
    """Refuse what is no recipe of its kind; None stands for none.

    Parameters
    ----------
    name
        Of the argument.
    given, kind
        What was given, and what is needed.
    example
        What somebody may have meant.

    Raises
    ------
    UsageError
        It is something else.
    """
    if given is not None and not isinstance(given, kind):
        raise UsageError(f"{name} is {given!r}; needed is a {kind.__name__}, such as {example}, or None.")


def no_cube(given: object) -> UsageError:
    """Return the error of something that is no cube."""
    name = type(given).__name__
    return UsageError(
        f"A cube was asked for, and a {name} was given. Give the path of a FITS file or a Zarr image, an address, an "
        "xarray Dataset, or a cube that is opened."
    )


def is_of_xarray(given: object) -> TypeIs[xarray.Dataset | xarray.DataArray]:
    """Return whether something is a Dataset or a DataArray; nothing is, where nobody has loaded xarray."""
    library = sys.modules.get("xarray")
    return library is not None and isinstance(given, library.Dataset | library.DataArray)
