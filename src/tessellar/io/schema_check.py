"""What keeps a Zarr store from being a valid xradio image: other programs would not find their way in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.io.files import Files
from tessellar.io.schema import DIMS, SCHEMA_VERSION, coordinates, meta_from_attributes
from tessellar.io.zarr_find import arrays_in

if TYPE_CHECKING:
    import zarr

_SAID_BY = {  # what coordinates must say of themselves
    "time": ("type", "units", "scale", "format"),
    "frequency": ("rest_frequency", "reference_frequency", "frame"),
}
_BEAM_DIMS = (*DIMS[:3], "beam_params_label")


def schema_faults(files: Files) -> list[str]:
    """Return what of a store is not as the xradio image schema 0.0.2 has it, in a few words each.

    Parameters
    ----------
    files
        Those of a Zarr store that can be read.
    """
    import zarr

    node = zarr.open(files.of_zarr(), mode="r", zarr_format=files.zarr_format)
    if isinstance(node, zarr.Array):
        return ["it is an array alone"]
    says = dict(node.attrs)
    try:
        arrays = arrays_in(files, node, _names(says))
    except Exception as error:  # whatever zarr meets in the metadata of an array that holds no voxels
        return [f"the metadata of an array cannot be read ({type(error).__name__})"]
    return [*_faults(says, arrays), *_disagreements(says, arrays)]


def _names(says: Mapping[str, Any]) -> list[str]:
    """Return the names of the arrays that an image says or must have."""
    groups = says.get("data_groups")
    base = groups.get("base") if isinstance(groups, dict) else None
    variables = base.values() if isinstance(base, dict) else ()
    return [*DIMS, *(name for name in variables if isinstance(name, str))]


def _faults(says: Mapping[str, Any], arrays: Mapping[str, zarr.Array[Any]]) -> Iterator[str]:
    for name, wanted in (("type", "image_dataset"), ("schema_version", SCHEMA_VERSION)):
        if says.get(name) != wanted:
            yield f"its {name} is {says.get(name)!r}, not {wanted!r}"
    for name in DIMS:
        yield from _coordinate_faults(name, arrays.get(name))
    groups = says.get("data_groups")
    base = groups.get("base") if isinstance(groups, dict) else None
    if not isinstance(base, dict) or not isinstance(base.get("sky"), str):
        yield "data_groups names no sky"
        return
    yield from _variable_faults(base["sky"], arrays, DIMS, "sky")
    beam = base.get("beam_fit_params_sky")
    if beam is not None:
        yield from _variable_faults(str(beam), arrays, _BEAM_DIMS, "beam_fit_params_sky")


def _disagreements(says: Mapping[str, Any], arrays: Mapping[str, zarr.Array[Any]]) -> Iterator[str]:
    """Yield the coordinates that were changed after Tessellar wrote them: it goes by the header that is kept."""
    meta = meta_from_attributes(dict(says))
    for name, wanted in ({} if meta is None else coordinates(meta)).items():
        array = arrays.get(name)
        if array is None or wanted.values.dtype.kind != "f":
            continue
        try:
            same = alike(np.asarray(array[...]), wanted.values)
        except Exception:  # whatever zarr meets in a damaged chunk
            same = False
        if not same:
            yield f"{name} is not that of the header, which Tessellar goes by"


def alike(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> bool:
    """Return whether numbers agree but for rounding."""
    if found.shape != wanted.shape:
        return False
    largest = float(np.nanmax(np.abs(wanted), initial=0.0))
    return bool(np.allclose(found, wanted, rtol=0.0, atol=1e-12 * largest, equal_nan=True))


def _coordinate_faults(name: str, array: zarr.Array[Any] | None) -> Iterator[str]:
    if array is None:
        yield f"there is no {name}"
        return
    if _dims(array) != (name,):
        yield f"the axes of {name} are {_words(_dims(array))}"
    for word in _SAID_BY.get(name, ()):
        if word not in array.attrs:
            yield f"{name} does not say its {word}"


def _variable_faults(
    name: str, arrays: Mapping[str, zarr.Array[Any]], dims: tuple[str, ...], kind: str
) -> Iterator[str]:
    array = arrays.get(name)
    if array is None:
        yield f"there is no {name}"
        return
    if _dims(array) != dims:
        yield f"the axes of {name} are {_words(_dims(array))}, not {_words(dims)}"
    if array.attrs.get("type") != kind:
        yield f"the type of {name} is {array.attrs.get('type')!r}, not {kind!r}"


def _dims(array: zarr.Array[Any]) -> tuple[str | None, ...]:
    return tuple(getattr(array.metadata, "dimension_names", None) or [None] * array.ndim)


def _words(dims: tuple[str | None, ...]) -> str:
    return "(" + ", ".join(name or "?" for name in dims) + ")"
