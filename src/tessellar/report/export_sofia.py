"""A run as SoFiA 2 would have left it: what the SoFiA Image Pipeline and other programs around SoFiA read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tessellar.io.cards import Value
from tessellar.io.catalogue import plain_table
from tessellar.io.fits_copy import card_of, copy_mask
from tessellar.io.publish import write_bytes
from tessellar.io.sofia_text import write_sofia_catalogue, write_sofia_spectrum
from tessellar.io.votable import votable_bytes
from tessellar.report.cubelet_store import CubeletStore
from tessellar.report.export import Export
from tessellar.report.export_products import CardsOf, copy_image, copy_product, export_maps, export_mask
from tessellar.report.words import count, things

if TYPE_CHECKING:
    from astropy.table import Table

OUR_ID = "tsl_id"
"""The column that keeps our ``id``, where ``id`` is SoFiA's running number."""

_CUBELETS = ("cube", "mom0", "mom1", "mom2", "chan", "snr", "pv")
_MAPS = ("mom0", "mom1", "mom2", "chan")


def export_sofia(export: Export) -> None:
    """Write catalogue, mask, maps and cubelets as SoFiA names and orders them.

    Raises
    ------
    InputError
        A product of the run is damaged.
    OutputError
        The export cannot be written.
    """
    _catalogue(export)
    cards_of = partial(_cards, export)
    export_mask(export)
    export_maps(export, _MAPS, cards_of)
    _cubelets(export, cards_of)


def sofia_table(export: Export) -> Table:
    """Return the catalogue with running numbers from 1 as ``id``, which are also the labels of the mask."""
    table = plain_table(export.table)
    ours = table["id"]
    table[OUR_ID] = ours.copy()
    table[OUR_ID].description = f"Column id of Tessellar: {ours.description}"
    table["id"] = type(ours)(
        np.arange(1, len(table) + 1),
        description="Running number, the label in the mask",
        meta=dict(ours.meta),
    )
    return table


def creator() -> str:
    """Return what SoFiA's files call the program that made them."""
    from tessellar import __version__

    return f"Tessellar {__version__}, as SoFiA 2 lays it out"


def _catalogue(export: Export) -> None:
    table = sofia_table(export)
    export.once(export.path("cat.txt"), partial(write_sofia_catalogue, table, creator=creator()))
    export.once(export.path("cat.xml"), lambda path: write_bytes(path, votable_bytes(table)))


def _cubelets(export: Export, cards_of: CardsOf) -> None:
    ours, store = export.table["id"].tolist(), CubeletStore(export.run)
    pictured = store.sources()
    found = [number for number, source in enumerate(ours, start=1) if source in pictured]
    if len(found) < len(ours):
        export.observer.say(
            f"{things(len(found), 'source')} of {count(len(ours))} have cubelets, and only these are exported with "
            "pictures (tessellar find --cubelets all makes them for every source)."
        )
    target = export.folder / f"{export.base}_cubelets"
    write = partial(write_sofia_spectrum, creator=creator())
    for number in export.each("cubelets", found) if found else ():
        stem = f"{export.base}_{number}"
        with store.files(ours[number - 1]) as files:
            for name in _CUBELETS:
                copy_image(export, files[name], target / f"{stem}_{name}.fits", cards_of)
            # The pipeline looks for the number of a source in the mask of its cubelet, where SoFiA 2.5 has 1.
            mask = target / f"{stem}_mask.fits"
            copy_product(export, files["mask"], mask, partial(copy_mask, label=number))
            copy_product(export, files["spec"], target / f"{stem}_spec.txt", write)


def _cards(export: Export, source: Path) -> dict[str, Value]:
    """Return the cards in which SoFiA's file differs from ours."""
    product = source.stem.rpartition("_")[2]
    if product == "pv":
        return {"CTYPE1": "ANGLE"}
    if product != "mom0":
        return {}
    units = (
        str(export.run.of("cube", "unit", default="")).replace(" ", ""),
        card_of(source.with_name(f"{source.stem.removesuffix('mom0')}mom1.fits"), "BUNIT"),
    )
    together = "*".join(unit for unit in units if unit)
    return {"BUNIT": together} if together else {}
