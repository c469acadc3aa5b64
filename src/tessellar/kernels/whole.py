"""Whole numbers among the settings of kernels."""

from __future__ import annotations

from operator import index

from tessellar.errors import UsageError


def whole(name: str, value: object) -> int:
    """Return a setting as a number of Python.

    Raises
    ------
    UsageError
        It is no whole number.
    """
    try:
        return index(value)  # type: ignore[arg-type]  # that it may be anything is the question
    except TypeError:
        raise UsageError(f"{name} is {value!r}; it must be a whole number.") from None
