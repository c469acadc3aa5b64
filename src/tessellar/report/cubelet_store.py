"""The files of the cubelets of a run, whether each lies by itself or many in a pack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tessellar.engine.find.cubelet_files import PRODUCTS, base_name, file_name
from tessellar.io.pack import Packs, unpack
from tessellar.report.run_folder import RunFolder


class CubeletStore:
    """Which sources of a run have cubelets, and their files.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: RunFolder) -> None:
        self._folder = run.path / "cubelets"
        self._base = base_name(str(run.of("cube", "name", default="")))
        self._packs = Packs(self._folder, self._base)

    def sources(self) -> frozenset[int]:
        """Return the ``id`` of the sources that have cubelets; those of a damaged pack are left out."""
        start, ending = f"{self._base}_", "_mom0.fits"
        names = self._names() if self._folder.is_dir() else iter(())
        ours = (name for name in names if name.startswith(start) and name.endswith(ending))
        ids = (name.removeprefix(start).removesuffix(ending) for name in ours)
        return frozenset(int(text) for text in ids if text.isdecimal())

    def _names(self) -> Iterator[str]:
        yield from (path.name for path in self._folder.iterdir())
        yield from self._packs.names()

    @contextmanager
    def files(self, source: int) -> Iterator[dict[str, Path]]:
        """Give the files that a source would have, by product; those of a pack lie in a folder that goes away again.

        Raises
        ------
        InputError
            The pack is damaged.
        """
        names = {product: file_name(self._base, source, product) for product in PRODUCTS}
        pack = self._packs.holding(source)
        if pack is None:
            yield {product: self._folder / name for product, name in names.items()}
            return
        with TemporaryDirectory(prefix="tessellar-") as folder:
            unpack(pack, list(names.values()), Path(folder))
            yield {product: Path(folder) / name for product, name in names.items()}
