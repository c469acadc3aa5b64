"""Settings in TOML: what a run was made with, and the same file given back to repeat it."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tessellar.config.plain import plain
from tessellar.errors import UsageError


def read_settings(path: Path, section: str, known: Collection[str]) -> dict[str, Any]:
    """Return the settings of a section of a TOML file.

    Parameters
    ----------
    path
        The file.
    section
        The table that is read; others are ignored when they belong to another command.
    known
        The names that the section may hold.

    Raises
    ------
    UsageError
        When the file cannot be read or is no TOML, or when the section is missing or holds unknown names: all
        of them are listed, each with the closest name that exists.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Give a TOML file as --config.") from error
    except RecursionError as error:
        raise UsageError(f"{path} is not valid TOML: its lists are nested too deeply.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    table = content.get(section)
    if not isinstance(table, dict):
        raise UsageError(f"{path} has no [{section}] section; a run's run.toml shows what it looks like.")
    unknown = [_suggestion(name, known) for name in table if name not in known]
    if unknown:
        raise UsageError(f"{path}, section [{section}]: {'; '.join(unknown)}.")
    return table


def _suggestion(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
    return f"unknown option {name!r}, {hint}"


def settings_text(section: str, settings: Mapping[str, Any], comment: str) -> str:
    """Return settings as TOML, without those that are None."""
    import tomli_w

    known = {name: plain(value) for name, value in settings.items() if value is not None}
    body = tomli_w.dumps({section: known})
    return f"# {comment}\n{body}"
