"""Importing this finds the sources of a small sky, so that whatever a command needs is loaded."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import tessellar as ts
from tessellar.simulate.hi import HiSky

with TemporaryDirectory() as _folder:
    ts.find_sources(
        HiSky((24, 48, 40), seed=4, n_sources=4),
        products=ts.Products(report=False),
        executor="serial",
        out=_folder,
    )
