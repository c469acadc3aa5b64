"""What people write after an option, or in a TOML file in its place, turned into values or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from tessellar.errors import UsageError

T = TypeVar("T")
Reader = Callable[[click.Context, click.Parameter, Any], Any]


class Written(str):
    """A word of the command line, where numbers are text; in a TOML file they are numbers."""

    __slots__ = ()


def reader(parse: Callable[[Any], T]) -> Reader:
    """Return a click callback that reads a value by a function which raises ValueError with a sentence."""

    def read(context: click.Context, parameter: click.Parameter, value: Any) -> T | None:
        if value is None:
            return None
        in_file = context.get_parameter_source(parameter.name or "") is ParameterSource.DEFAULT_MAP
        try:
            return parse(Written(value) if isinstance(value, str) and not in_file else value)
        except ValueError as error:
            raise click.BadParameter(str(error), context, parameter) from error

    return read


def whole(low: int, high: float = inf) -> Callable[[Any], int]:
    """Return how a whole number within bounds is read."""

    def parse(value: Any) -> int:
        return int(_within(_integer(value), low, high))

    return parse


def number(low: float = -inf, high: float = inf) -> Callable[[Any], float]:
    """Return how a number within bounds is read."""

    def parse(value: Any) -> float:
        return _within(_real(value), low, high)

    return parse


def positive(value: Any) -> float:
    """Read a number above zero."""
    found = _real(value)
    if found <= 0:
        raise ValueError(f"{found:g} is not above 0.")
    return found


def row_of(
    item: Callable[[Any], T], length: int | None = None, words: str = "0,3,6"
) -> Callable[[Any], tuple[T, ...]]:
    """Return how values separated by commas (in TOML: a list) are read; ``words`` is an example."""

    def parse(value: Any) -> tuple[T, ...]:
        if isinstance(value, Written):
            items: list[Any] = [Written(part.strip()) for part in value.split(",")]
        elif isinstance(value, list):
            items = value
        else:
            raise ValueError(f"{value!r} is not a list of numbers such as {words}.")
        if not items:
            raise ValueError(f"the list is empty; at least one number is needed, such as {words}.")
        if length is not None and len(items) != length:
            raise ValueError(f"{len(items)} numbers were given and {length} are needed, such as {words}.")
        return tuple(item(part) for part in items)

    return parse


def one_of(*choices: str) -> Callable[[Any], str]:
    """Return how a word from a list is read."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is not known. Choose {' or '.join(choices)}.")
        return str(value)

    return parse


def device(value: Any) -> str:
    """Read where to compute."""
    from tessellar.kernels.devices import is_device

    if value != "auto" and not (isinstance(value, str) and is_device(value)):
        raise ValueError(
            f"{value!r} is not known. Choose auto, cpu, cuda, or cuda:1 for one of several GPUs."
        )
    return str(value)


def words(value: Any) -> str:
    """Read a text."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text.")
    return str(value)


def path(value: Any) -> str:
    """Read the name of a file or folder that can be written in UTF-8, as settings and reports are."""
    name = words(value)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!a} is not UTF-8. Rename it, or give it another name by a link.") from None
    return name


def memory(value: Any) -> int:
    """Read an amount of memory, bytes."""
    from tessellar.engine.memory import parse_bytes

    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is not an amount of memory. Write it like 4GiB.")
    try:
        return parse_bytes(value)
    except (UsageError, OverflowError) as error:
        raise ValueError(str(error)) from error


def _integer(value: Any) -> int:
    if isinstance(value, Written):
        try:
            return int(value)
        except ValueError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a whole number.")


def _real(value: Any) -> float:
    found: float | None = None
    try:
        if isinstance(value, Written) or (isinstance(value, int | float) and not isinstance(value, bool)):
            found = float(value)
    except (ValueError, OverflowError):
        found = None
    if found is None or not isfinite(found):
        raise ValueError(f"{value!r} is not a number.")
    return found


def _within(found: float, low: float, high: float) -> float:
    if low <= found <= high:
        return found
    if high == inf:
        raise ValueError(f"{found} is less than {low:g}.")
    raise ValueError(f"{found} is not between {low:g} and {high:g}.")
