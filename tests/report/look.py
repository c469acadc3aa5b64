"""What every report must look like in a browser: nothing fetched, nothing complains, nothing sticks out."""

from __future__ import annotations

from pathlib import Path

from browser import Browser

COMPLAINTS = (
    "Log.entryAdded",
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
    "Network.loadingFailed",
)
STICKING_OUT = """[...document.querySelectorAll('main *')].filter(e => {
  const box = e.getBoundingClientRect();
  return !e.closest('.scroll') && !(e.closest('svg') && e.tagName !== 'svg') && box.right > innerWidth + 1;
}).map(e => e.tagName + '.' + e.className).slice(0, 5)"""
PICTURES = """Promise.all([...document.querySelectorAll('svg image')].map(async e => {
  const picture = new Image(); picture.src = e.href.baseVal; await picture.decode(); return picture.naturalWidth;
}))"""
FLAT = """[...document.querySelectorAll('svg')].filter(e => {
  const box = e.getBoundingClientRect(); return box.width < 20 || box.height < 20;
}).length"""


def check_look(chromium: Browser, report: Path, width: int, *, dark: bool) -> int:
    """Check the report that is open in the browser; return how many pictures it has."""
    assert [event for event in chromium.events if event[0] in COMPLAINTS] == []
    requests = [p["request"]["url"] for m, p in chromium.events if m == "Network.requestWillBeSent"]
    assert [url for url in requests if not url.startswith("data:")] == [report.resolve().as_uri()]
    pictures = chromium.value(PICTURES)
    assert min(pictures) > 0
    assert chromium.value("document.documentElement.scrollWidth") == width
    assert chromium.value(STICKING_OUT) == []
    assert chromium.value(FLAT) == 0
    page = chromium.value("getComputedStyle(document.body).backgroundColor")
    assert page == ("rgb(11, 15, 28)" if dark else "rgb(243, 245, 249)")
    return len(pictures)
