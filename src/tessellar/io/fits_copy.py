"""Copying a FITS image as it is, but for some cards of its header."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from tessellar.errors import InputError
from tessellar.io.cards import Value
from tessellar.io.hdus import BLOCK
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_file

if TYPE_CHECKING:
    from astropy.io.fits import Header

_PART_BYTES = 2**22


def copy_fits(source: Path, target: Path, cards: Mapping[str, Value] | None = None) -> None:
    """Copy a file of one image atomically.

    Parameters
    ----------
    source, target
        The files.
    cards
        Cards that the copy has instead of those of the same names, or in addition.

    Raises
    ------
    InputError
        The source is no FITS file.
    OutputError
        The target cannot be written.
    """
    with source.open("rb") as file:
        header = _header(source, file)
        header.update(cards or {})
        with atomic_file(target) as temporary, temporary.open("wb") as copy:
            copy.write(header.tostring().encode("ascii"))
            shutil.copyfileobj(file, copy)


def copy_mask(source: Path, target: Path, label: int) -> None:
    """Copy a mask of 0 and 1 (uint8) as an int32 image of 0 and a label, atomically.

    Raises
    ------
    InputError
        The source is no such mask.
    OutputError
        The target cannot be written.
    """
    with source.open("rb") as file:
        header = _header(source, file)
        if header.get("BITPIX") != 8:
            raise InputError(f"{shown(source)} is no mask of bytes. Run the find again.")
        left = prod(int(header[f"NAXIS{axis}"]) for axis in range(1, header["NAXIS"] + 1))
        header["BITPIX"] = 32
        with atomic_file(target) as temporary, temporary.open("wb") as copy:
            copy.write(header.tostring().encode("ascii"))
            while left > 0:
                part = np.frombuffer(file.read(min(left, _PART_BYTES)), np.uint8)
                if part.size == 0:
                    raise InputError(f"{shown(source)} is cut short. Run the find again.")
                copy.write((part.astype(">i4") * label).astype(">i4").data)
                left -= part.size
            copy.write(bytes(-copy.tell() % BLOCK))


def _header(source: Path, file: BinaryIO) -> Header:
    from astropy.io.fits import Header

    try:
        return Header.fromfile(file)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{shown(source)} is no FITS file ({error}). Run the find again.") from error


def card_of(source: Path, key: str) -> str:
    """Return the text of a card of a file, ``""`` where it has none.

    Raises
    ------
    InputError
        The file is no FITS file.
    """
    with source.open("rb") as file:
        return str(_header(source, file).get(key, "")).strip()
