"""A SoFiA parameter file as settings of ours: what it asks for, and what of it is not supported."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tessellar.config.par_file import MOST_PROBLEMS, brief, read_par, refuse
from tessellar.config.sofia_parameters import MISSING, PARAMETERS, Parameter
from tessellar.config.sofia_settings import Settings, settings_of
from tessellar.errors import UsageError


@dataclass(frozen=True, slots=True)
class SofiaFile:
    """What a SoFiA parameter file means here.

    Attributes
    ----------
    settings
        Values by the names of our options, such as ``linker_radius_xy``, typed as in ``run.toml``; ``cube`` is
        the input, relative to the current folder as in SoFiA. What the file does not say is not in it.
    names
        The parameter that each of the settings comes from.
    remarks
        What is not supported, one sentence for each reason.
    """

    settings: dict[str, Any]
    names: dict[str, str]
    remarks: tuple[str, ...]


def read_sofia(path: Path) -> SofiaFile:
    """Return what a SoFiA 2 parameter file means here.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    UsageError
        When the file cannot be read, holds unknown parameters and does not set ``pipeline.pedantic`` to false, has
        values that are wrong, or enables no finder: all problems are listed.
    """
    texts = read_par(path)
    unknown = [name for name in texts if name not in PARAMETERS]
    if texts and len(unknown) == len(texts):
        raise UsageError(
            f"{path} has no parameter of SoFiA 2 ({brief(unknown[0])} is none). Give a parameter file of SoFiA 2."
        )
    values, problems = _read_values(texts)
    if unknown and texts.get("pipeline.pedantic", "true").lower() != "false":
        problems += [_suggestion(name) for name in unknown]
    settings = Settings({}, {}, [], problems) if problems else settings_of(values)
    refuse(path, settings.problems)
    remarks = (*_unsupported(texts, values), *settings.remarks, *_ignored(unknown))
    return SofiaFile(settings.values, settings.names, remarks)


def _read_values(texts: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values that have an effect, and what is wrong with the others."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    switches = {parameter.within for parameter in PARAMETERS.values()}
    for name in sorted(texts, key=lambda name: name not in switches):
        parameter = PARAMETERS.get(name)
        if parameter is None or parameter.read is None or not _has_effect(parameter, values):
            continue
        try:
            values[name] = parameter.read(texts[name])
        except ValueError as error:
            problems.append(f"{name} is {brief(texts[name])}, {error}")
    return values, problems


def _has_effect(parameter: Parameter, values: Mapping[str, Any]) -> bool:
    return not parameter.within or values.get(parameter.within, parameter.within == "scfind.enable")


def _suggestion(name: str) -> str:
    known = {parameter.lower(): parameter for parameter in PARAMETERS}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"perhaps {known[close[0]]} is meant" if close else "remove it, or set pipeline.pedantic to false"
    return f"unknown parameter {brief(name)}, {hint}"


def _ignored(unknown: list[str]) -> list[str]:
    """Return a sentence about the unknown parameters, nothing where there are none."""
    named, more = unknown[:MOST_PROBLEMS], len(unknown) - MOST_PROBLEMS
    rest = f" and {more} more" if more > 0 else ""
    return (
        [f"Not known as SoFiA parameters and ignored: {', '.join(map(brief, named))}{rest}."]
        if unknown
        else []
    )


def _unsupported(texts: Mapping[str, str], values: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each reason, with the parameters that it holds for."""
    reasons: dict[str, list[str]] = {}
    for name, value in values.items():
        parameter = PARAMETERS[name]
        if parameter.fate == MISSING and value != parameter.fine:
            reasons.setdefault(parameter.text, []).append(f"{name} = {brief(texts[name])}")
    return [
        f"SoFiA parameter{'s' * (len(named) > 1)} {', '.join(named)} {'is' if len(named) == 1 else 'are'} "
        f"not supported: {reason}."
        for reason, named in reasons.items()
    ]
