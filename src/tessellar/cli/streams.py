"""Standard streams that the caller of the program closed, as some schedulers and scripts do."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Lead them nowhere: the next file opened would get the number of one, and what a library says there."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
