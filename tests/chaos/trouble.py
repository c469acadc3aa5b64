"""A cube that makes trouble: whoever reads it carries out the orders that lie there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from orders import Order, Orders, place_of, until
from sky import PLANE_VOXELS, SKY

from tessellar.engine.find.calibrate import ScaleStage
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.io import fits_write
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box

MORE_BYTES_THAN_ANYBODY_HAS = 2**50


@dataclass(frozen=True)
class TroubledSource:
    """A made-up sky whose voxels lie in a file, and the orders that are carried out while it is read."""

    path: Path
    orders: Orders
    chunks: None = None

    @property
    def meta(self) -> CubeMeta:
        return SKY.meta

    @property
    def identity(self) -> str:
        return SKY.identity

    @property
    def stored_bytes(self) -> int:
        return self.path.stat().st_size

    def read(self, box: Box) -> FloatArray:
        meet(self.orders, "read", self.orders.get("stage"), place_of(box))
        voxels: FloatArray = np.load(self.path, mmap_mode="r")
        return np.array(voxels[box.slices()])


def meet(orders: Orders, point: str, stage: str, place: str = "") -> None:
    """Carry out the order that lies at a point, if there is one."""
    order = orders.reach(point, stage, place)
    if order is not None:
        act(order, orders, place)


def act(order: Order, orders: Orders, place: str) -> None:
    """Make the trouble that an order wants."""
    if order.kind == "exception":
        raise ValueError(f"box {place}\nwas told to fail")
    if order.kind == "out of memory":
        np.empty(MORE_BYTES_THAN_ANYBODY_HAS, np.uint8)
    if order.kind == "kill worker":
        _kill(os.getpid())
    if order.kind == "kill driver":
        _kill(int(orders.get("driver")))
    if order.kind in ("SIGTERM", "SIGINT"):
        os.kill(int(orders.get("driver")), getattr(signal, order.kind))
    if order.kind == "kill scheduler":
        for process in orders.get("scheduler").split():
            os.kill(int(process), signal.SIGKILL)
        until(lambda: not psutil.pid_exists(int(orders.get("driver"))))  # else it might end before it notices
    if order.kind == "hang":
        until(lambda: False, 600)
    if order.kind == "straggle":
        until(lambda: _begun(orders, order, place) > 1, 600)


def _kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    until(lambda: False)  # until this process dies with the driver


def _begun(orders: Orders, order: Order, place: str) -> int:
    return sum((c.point, c.stage, c.place) == (order.point, order.stage, place) for c in orders.calls())


def _watch(
    owner: type, name: str, before: Callable[..., None], after: Callable[..., None] | None = None
) -> None:
    """Make a method meet orders before, and after, it does its work."""
    work = getattr(owner, name)

    @wraps(work)
    def watched(*words: Any, **more: Any) -> Any:
        before(*words)
        result = work(*words, **more)
        if after is not None:
            after(*words)
        return result

    setattr(owner, name, watched)


def _at(point: str) -> Callable[..., None]:
    """Return what meets the orders for a point, given a stage among other things."""

    def meet_orders(*words: Any) -> None:
        for word in words:
            source = getattr(word, "source", None)
            if isinstance(source, TroubledSource):
                meet(source.orders, point, word.name)

    return meet_orders


def watch_records(orders: Orders) -> None:
    """Make this driver meet orders before it records a lease."""
    _watch(Journal, "record", lambda journal, report: meet(orders, "record", report.lease.stage))


fits_write.PIECE_VOXELS, fits_write._DEPTH = PLANE_VOXELS, 1  # the pieces of a FITS file are planes
_watch(ScaleStage, "_count", _at("kernel"))
_watch(DetectStage, "_detect", _at("kernel"))
_watch(PartialStore, "write", _at("partial"), _at("report"))
