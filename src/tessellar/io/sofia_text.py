"""The text files of SoFiA 2: its catalogue and its spectra, columns under their numbers, names and units."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.io.publish import write_text

if TYPE_CHECKING:
    from astropy.table import Table

_SPECTRUM_WIDTHS = (10, 25, 17, 10)
_ABOUT = """\
The layout is that of SoFiA 2, line by line, for programs that
count lines.  Unlike there, every number has all its digits,
so this file and the XML catalogue beside it hold the same
values.  The names of the sources begin with TSL.  The column
id is the running number that names the cubelets and labels
the mask; tsl_id is the number that Tessellar gave the source,
which depends on the place of the source in the cube alone."""
_ABOUT_SPECTRUM = """\
chan   Channel of the cube, counted from 0.
freq, v_rad, v_opt or v_app
       Its centre, as the cube's axis has it.
f_sum  Flux density: the sum over the pixels of the mask in
       that channel, divided by the solid angle of the beam
       where the unit is Jy.
n_pix  Number of these pixels.

The layout is that of SoFiA 2, line by line, for programs that
count lines."""
_LINES_ABOUT_SPECTRUM = 34  # of SoFiA's own
_HEADER_ROWS = "Header rows:\n  1 = column number\n  2 = parameter name\n  3 = parameter unit\n"


def write_sofia_catalogue(table: Table, path: Path, creator: str) -> None:
    """Write a table of plain columns as SoFiA's text catalogue, numbers with all their digits, atomically.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    columns = [
        [str(number), name, sofia_unit(table[name].unit), *map(_cell, table[name].tolist())]
        for number, name in enumerate(table.colnames, start=1)
    ]
    widths = [max(map(len, column), default=0) + 3 for column in columns]
    heads = [_row([column[line] for column in columns], widths) for line in range(3)]
    rows = [_row([column[line] for column in columns], widths) for line in range(3, 3 + len(table))]
    opening = _comment(f"SoFiA source catalogue\nCreator: {creator}\nTime:\n\n{_ABOUT}\n\n{_HEADER_ROWS}")
    lines = [*opening, *(f"#{head[1:]}" for head in heads), "", *rows, ""]
    write_text(path, "\n".join(lines))


def write_sofia_spectrum(source: Path, path: Path, creator: str) -> None:
    """Write one of our spectra as SoFiA's, which have four columns and not its noise, atomically.

    Raises
    ------
    InputError
        The source is none of our spectra.
    OutputError
        The file cannot be written.
    """
    try:
        title, names, units, *rows = source.read_text(encoding="utf-8").splitlines()
        count = len(_SPECTRUM_WIDTHS)
        three = [range(1, count + 1), names[1:].split()[:count], units[1:].split()[:count]]
        heads = [f"#{_row(row, _SPECTRUM_WIDTHS)[1:]}" for row in three]
        cells = [_row(row.split()[:count], _SPECTRUM_WIDTHS) for row in rows]
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(source)} is no spectrum ({error}). Run the find again.") from error
    about = f"Source: {title.removeprefix('# ')}\n\n{_ABOUT_SPECTRUM}".split("\n")
    about += [""] * (_LINES_ABOUT_SPECTRUM - len(about))
    opening = ["Integrated source spectrum", f"Creator: {creator}", "Time:", "", *about]
    head = _comment("\n".join([*opening, *_HEADER_ROWS.split("\n")]))
    write_text(path, "\n".join([*head, *heads, "#", *cells, ""]))


def sofia_unit(unit: Any) -> str:
    """Return a unit as SoFiA writes it, ``-`` for none.

    Examples
    --------
    >>> from astropy import units
    >>> sofia_unit(units.Unit("Hz Jy")), sofia_unit(units.Unit("Jy m / (beam s)")), sofia_unit(None)
    ('Jy*Hz', 'Jy*m/beam/s', '-')
    """
    if unit is None or not unit.to_string():
        return "-"
    decomposed = sorted(
        zip(unit.bases, unit.powers, strict=True), key=lambda part: part[0].name not in ("Jy", "K")
    )
    above = [_power(base.name, power) for base, power in decomposed if power > 0]
    below = [f"/{_power(base.name, -power)}" for base, power in decomposed if power < 0]
    return ("*".join(above) or "1") + "".join(below)


def _power(name: str, power: Any) -> str:
    return name if power == 1 else f"{name}^{power}"


def _row(values: Any, widths: Any) -> str:
    return "".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=True))


def _cell(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _comment(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in text.split("\n")]
