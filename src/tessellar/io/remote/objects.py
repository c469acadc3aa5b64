"""Objects of a bucket or a web server: their bytes by ranges, what they are, and what goes wrong in one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tessellar.errors import InputError, UsageError
from tessellar.io.naming import shown
from tessellar.io.remote.address import Address

if TYPE_CHECKING:
    from obstore.store import ObjectStore

AT_ONCE = 16  # requests of a process that are worth making at the same time: they mostly wait
_GAP = 256 * 2**10  # bytes between two ranges that are fetched with them, to save a request
_BLOCK = 2**20
_PIECE = 2 * 2**20  # of an object that is fetched to see how fast it comes
_SAMPLE = 64 * 2**20
_LONGEST_REASON = 160
_ADVICE = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket.",
    "gs": "Set GOOGLE_SERVICE_ACCOUNT to a key file, or GOOGLE_SKIP_SIGNATURE=true for a public bucket.",
}
_WHERE = {
    "s3": "Check the bucket, the network, and AWS_REGION or AWS_ENDPOINT_URL.",
    "gs": "Check the bucket and the network.",
}


@dataclass(frozen=True, slots=True)
class Status:
    """What a server says of an object without sending it.

    Attributes
    ----------
    size
        Its bytes.
    version
        A text that changes when the object does: its tag, or else the time of its change.
    """

    size: int
    version: str


def status(address: Address) -> Status:
    """Ask what an object is.

    Raises
    ------
    FileNotFoundError
        There is none.
    InputError
        The server does not answer, or does not allow it.
    """
    import obstore

    with _answering(address):
        return _status(obstore.head(_store(address), address.key))


def listed(address: Address, most: int) -> dict[str, Status] | None:
    """Return the objects below an address by their names from there, so many of them; None if that is forbidden.

    Raises
    ------
    InputError
        The server does not answer.
    """
    import obstore
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    prefix = f"{address.key}/"
    with _answering(address):
        try:
            batches = obstore.list(_store(address), prefix=prefix, chunk_size=1000)
            found = list(islice((entry for batch in batches for entry in batch), most))
        except (PermissionDeniedError, UnauthenticatedError):
            return None
    return {entry["path"].removeprefix(prefix): _status(entry) for entry in found}


def fetch(address: Address, begin: int, size: int) -> memoryview:
    """Return a range of bytes of an object, fewer where it ends before.

    Raises
    ------
    FileNotFoundError
        There is no such object.
    InputError
        The server does not answer, or does not allow it.
    """
    import obstore

    with _answering(address):
        found = obstore.get_range(_store(address), address.key, start=begin, length=size)
        return memoryview(found)


def fetch_end(address: Address, size: int) -> bytes:
    """Return the last bytes of an object, all of a shorter one."""
    import obstore

    with _answering(address):
        asked = obstore.get(_store(address), address.key, options={"range": {"suffix": size}})
        return bytes(asked.bytes())


def fetch_all(address: Address, spans: Sequence[tuple[int, int]]) -> list[memoryview]:
    """Return several ranges of bytes of an object, given by their first bytes and sizes."""
    import obstore

    starts, sizes = [begin for begin, _ in spans], [size for _, size in spans]
    with _answering(address):
        found = obstore.get_ranges(_store(address), address.key, starts=starts, lengths=sizes, coalesce=_GAP)
        return [memoryview(part) for part in found]


def blocks(address: Address) -> Iterator[bytes]:
    """Yield the content of an object."""
    import obstore

    with _answering(address):
        for block in obstore.get(_store(address), address.key).stream(min_chunk_size=_BLOCK):
            yield bytes(block)


def transfer(objects: Iterable[Address], seconds: float) -> tuple[int, float]:
    """Fetch objects as fast as they come, for about so many seconds; return bytes and seconds.

    Raises
    ------
    InputError
        The server does not answer, or does not allow it.
    """
    begin = perf_counter()

    def fetched(piece: tuple[Address, int, int]) -> int:
        return len(fetch(*piece)) if perf_counter() - begin < seconds else 0

    with ThreadPoolExecutor(AT_ONCE) as hands:
        n_bytes = sum(hands.map(fetched, _pieces(objects)))
    return n_bytes, perf_counter() - begin


def statuses(objects: Sequence[Address]) -> list[Status | None]:
    """Return the size and version of objects, asked for side by side; None for one that is not there.

    Raises
    ------
    InputError
        One cannot be read.
    """

    def known(address: Address) -> Status | None:
        with suppress(FileNotFoundError):
            return status(address)
        return None

    with ThreadPoolExecutor(AT_ONCE) as hands:
        return list(hands.map(known, objects))


def _pieces(objects: Iterable[Address]) -> Iterator[tuple[Address, int, int]]:
    """Yield pieces of objects that are worth a request; what is not there has none."""
    for address in objects:
        with suppress(FileNotFoundError):
            size = status(address).size
            for start in range(0, min(size, _SAMPLE), _PIECE):
                yield address, start, min(_PIECE, size - start)


def zarr_store(address: Address) -> Any:
    """Return what Zarr opens as a store of the objects below an address."""
    from zarr.storage import ObjectStore

    return ObjectStore(_made(str(address)), read_only=True)


def check_library() -> None:
    """Refuse addresses where the library that reads them is not installed.

    Raises
    ------
    UsageError
        It is not.
    """
    try:
        import obstore  # noqa: F401
    except ImportError:
        raise UsageError(
            "Addresses need the library obstore, which is not installed: pip install 'tessellar[s3]'."
        ) from None


def _store(address: Address) -> ObjectStore:
    return _kept(os.getpid(), address.root)


@cache
def _kept(process: int, root: str) -> ObjectStore:
    """Return the connections to a server; those of its parent are of no use to a forked process."""
    del process
    return _made(root)


def _made(url: str) -> ObjectStore:
    """Connect to a server; what is secret, and where a bucket is, the library takes from the environment."""
    from obstore.store import from_url

    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or ""
    plain = url.startswith("http://") or (url.startswith("s3://") and endpoint.startswith("http://"))
    found: ObjectStore = from_url(
        url,
        client_options={"allow_http": plain, "connect_timeout": "5s", "timeout": "60s"},
        retry_config={"max_retries": 6, "retry_timeout": timedelta(seconds=60)},
    )
    return found


def _status(entry: Any) -> Status:
    return Status(int(entry["size"]), str(entry.get("e_tag") or entry.get("last_modified") or ""))


@contextmanager
def _answering(address: Address) -> Iterator[None]:
    """Turn what goes wrong with a server into a sentence; that there is no such object is left as it is."""
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(str(address)) from None
    except (PermissionDeniedError, UnauthenticatedError) as error:
        advice = _ADVICE.get(address.scheme, "Ask who keeps it there.")
        raise InputError(f"{shown(str(address))} may not be read ({_reason(error)}). {advice}") from None
    except (BaseError, OSError) as error:
        advice = _WHERE.get(address.scheme, "Check the address and the network.")
        raise InputError(f"{shown(str(address))} cannot be read ({_reason(error)}). {advice}") from None


def _reason(error: Exception) -> str:
    """Return what a server answered, out of the library's many lines."""
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    said = re.sub(r"^.* in [0-9.]+[mµn]?s(, after [^-]*)? +- ", "", first).partition(": <")[0].strip(" :")
    return shown(said[:_LONGEST_REASON])
