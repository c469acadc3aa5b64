"""The page that a report is: its head, its large numbers, what is worth knowing, its panels, all in one file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

from tessellar.report.markup import text
from tessellar.report.quantities import size_words
from tessellar.report.run_folder import Record

MAX_WARNINGS = 12


def page(
    run: Record,
    *,
    verdict: str,
    headlines: Iterable[tuple[str, str]],
    warnings: Sequence[str],
    panels: Iterable[str],
    files: Iterable[str],
) -> str:
    """Return the page.

    Parameters
    ----------
    run
        Of which it is.
    verdict
        A sentence or two.
    headlines
        Large numbers, and what each of them is.
    warnings
        Sentences that are worth knowing.
    panels
        HTML.
    files
        Names of files that lie beside the page.
    """
    from tessellar import __version__

    template = Template((Path(__file__).parent / "template.html").read_text(encoding="utf-8"))
    numbers = "".join(
        f"<li><b>{text(number)}</b><span>{text(label)}</span></li>" for number, label in headlines
    )
    return template.substitute(
        title=text(run.of("cube", "name", default=run.path.resolve().name)),
        verdict=text(verdict),
        state="partial" if run.is_partial else "complete",
        headlines=numbers,
        warnings=_worth_knowing(warnings, alarm=run.is_partial),
        panels="".join(panels),
        files="".join(f'<a href="{text(name)}">{text(name)}</a>' for name in files),
        version=text(run.of("versions", "tessellar", default=__version__)),
    )


def memory_headline(run: Record) -> list[tuple[str, str]]:
    """Return the memory that a run took, and what was planned; nothing where it did not note it."""
    if run.of("peak_rss_bytes") is None:
        return []
    planned = run.of("plan", "projected_bytes")
    whole = planned and run.of("plan", "projected_for") != "each worker"
    label = f"of {size_words(int(planned))} planned" if whole else "peak memory of all processes"
    return [(size_words(int(run.of("peak_rss_bytes"))), label)]


def first_of(sentences: Sequence[object]) -> list[str]:
    """Return the first sentences, and how many more there are."""
    shown = [str(sentence) for sentence in sentences[:MAX_WARNINGS]]
    more = len(sentences) - len(shown)
    return [*shown, f"And {more} more; see run.json."] if more else shown


def _worth_knowing(sentences: Sequence[str], *, alarm: bool) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    kind = "warnings alarm" if alarm else "warnings"
    return f'<aside class="{kind}"><h2>Worth knowing</h2><ul>{items}</ul></aside>'
