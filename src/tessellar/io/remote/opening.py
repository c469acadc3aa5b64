"""Open a cube by its address: what it is, is told by its content."""

from __future__ import annotations

import re

from tessellar.errors import CubeNotFoundError, InputError
from tessellar.io.naming import shown
from tessellar.io.remote.address import Address
from tessellar.io.remote.objects import check_library, fetch, status
from tessellar.model import Source

_METADATA = "zarr.json"


def open_remote(text: str, *, flat: bool = False) -> Source:
    """Open a FITS file or a Zarr image in an object store or on a web server.

    Parameters
    ----------
    text
        Its address, ``s3://bucket/cube.zarr``; ``…/cube.fits[SCI]`` names an extension.
    flat
        Whether a FITS image of two axes is taken as a cube of one channel.

    Raises
    ------
    CubeNotFoundError
        There is no such object.
    InputError
        It is no cube, a broken one, or cannot be read.
    UsageError
        The address is of another kind, or what reads it is not installed.
    """
    name, extension = _split(text)
    address = Address.of(name)
    check_library()
    if extension is None and address.key.endswith(".zarr") and _is_there(address / _METADATA):
        return _zarr(address)
    try:
        start = bytes(fetch(address, 0, 6)) if status(address).size else b""
        if start == b"SIMPLE" or start.startswith(b"\x1f\x8b"):
            from tessellar.io.remote.fits import RemoteFits

            return RemoteFits(address, extension, flat=flat)
    except FileNotFoundError:
        start = None
    if extension is None and _is_there(address / _METADATA):
        return _zarr(address)
    if start is None:
        raise CubeNotFoundError(f"There is no cube {shown(text)}. Check the name.")
    raise InputError(f"{shown(text)} is no FITS file. A FITS cube (.fits) or a Zarr image is needed.")


def _split(text: str) -> tuple[str, str | None]:
    """Part ``…/cube.fits[SCI]`` into address and extension."""
    match = re.fullmatch(r"(.+)\[([^\[\]]+)\]", text, re.DOTALL)
    return (match[1], match[2]) if match else (text, None)


def _is_there(address: Address) -> bool:
    try:
        status(address)
    except FileNotFoundError:
        return False
    return True


def _zarr(address: Address) -> Source:
    from tessellar.io.remote.zarr import RemoteZarr

    return RemoteZarr(address)
