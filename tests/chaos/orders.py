"""Orders to make trouble: a folder in which each lies until somebody reaches its place, and is carried out once."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tessellar.tiling.box import Box


@dataclass(frozen=True)
class Order:
    """What shall happen, and when.

    Attributes
    ----------
    kind
        What: one of the words of `trouble.act`.
    stage
        In which stage.
    nth
        At which call of this stage and point, counted from 1 since the driver was started.
    point
        Where in the work: ``read``, ``kernel``, ``partial`` (before it is written), ``report`` (after that), or
        ``record`` (before the driver takes note of a lease).
    place
        The box that must be worked on, empty for any.
    """

    kind: str
    stage: str = "detect"
    nth: int = 1
    point: str = "read"
    place: str = ""

    def lies_at(self, point: str, stage: str, place: str, count: int) -> bool:
        """Return whether this is the point, at its n-th call."""
        here = (self.point, self.stage, self.place or place) == (point, stage, place)
        return here and count >= self.nth


@dataclass(frozen=True)
class Call:
    """Something that a process did: at which point of which stage, and to which box."""

    process: int
    point: str
    stage: str
    place: str


@dataclass(frozen=True)
class Orders:
    """The folder; it pickles to its name, and any process may look into it."""

    folder: Path

    def give(self, order: Order) -> None:
        """Put an order down."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        number = len(list(self.folder.rglob("*.order")))
        (self._waiting / f"{number:03}.order").write_text(json.dumps(asdict(order)))

    def withdraw(self) -> None:
        """Remove what was not carried out."""
        for path in self._pending():
            path.unlink()

    def reach(self, point: str, stage: str, place: str = "") -> Order | None:
        """Write down that somebody is at a point, and return the order that is to be carried out there."""
        self._append("calls", f"{os.getpid()};{point};{stage};{place}")
        pending = self._pending()
        count = sum((c.point, c.stage) == (point, stage) for c in self.calls()) if pending else 0
        for path in pending:
            order = _read(path)
            if order is not None and order.lies_at(point, stage, place, count) and self._claim(path):
                self._append("events", order.kind)
                return order
        return None

    def calls(self) -> Iterator[Call]:
        """Yield what was done since the driver was started."""
        for line in self._lines("calls"):
            process, point, stage, place = line.split(";")
            yield Call(int(process), point, stage, place)

    def events(self) -> Counter[str]:
        """Return how often each kind of order was carried out since the driver was started."""
        return Counter(self._lines("events"))

    def begin(self) -> None:
        """Forget what earlier drivers did."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("calls", "events"):
            (self.folder / name).unlink(missing_ok=True)

    def enter(self, stage: str) -> None:
        """Take note of the stage that is at work, and of the driver."""
        self.put("stage", stage)
        self.put("driver", str(os.getpid()))

    def put(self, name: str, text: str) -> None:
        """Keep a word for others."""
        temporary = self.folder / f"{name}.{os.getpid()}"
        temporary.write_text(text)
        temporary.replace(self.folder / name)

    def get(self, name: str) -> str:
        """Return a word that was kept."""
        return (self.folder / name).read_text()

    @property
    def _waiting(self) -> Path:
        return self.folder / "waiting"

    def _pending(self) -> list[Path]:
        return sorted(self._waiting.glob("*.order"))

    def _claim(self, path: Path) -> bool:
        """Return whether this process, and no other, is to carry an order out."""
        done = self.folder / "done"
        done.mkdir(exist_ok=True)
        try:
            path.rename(done / path.name)
        except FileNotFoundError:
            return False
        return True

    def _append(self, name: str, line: str) -> None:
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(handle, f"{line}\n".encode())
        finally:
            os.close(handle)

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


def _read(path: Path) -> Order | None:
    try:
        return Order(**json.loads(path.read_text()))
    except FileNotFoundError:  # somebody else is carrying it out
        return None


def place_of(box: Box) -> str:
    """Return a box as a word."""
    return f"{box.start}-{box.stop}"


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
