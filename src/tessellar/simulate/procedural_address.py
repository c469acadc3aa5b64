"""Procedural cubes by their address: ``procedural://hi?shape=1024,512,512&seed=0`` stands where a path does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from tessellar.errors import InputError, UsageError
from tessellar.simulate.eor.settings import PARTS
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.procedural import KINDS, ProceduralSky

SCHEME = "procedural://"
EOR = "eor"

Sky: TypeAlias = ProceduralSky | EorSky
Readers: TypeAlias = dict[str, Callable[[str, str], Any]]

_EXAMPLE = f"{SCHEME}hi?shape=1024,512,512&seed=0"
_MOST_SHOWN = 60  # characters of what somebody wrote
_MOST_PROBLEMS = 6
_WHOLE = re.compile(r"[0-9]{1,30}")
_REAL = re.compile(r"[+-]?[0-9]*\.?[0-9]*([eE][+-]?[0-9]{1,4})?")


def sky_of(address: str) -> Sky:
    """Return the cube of an address.

    Parameters
    ----------
    address
        ``procedural://KIND?shape=Z,X,Y`` and, joined by ``&``, any other setting of the cube by its name: of
        `ProceduralSky` if the kind is ``hi`` or ``noise``, of `EorSky` if it is ``eor``.

    Raises
    ------
    InputError
        If it is not of that form or a setting is out of range; every problem is named, with what is allowed.
    """
    kind, _, query = address.removeprefix(SCHEME).partition("?")
    kinds = (*KINDS, EOR)
    problems = [] if kind in kinds else [f"kind {_quoted(kind)} is not known, choose {' or '.join(kinds)}"]
    readers = _EOR_READERS if kind == EOR else _READERS
    settings: dict[str, Any] = {}
    pairs = query.split("&") if query else []
    for pair in pairs:
        try:
            name, value = _setting(pair, readers)
            if name in settings:
                raise ValueError(f"{name} stands there more than once")
            settings[name] = value
        except ValueError as error:
            problems.append(str(error))
    if "shape" not in (unquote(pair.partition("=")[0]) for pair in pairs):
        problems.insert(0, "shape is missing, needed are channels and pixels such as shape=1024,512,512")
    if problems:
        words = "; ".join(list(dict.fromkeys(problems))[:_MOST_PROBLEMS])
        raise InputError(f"{_quoted(address)} names no cube: {words}. Write it like {_EXAMPLE}.")
    try:
        return EorSky(**settings) if kind == EOR else ProceduralSky(kind, **settings)
    except UsageError as error:
        raise InputError(f"{_quoted(address)}: {error}") from error


def address_of(sky: Sky) -> str:
    """Return the address of a cube, which names the settings that are not the usual ones."""
    if isinstance(sky, EorSky):
        return _written(EOR, sky, EorSky(), _EOR_READERS)
    return _written(sky.kind, sky, ProceduralSky(sky.kind, (1, 1, 1)), _READERS)


def _written(kind: str, sky: Sky, usual: Sky, names: Readers) -> str:
    words = [f"shape={','.join(map(str, sky.shape))}"]
    for name in names:
        value = getattr(sky, name)
        if name != "shape" and value != getattr(usual, name):
            words.append(f"{name}={_text(value)}")
    return f"{SCHEME}{kind}?{'&'.join(words)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quote(value)
    return ",".join(map(repr, value)) if isinstance(value, tuple) else repr(value)


def _setting(pair: str, readers: Readers) -> tuple[str, Any]:
    """Return name and value of ``name=value``; ValueError says in words what is wrong."""
    name, equals, text = (unquote(part) for part in pair.partition("="))
    if name not in readers:
        raise ValueError(f"{_quoted(name)} is not a setting, choose from {', '.join(readers)}")
    if not equals or not text:
        raise ValueError(f"{name} has no value")
    return name, readers[name](name, text)


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{name} is {_quoted(text)}, needed is a whole number from 0 on")
    return int(text)


def _real(name: str, text: str) -> float:
    try:
        if _REAL.fullmatch(text):
            return float(text)
    except ValueError:
        pass
    raise ValueError(f"{name} is {_quoted(text)}, needed is a number")


def _row(read: Callable[[str, str], Any], length: int, example: str) -> Callable[[str, str], tuple[Any, ...]]:
    def parse(name: str, text: str) -> tuple[Any, ...]:
        parts = text.split(",")
        if len(parts) != length:
            raise ValueError(f"{name} is {_quoted(text)}, needed are {length} numbers such as {example}")
        return tuple(read(name, part) for part in parts)

    return parse


def _part(name: str, text: str) -> str:
    if text not in PARTS:
        raise ValueError(f"{name} is {_quoted(text)}, needed is {', '.join(PARTS)}")
    return text


def _switch(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{name} is {_quoted(text)}, needed is true or false")
    return text == "true"


def _word(name: str, text: str) -> str:  # noqa: ARG001 (the sky knows which words it takes)
    return text


def _path(name: str, text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{name} is {_quoted(text)}, needed is the path of a file or folder")
    return text


_READERS: Readers = {
    "shape": _row(_whole, 3, "1024,512,512"),
    "seed": _whole,
    "rms_jy": _real,
    "sources_per_mvoxel": _real,
    "flux_range": _row(_real, 2, "8,1500"),
    "beam_arcsec": _real,
    "pixel_arcsec": _real,
    "channel_hz": _real,
    "first_frequency_hz": _real,
}


_BY_TYPE = {bool: _switch, int: _whole, float: _real, tuple: _row(_real, 2, "1e-3,0.1")}
_OWN: Readers = {
    "shape": _row(_whole, 3, "901,2048,2048"),
    "part": _part,
    "noise": _word,
    "noise_table": _path,
    "gsm": _path,
}
_EOR_READERS: Readers = {
    field.name: _OWN.get(field.name) or _BY_TYPE[type(field.default)] for field in fields(EorSky)
}


def _quoted(text: str) -> str:
    """Return what somebody wrote as a short literal without control characters."""
    return ascii(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
