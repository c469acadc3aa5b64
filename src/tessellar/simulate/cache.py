"""A bounded memory of galaxies already drawn, so that neighbouring tiles do not draw them twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

from tessellar.simulate.discs import Cubelet


class CubeletCache:
    """Cubelets by key, least recently used first out.

    Parameters
    ----------
    max_bytes
        How many bytes of voxels it may hold.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, Cubelet] = OrderedDict()
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """How many bytes of voxels it holds."""
        return self._bytes

    def get(self, key: Hashable, make: Callable[[], Cubelet]) -> Cubelet:
        """Return the cubelet of ``key``, made by ``make`` unless it is remembered; threads may share it."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
        made = make()
        with self._lock:
            self._remember(key, made)
        return made

    def _remember(self, key: Hashable, cubelet: Cubelet) -> None:
        if key in self._kept:
            return
        self._kept[key] = cubelet
        self._bytes += cubelet.voxels.nbytes
        while self._bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= dropped.voxels.nbytes
