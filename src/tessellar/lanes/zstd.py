"""Frames of Zstandard decoded in compiled code, by the library that numcodecs brings along.

It is asked by the names of its documented interface (``zstd.h``), which compiled code finds once they are known here.
"""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from tessellar.lanes.registers import instruction

_WORD, _OCTETS = ir.IntType(64), ir.IntType(8).as_pointer()
_DECOMPRESS = "ZSTD_decompressDCtx"


class _Decoder:
    """What decodes: to make one for every chunk takes a fifth of the time that 64 KiB of noise do."""

    def __init__(self, library: Any) -> None:
        self.context = int(library.ZSTD_createDCtx() or 0)
        self._free = library.ZSTD_freeDCtx

    def __del__(self) -> None:
        self._free(self.context)


_HERE = threading.local()


def context_of_thread() -> int:
    """Return what `decompressed` is given in this thread; 0 where the library cannot be asked."""
    library = _library()
    if library is None:
        return 0
    if not hasattr(_HERE, "decoder"):
        _HERE.decoder = _Decoder(library)
    return int(_HERE.decoder.context)


@instruction
def decompressed(_typing: Any, context: Any, voxels: Any, packed: Any, size: Any) -> Any:
    """Decode a frame, the first ``size`` bytes of an array, into an array; return how many bytes it has.

    Where that is not the size of the array, the frame is damaged or another one.
    """

    def code(context_of: Any, builder: Any, signature: Any, given: Any) -> Any:
        target, source = (
            context_of.make_array(kind)(context_of, builder, value)
            for kind, value in zip(signature.args[1:3], given[1:3], strict=True)
        )
        capacity = builder.mul(target.nitems, target.itemsize)
        length = context_of.cast(builder, given[3], signature.args[3], types.int64)
        kind = ir.FunctionType(_WORD, [_OCTETS, _OCTETS, _WORD, _OCTETS, _WORD])
        call = cgutils.get_or_insert_function(builder.module, kind, _DECOMPRESS)
        pointers = [
            builder.inttoptr(given[0], _OCTETS),
            *(builder.bitcast(array.data, _OCTETS) for array in (target, source)),
        ]
        return builder.call(call, [pointers[0], pointers[1], capacity, pointers[2], length])

    right = all(isinstance(array, types.Array) and array.layout == "C" for array in (voxels, packed))
    right = right and context == types.int64
    return (types.int64(context, voxels, packed, size), code) if right else None


@cache
def _library() -> Any:
    """Return the library, with its names made known to compiled code; None where it has none."""
    from numcodecs import zstd

    try:
        library = ctypes.CDLL(zstd.__file__)
        library.ZSTD_createDCtx.restype = ctypes.c_void_p
        library.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
        address = ctypes.cast(getattr(library, _DECOMPRESS), ctypes.c_void_p).value
    except (OSError, AttributeError):
        return None
    binding.add_symbol(_DECOMPRESS, address)
    return library
