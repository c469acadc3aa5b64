"""Pieces of HTML; every text that comes from outside passes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal


def text(content: object) -> str:
    """Return a text that can only be read, never run."""
    return escape(str(content), quote=True)


Extent = Literal["", "wide", "large", "small"]
"""Half of the page's width, all of it, two thirds, or one third."""


def panel(title: str, body: str, *, note: str = "", extent: Extent = "") -> str:
    """Return a panel of the page; ``title`` and ``note`` are plain text, ``body`` is HTML."""
    kind = f"panel {extent}".strip()
    below = f'<p class="note">{text(note)}</p>' if note else ""
    return f'<section class="{kind}"><h2>{text(title)}</h2>{body}{below}</section>'


def absent(what: str) -> str:
    """Return the sentence that stands where a panel has nothing to show."""
    return f'<p class="absent">{text(what)}</p>'


def facts(rows: Iterable[tuple[str, object]]) -> str:
    """Return a list of names and values."""
    items = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in rows)
    return f'<dl class="facts">{items}</dl>'


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[bool]) -> str:
    """Return a table of cells that are HTML; ``numbers`` tells which columns align to the right."""
    kinds = [' class="number"' if number else "" for number in numbers]
    head = "".join(f"<th{kind}>{text(name)}</th>" for name, kind in zip(headings, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
