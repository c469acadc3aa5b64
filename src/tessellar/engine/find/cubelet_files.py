"""The files of the cubelets: which sources have them, what they are called, and whether they are still as written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tessellar.io.digest import DIGEST_BYTES, digest_of_file, is_file_sound
from tessellar.io.pack import pack_name, packing
from tessellar.io.publish import atomic_files, output_errors
from tessellar.model import IntArray
from tessellar.tiling.box import Box, Halo, Shape

PRODUCTS = ("cube", "mask", "mom0", "mom1", "mom2", "chan", "snr", "pv", "spec")
"""What is written of a source, in the words of SoFiA."""

PER_PACK = 64  # sources whose files lie in one pack
Opened = Callable[[int, str], AbstractContextManager[IO[bytes]]]
"""Opens a file of a source, by its place among the chosen ones and the product."""

_OURS = re.compile(rf".+_\d+_({'|'.join(PRODUCTS)})\.(fits|txt)|.+_\d+-\d+\.zip")
_LEFT_BEHIND = re.compile(r"\..+\.[0-9a-f]{12}\.tmp\.(fits|txt|zip)")
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
    def boxes(self) -> Sequence[Box]:
        """The box of the cube that each cubelet shows."""
        return _Boxes(self.chosen.bounds, Halo.symmetric((self.margin,) * 3), Box.of_shape(self.shape))

    @property
    def pieces(self) -> Sequence[Box]:
        """The box of the cube that each unit writes."""
        return self.boxes

    def sources(self, unit: int) -> range:
        """Return the sources whose files a unit writes."""
        return range(unit, unit + 1)

    @contextmanager
    def writing(self, unit: int) -> Iterator[Opened]:  # noqa: ARG002  # every file has a place of its own
        """Give a function that opens a file of a source, for the files of a unit, which appear together.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        with atomic_files(self.folder) as draft_of:
            yield lambda index, product: draft_of(self.file_name(index, product)).open("wb")

    def file_name(self, index: int, product: str) -> str:
        """Return what a file of a source is called."""
        return file_name(self.base, int(self.chosen.id[index]), product)

    def paths(self, unit: int) -> list[Path]:
        """Return the files that a unit leaves."""
        return [self.folder / self.file_name(unit, product) for product in PRODUCTS]

    def digest(self, unit: int) -> bytes:
        """Return the digests of the files of a unit, one behind the other."""
        return b"".join(map(digest_of_file, self.paths(unit)))

    def verify(self, unit: int, digest: bytes) -> bool:
        """Return whether the files of a unit are those whose digests these are."""
        parts = [digest[i : i + DIGEST_BYTES] for i in range(0, len(digest), DIGEST_BYTES)]
        paths = self.paths(unit)
        return len(parts) == len(paths) and all(map(is_file_sound, paths, parts))

    def sweep(self) -> None:
        """Remove what earlier runs left in the folder and this one does not write; other files stay.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        ours = {path.name for unit in range(len(self.pieces)) for path in self.paths(unit)}
        with output_errors(self.folder):
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                stale = _OURS.fullmatch(path.name) and path.name not in ours
                if stale or _LEFT_BEHIND.fullmatch(path.name):
                    path.unlink()


@dataclass(frozen=True, slots=True)
class CubeletPacks(CubeletFiles):
    """A folder of cubelets whose files lie in packs, those of `PER_PACK` sources in each."""

    @property
    def pieces(self) -> Sequence[Box]:
        """A box around what each pack shows."""
        return _Around(self.boxes, PER_PACK)

    def sources(self, unit: int) -> range:
        """Return the sources of a pack."""
        return range(unit * PER_PACK, min((unit + 1) * PER_PACK, len(self.boxes)))

    @contextmanager
    def writing(self, unit: int) -> Iterator[Opened]:
        """Give a function that opens a file of a source in a pack."""
        with packing(self.paths(unit)[0]) as pack:
            yield lambda index, product: pack.file(self.file_name(index, product))

    def paths(self, unit: int) -> list[Path]:
        """Return the one file that a unit leaves."""
        inside, ids = self.sources(unit), self.chosen.id
        return [self.folder / pack_name(self.base, int(ids[inside[0]]), int(ids[inside[-1]]))]


def file_name(base: str, source: int, product: str) -> str:
    """Return what a file of a source is called, by the column ``id`` of the catalogue."""
    return f"{base}_{source}_{product}.{'txt' if product == 'spec' else 'fits'}"


@dataclass(frozen=True, slots=True, eq=False)
class _Around(Sequence[Box]):
    """Boxes around groups of boxes, computed when asked for."""

    boxes: Sequence[Box]
    each: int

    def __len__(self) -> int:
        return -(-len(self.boxes) // self.each)

    def __getitem__(self, index: int) -> Box:  # type: ignore[override]  # a lazy sequence has no slices
        first = index * self.each
        inside = range(first, min(first + self.each, len(self.boxes)))
        return reduce(or_, (self.boxes[i] for i in inside))


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
