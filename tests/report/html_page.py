"""A page of HTML taken apart, for the tests of reports, and a text that would like to be more than text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

HOSTILE = """</title><script>alert("x")</script> $title ${x} & 'quoted' .fits"""
VOID = {"meta", "br", "img", "link", "hr", "input"}


class Page(HTMLParser):
    """A page taken apart: its elements, its attributes and its text; unbalanced elements are an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def check_offline(self) -> None:
        """Fail where the page loads anything."""
        assert "http" not in self.source
        assert "@import" not in self.source
        assert self.count("script") == self.count("link") == self.count("iframe") == 0
        for _, attributes in self.elements:
            for name in ("src", "xlink:href"):
                assert (attributes.get(name) or "#").startswith(("#", "data:"))
        assert set(re.findall(r"url\((.)", self.source)) <= {"#"}
