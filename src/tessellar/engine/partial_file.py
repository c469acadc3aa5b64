"""One file of partial results: the small arrays that a run of units gave back, with a hash for each unit.

A file is a header, three tables (a text with names and types, the units, their arrays) and then the arrays'
bytes, uncompressed. The header holds a digest of the tables, and the tables a hash of every unit: so a torn,
truncated or foreign file is never taken for a result, and one unit is read with one seek.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
import numpy.typing as npt

from tessellar.errors import OutputError
from tessellar.model import Payload

_MAGIC = b"TSLPART2"
_HEADER = struct.Struct("<8sQQQ16s")  # magic, bytes of text, units, arrays, digest of the tables
_MAX_AXES = 8
_UNITS = np.dtype([(name, "<i8") for name in ("unit", "begin", "size", "first", "count")] + [("hash", "<u8")])
_ARRAYS = np.dtype(
    [("name", "<u4"), ("type", "<u4"), ("begin", "<i8"), ("axes", "<i8"), ("shape", "<i8", (_MAX_AXES,))]
)
_ALIGNMENT = 16
EARLY = (
    "early_"  # how the names of arrays begin that may come with a result or later, which makes no difference
)


class PartialWriter:
    """Collects the payloads of one lease, in ascending order of units, and packs them into one file.

    Parameters
    ----------
    stage, fingerprint
        What the units belong to; stored, and compared when the file is read.
    """

    def __init__(self, stage: str, fingerprint: str) -> None:
        self._owner = {"stage": stage, "fingerprint": fingerprint}
        self._names: dict[str, int] = {}
        self._types: dict[str, int] = {}
        self._units: list[tuple[int, int, int, int, int, int]] = []
        self._arrays: list[tuple[int, int, int, int, tuple[int, ...]]] = []
        self._blocks: list[bytes] = []
        self._identities: list[int] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self._units)

    def add(self, unit: int, payload: Payload) -> None:
        """Take a copy of what a unit gave back.

        Raises
        ------
        TypeError
            An array holds Python objects, or has more than eight axes.
        """
        arrays = {name: np.asarray(payload[name], order="C") for name in sorted(payload)}
        for name, array in arrays.items():
            if array.dtype.hasobject or array.ndim > _MAX_AXES:
                raise TypeError(
                    f"partial result '{name}' is {array.dtype} with {array.ndim} axes: cannot be stored"
                )
        first, block = len(self._arrays), bytearray()
        for name, array in arrays.items():
            self._arrays.append(self._entry(name, array, len(block)))
            block += array.tobytes()
            block += bytes(-len(block) % _ALIGNMENT)
        content = _content_hash(arrays, block)
        self._units.append((unit, self.size, len(block), first, len(arrays), content))
        self._identities.append(_identity(arrays))
        self._blocks.append(bytes(block))
        self.size += len(block)

    def hashes(self) -> bytes:
        """Return what tells the results of the units from others, 8 bytes each."""
        return np.array(self._identities, "<u8").tobytes()

    def pack(self) -> tuple[bytes, str]:
        """Return the bytes of the file, and the digest that stands for all of its content."""
        text = json.dumps({**self._owner, "names": list(self._names), "types": list(self._types)}).encode()
        units, arrays = np.array(self._units, _UNITS), np.array(self._arrays, _ARRAYS)
        tables = text + units.tobytes() + arrays.tobytes()
        digest = _digest(tables)
        header = _HEADER.pack(_MAGIC, len(text), len(units), len(arrays), digest)
        return b"".join([header, tables, *self._blocks]), digest.hex()

    def _entry(
        self, name: str, array: npt.NDArray[Any], begin: int
    ) -> tuple[int, int, int, int, tuple[int, ...]]:
        kind = json.dumps(np.lib.format.dtype_to_descr(array.dtype))
        shape = array.shape + (0,) * (_MAX_AXES - array.ndim)
        number = self._names.setdefault(name, len(self._names))
        return (number, self._types.setdefault(kind, len(self._types)), begin, array.ndim, shape)


class PartialFile:
    """A written file of partial results; it holds the tables, and reads arrays when asked.

    Raises
    ------
    OutputError
        The file is missing, torn, or not a file of partial results.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                self._read_tables(file)
                self._check(self._data_begin + self._data_size == os.fstat(file.fileno()).st_size, "is torn")
        except (OSError, ValueError, struct.error) as error:
            if isinstance(error, OutputError):
                raise
            raise self._damage(f"cannot be read ({error})") from error

    def payload(self, unit: int) -> Payload:
        """Return what one unit gave back, as arrays of its own.

        Raises
        ------
        KeyError
            The file does not hold the unit.
        """
        row = int(np.searchsorted(self.units, unit))
        if row == len(self.units) or self.units[row] != unit:
            raise KeyError(unit)
        with self._path.open("rb") as file:
            return self._read(file, row)

    def stream(self, first: int, stop: int) -> Iterator[tuple[int, Payload]]:
        """Yield the units in ``[first, stop)`` with what they gave back, ascending."""
        begin, end = np.searchsorted(self.units, [first, stop])
        with self._path.open("rb") as file:
            for row in range(begin, end):
                yield int(self.units[row]), self._read(file, row)

    def holds(self, units: Collection[int]) -> bool:
        """Return whether all these units are in the file."""
        return bool(np.isin(list(units), self.units).all())

    def verify(self) -> None:
        """Read everything once and compare it with the hashes."""
        with self._path.open("rb") as file:
            for row in range(len(self.units)):
                self._read(file, row)

    def _read_tables(self, file: BinaryIO) -> None:
        magic, text_size, n_units, n_arrays, digest = _HEADER.unpack(file.read(_HEADER.size))
        self._check(magic == _MAGIC, "is not a file of partial results")
        sizes = (text_size, n_units * _UNITS.itemsize, n_arrays * _ARRAYS.itemsize)
        tables = file.read(min(sum(sizes), os.fstat(file.fileno()).st_size))
        self._check(_digest(tables) == digest, "is torn")
        text = json.loads(tables[:text_size])
        self.stage, self.fingerprint, self.digest = text["stage"], text["fingerprint"], digest.hex()
        self._names: list[str] = text["names"]
        self._types = [np.lib.format.descr_to_dtype(_descr(json.loads(kind))) for kind in text["types"]]
        self._rows = np.frombuffer(tables, _UNITS, n_units, text_size)
        self._arrays = np.frombuffer(tables, _ARRAYS, n_arrays, text_size + sizes[1])
        self.units: npt.NDArray[np.int64] = self._rows["unit"].astype(np.int64)
        self._data_begin = _HEADER.size + sum(sizes)
        self._data_size = int(self._rows["size"].sum())

    def _read(self, file: BinaryIO, row: int) -> Payload:
        entry = self._rows[row]
        block = np.empty(int(entry["size"]), np.uint8)
        file.seek(self._data_begin + int(entry["begin"]))
        self._check(file.readinto(block.data) == block.size, "is torn")  # type: ignore[attr-defined]
        first = int(entry["first"])
        arrays = dict(self._array(block, at) for at in range(first, first + int(entry["count"])))
        self._check(
            _content_hash(arrays, block.data) == int(entry["hash"]), f"is damaged (unit {entry['unit']})"
        )
        return arrays

    def _array(self, block: npt.NDArray[np.uint8], at: int) -> tuple[str, npt.NDArray[Any]]:
        entry = self._arrays[at]
        dtype = self._types[entry["type"]]
        shape = tuple(int(n) for n in entry["shape"][: entry["axes"]])
        array: npt.NDArray[Any] = np.ndarray(shape, dtype, block, int(entry["begin"]))
        return self._names[entry["name"]], array

    def _check(self, sound: bool, complaint: str) -> None:
        if not sound:
            raise self._damage(complaint)

    def _damage(self, complaint: str) -> OutputError:
        return OutputError(f"{self._path} {complaint}. Repeat the command: what it held is computed again.")


def _content_hash(arrays: Payload, block: bytes | bytearray | memoryview) -> int:
    """Return checksums of what arrays are and of what they hold: the driver reads results more than once."""
    said = "".join(f"{name}|{array.dtype.str}|{array.shape}|" for name, array in arrays.items())
    return crc32(said.encode()) << 32 | crc32(block)


def _identity(arrays: Payload) -> int:
    """Return the checksums of what every worker finds; what one kind of device adds early is left out."""
    found = {name: array for name, array in arrays.items() if not name.startswith(EARLY)}
    sums = 0
    for array in found.values():
        sums = crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, sums)
    return _content_hash(found, b"") | sums


def _digest(tables: bytes) -> bytes:
    return hashlib.blake2b(tables, digest_size=16).digest()


def _descr(stored: Any) -> Any:
    """Return a type's description as numpy wrote it: JSON made lists of the tuples that its fields are."""
    if isinstance(stored, str):
        return stored
    return [(_title(name), _descr(kind), *map(tuple, shape)) for name, kind, *shape in stored]


def _title(name: Any) -> Any:
    return name if isinstance(name, str) else tuple(name)
