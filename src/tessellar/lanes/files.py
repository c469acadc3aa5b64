"""Reading from a file in compiled code: many short reads without the interpreter's lock between them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils

from tessellar.compiled import compiled_part
from tessellar.lanes.registers import instruction

_WORD, _OCTETS = ir.IntType(64), ir.IntType(8).as_pointer()


@instruction
def _pread(_typing: Any, file: Any, room: Any, skipped: Any, size: Any, offset: Any) -> Any:
    """Return what the system's ``pread`` returns, of an array whose first bytes are skipped."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        words = [context.cast(builder, given[n], signature.args[n], types.int64) for n in (0, 2, 3, 4)]
        array = context.make_array(room)(context, builder, given[1])
        target = builder.gep(builder.bitcast(array.data, _OCTETS), [words[1]])
        kind = ir.FunctionType(_WORD, [ir.IntType(32), _OCTETS, _WORD, _WORD])
        call = cgutils.get_or_insert_function(builder.module, kind, "pread")
        descriptor = builder.trunc(words[0], ir.IntType(32))
        return builder.call(call, [descriptor, target, words[2], words[3]])

    right = isinstance(room, types.Array) and room.layout == "C"
    return (types.int64(file, room, skipped, size, offset), code) if right else None


@compiled_part
def filled(file: int, room: npt.NDArray[Any], size: int, offset: int) -> bool:
    """Read as many bytes into an array; return whether that went well, or why not is to be asked in Python.

    Parameters
    ----------
    file
        Descriptor of an open file.
    room
        C-order array, whose first bytes are overwritten.
    size, offset
        How many, and where they begin in the file.
    """
    done = 0
    while done < size:
        got = _pread(file, room, done, size - done, offset + done)
        if got <= 0:
            return False
        done += got
    return True
