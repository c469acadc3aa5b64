"""Addresses of cubes: which kinds there are, what part names the server and what the object."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tessellar.errors import UsageError
from tessellar.io.naming import shown

_BUCKETS, _WEB = ("s3", "gs"), ("https", "http")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object is, or all those below a common prefix.

    Attributes
    ----------
    root
        The bucket or web server: ``s3://bucket``, ``https://host:port``.
    key
        The object's name there, without slashes around it.
    """

    root: str
    key: str

    @classmethod
    def of(cls, text: str) -> Address:
        """Understand an address.

        Raises
        ------
        UsageError
            It is of a kind that is not read, or lacks a part.
        """
        parts = urlsplit(text)
        if parts.scheme not in (*_BUCKETS, *_WEB):
            known = ", ".join(f"{scheme}://" for scheme in (*_BUCKETS, *_WEB))
            raise UsageError(
                f"{shown(text)} is an address of a kind that is not read here; {known} are. "
                "Copy the cube to a disk and name its path."
            )
        if "@" in parts.netloc:
            raise UsageError(
                f"An address of {shown(parts.hostname or '')} holds a password, which the records of a run would show. "
                "Leave it out."
            )
        web = parts.scheme in _WEB
        if web and (parts.query or parts.fragment):
            raise UsageError(
                f"{shown(text)} has a query or fragment (? or #), and objects are read by their names alone. "
                "Leave it out."
            )
        key = unquote(parts.path) if web else text.split("://", 1)[1].partition("/")[2]
        if not parts.netloc or not key.strip("/"):
            raise UsageError(f"{shown(text)} names no cube. Write it like {parts.scheme}://bucket/cube.zarr.")
        return cls(f"{parts.scheme}://{parts.netloc}", key.strip("/"))

    @property
    def scheme(self) -> str:
        """``s3``, ``gs``, ``https`` or ``http``."""
        return self.root.partition(":")[0]

    @property
    def is_in_bucket(self) -> bool:
        """Whether it is in an object store, not on a web server."""
        return self.scheme in _BUCKETS

    def __str__(self) -> str:
        return f"{self.root}/{self.key}"

    def __truediv__(self, name: str) -> Address:
        return Address(self.root, f"{self.key}/{name}")
