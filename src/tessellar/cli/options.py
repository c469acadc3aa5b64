"""The options that commands share: who runs them, with how much, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

from tessellar.cli import values
from tessellar.cli.values import Reader, reader
from tessellar.engine.executors import EXECUTORS

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

_tile = values.row_of(values.whole(1), length=3, words="64,256,256 (channels,x,y)")


def option(
    *names: str,
    metavar: str,
    reads: Callable[[Any], Any],
    about: str,
    **more: Any,
) -> Callable[[Command], Command]:
    """Return a click option whose value comes as text, or typed from a TOML file, and is read by ``reads``."""
    shown = more.get("default") is not None
    settings = {"type": click.UNPROCESSED, "callback": reader(reads), "show_default": shown, **more}
    return click.option(*names, metavar=metavar, help=about, **settings)


def argument(
    name: str, metavar: str, reads: Callable[[Any], Any] = values.path, **more: Any
) -> Callable[[Command], Command]:
    """Return a click argument that is read by ``reads``."""
    read: Reader = reader(reads)
    return click.argument(name, metavar=metavar, type=click.UNPROCESSED, callback=read, **more)


def stacked(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return several options as one decorator, in the order in which the help shows them."""
    return lambda command: reduce(lambda inner, decorate: decorate(inner), reversed(decorators), command)


running_options = stacked(
    option(
        "--executor",
        metavar="NAME",
        default="threads",
        reads=values.one_of(*EXECUTORS),
        about="Who works: serial, threads, processes, dask or ray.",
    ),
    option(
        "--address",
        metavar="URL",
        reads=values.words,
        about="A running cluster to join: tcp://HOST:PORT (dask), HOST:PORT or auto (ray).  [default: one is started]",
    ),
    option(
        "--workers",
        metavar="N",
        reads=values.whole(1, 100_000),
        about="Tiles in work at the same time.  [default: the cores, or all workers of a running cluster]",
    ),
    option(
        "--device",
        metavar="auto|cpu|cuda[:N]",
        default="auto",
        reads=values.device,
        about="Where to compute: on all GPUs, on GPU N, or on the CPU, which is auto until GPUs have been measured.",
    ),
    option(
        "--tile",
        metavar="Z,X,Y",
        reads=_tile,
        about="Voxels of a tile: channels, pixels, pixels. It never changes the result.  [default: chosen]",
    ),
    option(
        "--memory",
        metavar="SIZE",
        reads=values.memory,
        about="Memory that the run, or with --address each worker, may use: 4GiB.  [default: half of what is free]",
    ),
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")

telling_options = stacked(
    quiet_option,
    click.option("--log-json", is_flag=True, help="Progress as lines of JSON on standard error."),
)

watching_options = stacked(
    click.option("--fresh", is_flag=True, help="Discard what an earlier run left there and start over."),
    telling_options,
)
