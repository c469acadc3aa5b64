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
from tessellar.simulate.sdc2.settings import NOISES, POPULATIONS, SHAPES
from tessellar.simulate.sdc2.sky import Sdc2Sky

SCHEME = "procedural://"
EOR, SDC2 = "eor", "sdc2"

Sky: TypeAlias = ProceduralSky | EorSky | Sdc2Sky
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
        `ProceduralSky` if the kind is ``hi`` or ``noise``, of `EorSky` if it is ``eor``, of `Sdc2Sky` if it is
        ``sdc2``.

    Raises
    ------
    InputError
        If it is not of that form or a setting is out of range; every problem is named, with what is allowed.
    """
    kind, _, query = address.removeprefix(SCHEME).partition("?")
    kinds = (*KINDS, EOR, SDC2)
    problems = [] if kind in kinds else [f"kind {_quoted(kind)} is not known, choose {' or '.join(kinds)}"]
    readers = _READERS_OF.get(kind, _READERS)
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
        own = _SKIES.get(kind)
        return own(**settings) if own else ProceduralSky(kind, **settings)
    except UsageError as error:
        raise InputError(f"{_quoted(address)}: {error}") from error


def address_of(sky: Sky) -> str:
    """Return the address of a cube, which names the settings that are not the usual ones."""
    for kind, own in _SKIES.items():
        if isinstance(sky, own):
            return _written(kind, sky, own(), _READERS_OF[kind])
    assert isinstance(sky, ProceduralSky)
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


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def parse(name: str, text: str) -> str:
        if text not in choices:
            raise ValueError(f"{name} is {_quoted(text)}, needed is {', '.join(choices)}")
        return text

    return parse


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
_OWN: dict[str, Readers] = {
    EOR: {
        "shape": _row(_whole, 3, "901,2048,2048"),
        "part": _one_of(*PARTS),
        "noise": _word,
        "noise_table": _path,
        "gsm": _path,
    },
    SDC2: {
        "shape": _row(_whole, 3, "6668,643,643"),
        "population": _one_of(*POPULATIONS),
        "shapes": _one_of(*SHAPES),
        "noise": _one_of(*NOISES),
        "sdc2_data": _path,
    },
}
_SKIES: dict[str, type[EorSky] | type[Sdc2Sky]] = {EOR: EorSky, SDC2: Sdc2Sky}
_READERS_OF: dict[str, Readers] = {
    kind: {field.name: _OWN[kind].get(field.name) or _BY_TYPE[type(field.default)] for field in fields(sky)}
    for kind, sky in _SKIES.items()
}


def _quoted(text: str) -> str:
    """Return what somebody wrote as a short literal without control characters."""
    return ascii(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
