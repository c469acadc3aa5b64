"""The parts of a FITS file (its header-data units): what each holds and where its bytes lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from os import PathLike
from typing import BinaryIO, TypeAlias

from tessellar.errors import InputError
from tessellar.io.beams import BeamTable
from tessellar.io.cards import CARD, Cards
from tessellar.io.naming import shown

Name: TypeAlias = str | PathLike[str]  # of a file, for messages
BLOCK = 2880
LONGEST_HEADER = 20_000 * BLOCK
LARGEST_BEAM_TABLE = 64 << 20  # bytes
BITPIX = (8, 16, 32, 64, -32, -64)


@dataclass(frozen=True, slots=True)
class Hdu:
    """One header-data unit: its cards, and the bytes of its data in the file."""

    index: int
    cards: Cards
    offset: int
    size: int

    @property
    def name(self) -> str:
        """``EXTNAME``, or ``""``."""
        return self.cards.word("EXTNAME").upper()

    @property
    def packed(self) -> bool:
        """Whether it is an image that is stored tile-compressed in a table."""
        return self.cards.values.get("ZIMAGE") is True

    @property
    def table(self) -> bool:
        """Whether it is a table."""
        return not self.packed and self.cards.word("XTENSION").upper() in ("BINTABLE", "A3DTABLE", "TABLE")

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of the image's axes, FITS axis 1 first; empty where it is no image or holds nothing."""
        if self.table or self.cards.word("XTENSION").upper() not in ("", "IMAGE", "BINTABLE"):
            return ()
        lengths = axis_lengths(self.cards, "Z" if self.packed else "")
        return lengths if prod(lengths) > 0 else ()


def axis_lengths(cards: Cards, prefix: str = "") -> tuple[int, ...]:
    """Return ``NAXISn`` (or ``ZNAXISn``) in order."""
    count = max(0, min(999, cards.integer(f"{prefix}NAXIS")))
    return tuple(max(0, cards.integer(f"{prefix}NAXIS{n}")) for n in range(1, count + 1))


def scan(file: BinaryIO, size: int, path: Name) -> list[Hdu]:
    """Return the parts of a FITS file, reading headers only.

    Parameters
    ----------
    file
        The file, which can be sought in.
    size
        Its bytes.
    path
        Its name, for messages.

    Raises
    ------
    InputError
        If the first header is broken. A broken later one ends the list: what follows cannot be found.
    """
    parts: list[Hdu] = []
    position = 0
    while position < size:
        text = _header_text(file, position, first=not parts)
        if text is None:
            break
        cards = Cards.from_text(text)
        _check_first(path, cards, parts)
        offset = position + _padded(CARD * (text.count("\n") + 2))
        parts.append(Hdu(len(parts), cards, offset, _data_size(cards)))
        position = offset + _padded(parts[-1].size)
    if not parts:
        raise InputError(
            f"{shown(path)} is no FITS file, or a broken one: no header of it ends (there is no END card). "
            "Copy or write it again."
        )
    return parts


def check_complete(path: Name, part: Hdu, size: int) -> None:
    """Refuse a part that ends behind the end of its file.

    Raises
    ------
    InputError
        It does.
    """
    if part.offset + part.size > size:
        raise InputError(
            f"{shown(path)} is truncated: its header promises {part.offset + part.size} bytes, "
            f"the file has {size}. Copy or write it again."
        )


def beam_table(file: BinaryIO, parts: Sequence[Hdu]) -> BeamTable | None:
    """Return CASA's table of beams, or None."""
    table = next((part for part in parts if part.table and part.name == "BEAMS"), None)
    if table is None or table.size > LARGEST_BEAM_TABLE:
        return None
    file.seek(table.offset)
    return BeamTable.parse(table.cards.text, file.read(table.size))


def choose(path: Name, parts: Sequence[Hdu], extension: str | None, *, flat: bool = False) -> Hdu:
    """Return the part that holds the cube: the one asked for, else the first image of three axes or more.

    With ``flat`` an image of two axes does where there is no cube.

    Raises
    ------
    InputError
        If there is no such part, or nothing in the file is a cube; the message lists what there is.
    """
    if extension is not None:
        parts = [_named(path, parts, extension)]
    cubes = [part for part in parts if len(part.lengths) >= 3]
    if flat:
        cubes += [part for part in parts if len(part.lengths) == 2]
    if cubes:
        return cubes[0]
    raise InputError(
        f"{shown(path)} holds no cube: {_contents(parts)}. "
        "An image of three axes, two on the sky and one spectral, is needed."
    )


def _header_text(file: BinaryIO, position: int, first: bool) -> str | None:
    """Return the cards before END joined by newlines, or None where no header begins or it never ends."""
    file.seek(position)
    cards: list[str] = []
    while len(cards) * CARD < LONGEST_HEADER:
        block = file.read(BLOCK)
        if len(block) < CARD or (not cards and not block.startswith(b"SIMPLE" if first else b"XTENSION")):
            return None
        text = block.decode("latin-1")
        for start in range(0, len(text) - CARD + 1, CARD):
            card = text[start : start + CARD]
            if card.rstrip() == "END":
                return "\n".join(cards)
            cards.append(_printable(card))
    return None


def _printable(card: str) -> str:
    """Return a card in the characters that FITS allows; others (tabs, umlauts) become question marks."""
    return (
        card
        if card.isascii() and card.isprintable()
        else "".join(c if " " <= c <= "~" else "?" for c in card)
    )


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _data_size(cards: Cards) -> int:
    lengths = axis_lengths(cards)
    if cards.values.get("GROUPS") is True and lengths and lengths[0] == 0:
        lengths = lengths[1:]
    if not lengths:
        return 0
    groups = cards.integer("GCOUNT", 1)
    return abs(cards.integer("BITPIX", 8)) // 8 * groups * (cards.integer("PCOUNT") + prod(lengths))


def _check_first(path: Name, cards: Cards, before: Sequence[Hdu]) -> None:
    """Refuse a first header whose size of data cannot be known."""
    if before:
        return
    bits = cards.integer("BITPIX")
    if bits not in BITPIX or "NAXIS" not in cards.values:
        found = (
            f"BITPIX = {cards.values.get('BITPIX', 'absent')}, NAXIS = {cards.values.get('NAXIS', 'absent')}"
        )
        raise InputError(
            f"{shown(path)} has a broken FITS header ({found}); BITPIX must be one of "
            f"{', '.join(map(str, BITPIX))} and NAXIS the number of axes. Write the file again."
        )


def _named(path: Name, parts: Sequence[Hdu], extension: str) -> Hdu:
    wanted = extension.strip().upper()
    for part in parts:
        if wanted in (str(part.index), part.name):
            return part
    present = ", ".join(f"[{part.index}] {part.name or 'primary'}" for part in parts)
    raise InputError(f"{shown(path)} has no extension [{shown(extension)}]; it has {present}.")


def _contents(parts: Sequence[Hdu]) -> str:
    if any(part.cards.values.get("GROUPS") is True for part in parts):
        return "it holds visibilities (random groups)"
    flat = [part for part in parts if part.lengths]
    if flat:
        return f"it holds an image of {' x '.join(map(str, flat[0].lengths))} pixels without a spectral axis"
    tables = [part.name or f"[{part.index}]" for part in parts if part.table]
    if tables:
        return f"it holds tables only ({shown(', '.join(tables[:5]))})"
    return "it holds no data"
