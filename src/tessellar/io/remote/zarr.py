"""A cube in a Zarr store behind an address."""

from __future__ import annotations

from functools import cached_property

from tessellar.io.remote.address import Address
from tessellar.io.remote.files import ObjectFiles
from tessellar.io.remote.objects import AT_ONCE, transfer
from tessellar.io.zarr_read import ZarrSource


class RemoteZarr(ZarrSource):
    """A cube in a Zarr store that lies in an object store or on a web server.

    Parameters
    ----------
    address
        The address of the store.

    Raises
    ------
    InputError
        It is no Zarr store, is damaged, cannot be read, or holds no cube.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(ObjectFiles(address))
        self._address = address

    def __reduce__(self) -> tuple[object, ...]:
        return RemoteZarr, (self._address,)

    @cached_property
    def identity(self) -> str:
        """As it was when it was asked for first: a server must be asked much for it."""
        return super().identity

    @property
    def identity_now(self) -> str:
        """As it is at this moment."""
        return super().identity

    @property
    def at_once(self) -> int:
        """How many requests are worth making at the same time."""
        return AT_ONCE

    @property
    def server(self) -> str:
        """Who gives its bytes."""
        return self._address.root

    def transfer(self, seconds: float) -> tuple[int, float]:
        """Fetch stored bytes as fast as they come, for no longer than so many seconds; return bytes and seconds."""
        voxels = self.voxel_files.place
        return transfer((Address.of(f"{voxels}/{name}") for name in self.samples()), seconds)
