"""The text of a SoFiA parameter file: lines of ``name = value``, and what can be wrong with them."""

from __future__ import annotations

from pathlib import Path

from tessellar.errors import UsageError

MOST_BYTES = 2**20
MOST_PROBLEMS = 5  # of a file that is something else altogether, a few lines say enough
MOST_LETTERS = 60


def read_par(path: Path) -> dict[str, str]:
    """Return the parameters of a file by name, blank ones left out.

    Parameters
    ----------
    path
        A file with one parameter a line; what follows a ``#`` is a comment.

    Raises
    ------
    UsageError
        When the file cannot be read, is no text of this form, or gives a parameter two values.
    """
    lines = _text(path).splitlines()
    problems: list[str] = []
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        statement = line.partition("#")[0].strip()
        if not statement:
            continue
        name, equals, value = (part.strip() for part in statement.partition("="))
        earlier, place = found.setdefault(name, (value, number))
        if not (equals and name):
            problems.append(f"line {number} ({brief(statement)}) is not of the form name = value")
        elif not statement.replace("\t", " ").isprintable():
            problems.append(f"line {number} ({brief(statement)}) holds control characters or is not UTF-8")
        elif earlier != value:
            problems.append(
                f"{name} is {brief(earlier) or 'blank'} in line {place} and {brief(value) or 'blank'} in line {number}"
            )
    refuse(path, problems)
    return {name: value for name, (value, _) in found.items() if value}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}. Give a SoFiA parameter file as --sofia."
        ) from error
    if len(content) > MOST_BYTES:
        raise UsageError(
            f"{path} is larger than {MOST_BYTES // 2**20} MiB, which no SoFiA parameter file is. "
            "Give the parameter file as --sofia and the cube as CUBE."
        )
    if b"\0" in content:
        raise UsageError(f"{path} is not a text in UTF-8. Save it as one, or give another file as --sofia.")
    return content.decode("utf-8-sig", "surrogateescape")


def refuse(path: Path, problems: list[str]) -> None:
    """Refuse a file for its problems, all in one sentence.

    Raises
    ------
    UsageError
        When there are any.
    """
    if problems:
        more = len(problems) - MOST_PROBLEMS
        named = [*problems[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise UsageError(f"{path}: {'; '.join(named)}.")


def brief(text: str) -> str:
    """Return a text for use in a message: on one line, and not too long."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= MOST_LETTERS else f"{line[: MOST_LETTERS - 1]}…"
