"""Cubes must stay the same while they are read: what was made of two of them is of neither."""

from __future__ import annotations

from collections.abc import Iterator

from tessellar.errors import InputError, TessellarError
from tessellar.io.naming import shown
from tessellar.model import Source

_BEHIND = ("source", "second", "signal", "flags")  # what a view of a cube calls those that it reads


class ChangedCubeError(InputError):
    """A cube became another one while it was read."""


class Unchanged:
    """Cubes as they were when a run began.

    Parameters
    ----------
    *cubes
        What is read, or views of it; None for what nobody gave.
    """

    def __init__(self, *cubes: Source | None) -> None:
        self._stored = [cube for given in cubes if given is not None for cube in _behind(given)]
        self._known = [cube.identity for cube in self._stored]

    def check(self) -> None:
        """Refuse to go on when a cube is another one by now.

        Raises
        ------
        ChangedCubeError
            It is.
        InputError
            That cannot be told, for it is gone or its server is silent; what was done so far stays good.
        """
        for cube, known in zip(self._stored, self._known, strict=True):
            name = shown(str(getattr(cube, "path", cube.meta.name)))
            try:
                now = _identity_now(cube)
            except TessellarError as error:
                raise InputError(
                    f"Whether {name} is still the cube that was read cannot be told: {error} Repeat the command to "
                    "resume once it can be read again."
                ) from error
            if now != known:
                raise ChangedCubeError(
                    f"{name} was changed while it was read, so nothing is made of it. Repeat the command once it stays "
                    "as it is."
                )


def _identity_now(cube: Source) -> str:
    found: str = getattr(cube, "identity_now", None) or cube.identity
    return found


def _behind(cube: Source) -> Iterator[Source]:
    """Yield the cubes that a view reads; a cube that is no view by itself."""
    inner = [found for name in _BEHIND if (found := getattr(cube, name, None)) is not None]
    if not inner:
        if hasattr(cube, "identity"):
            yield cube
        return
    for each in inner:
        yield from _behind(each)
