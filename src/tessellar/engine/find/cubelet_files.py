"""The files of the cubelets: which sources have them, what they are called, and whether they are still as written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.io.digest import DIGEST_BYTES, digest_of_file, is_file_sound
from tessellar.io.publish import output_errors
from tessellar.model import IntArray
from tessellar.tiling.box import Box, Halo, Shape

PRODUCTS = ("cube", "mask", "mom0", "mom1", "mom2", "chan", "snr", "pv", "spec")
"""What is written of a source, in the words of SoFiA."""

_OURS = re.compile(rf".+_\d+_({'|'.join(PRODUCTS)})\.(fits|txt)")
_LEFT_BEHIND = re.compile(r"\..+\.[0-9a-f]{12}\.tmp\.(fits|txt)")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The sources that have cubelets.

    Attributes
    ----------
    row, id
        Rows of the catalogue and the column ``id`` there, int64 arrays (n).
    bounds
        int64 array (n, 2, 3): first voxel of the source and the one behind its last, ``(frequency, l, m)``.
    name
        What it is called, text array (n).
    """

    row: IntArray
    id: IntArray
    bounds: IntArray
    name: npt.NDArray[np.str_]

    def save(self, path: Path) -> None:
        """Write them for the workers."""
        np.savez(path, row=self.row, id=self.id, bounds=self.bounds, name=self.name)


@lru_cache(maxsize=4)
def load_chosen(path: Path, content: str) -> Chosen:  # noqa: ARG001  # another content is another file
    """Read what `Chosen.save` wrote; ``content`` changes with the file."""
    with np.load(path) as f:
        return Chosen(f["row"], f["id"], f["bounds"], f["name"])


@dataclass(frozen=True, slots=True)
class CubeletFiles:
    """A folder of cubelets; it pickles small.

    Attributes
    ----------
    folder
        Where the files go.
    base
        What their names begin with.
    shape
        Shape of the cube.
    margin
        Voxels around a source that are shown, along every axis.
    list_file
        The sources, as `Chosen.save` wrote them.
    content
        Text that changes with what is written.
    """

    folder: Path
    base: str
    shape: Shape
    margin: int
    list_file: Path
    content: str

    @property
    def chosen(self) -> Chosen:
        """The sources."""
        return load_chosen(self.list_file, self.content)

    @property
    def pieces(self) -> Sequence[Box]:
        """The box of the cube that each cubelet shows."""
        return _Boxes(self.chosen.bounds, Halo.symmetric((self.margin,) * 3), Box.of_shape(self.shape))

    def paths(self, index: int) -> dict[str, Path]:
        """Return the files of a cubelet by product."""
        stem = f"{self.base}_{self.chosen.id[index]}"
        return {p: self.folder / f"{stem}_{p}.{'txt' if p == 'spec' else 'fits'}" for p in PRODUCTS}

    def digest(self, index: int) -> bytes:
        """Return the digests of the files of a cubelet, one behind the other."""
        return b"".join(digest_of_file(path) for path in self.paths(index).values())

    def verify(self, index: int, digest: bytes) -> bool:
        """Return whether the files of a cubelet are those whose digests these are."""
        parts = [digest[i : i + DIGEST_BYTES] for i in range(0, len(digest), DIGEST_BYTES)]
        paths = list(self.paths(index).values())
        return len(parts) == len(paths) and all(map(is_file_sound, paths, parts))

    def sweep(self) -> None:
        """Remove what earlier runs left in the folder and this one does not write; other files stay.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        ours = {path.name for index in range(len(self.pieces)) for path in self.paths(index).values()}
        with output_errors(self.folder):
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                stale = _OURS.fullmatch(path.name) and path.name not in ours
                if stale or _LEFT_BEHIND.fullmatch(path.name):
                    path.unlink()


@dataclass(frozen=True, slots=True, eq=False)
class _Boxes(Sequence[Box]):
    """Boxes of sources with a margin, computed when asked for."""

    bounds: IntArray
    margin: Halo
    cube: Box

    def __len__(self) -> int:
        return len(self.bounds)

    def __getitem__(self, index: int) -> Box:  # type: ignore[override]  # a lazy sequence has no slices
        start, stop = self.bounds[index].tolist()
        return Box(tuple(start), tuple(stop)).grow(self.margin).clip(self.cube)


def base_name(name: str) -> str:
    """Return what the names of files may begin with, from the name of a cube, however odd that is.

    Examples
    --------
    >>> base_name("ngc 6946.fits.gz"), base_name("../-x/\\n"), base_name("")
    ('ngc_6946', 'x', 'cube')
    """
    stem = re.sub(r"(\.(fits?|fts|zarr|gz|fz))+/*$", "", name.strip(), flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", stem).strip("._+-")[:_LONGEST_NAME] or "cube"
