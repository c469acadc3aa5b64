"""The beam is found wherever a header keeps it, and is never invented."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from cubes import LENGTHS, header, meta, said

from tessellar.io.beams import BeamTable
from tessellar.io.header import read_meta
from tessellar.model import Beam


@pytest.mark.parametrize(
    ("cards", "beam", "word"),
    [
        ({"BPA": None}, Beam(0.03, 0.02, 0.0), "No BPA"),
        ({"BMIN": None}, Beam(0.03, 0.03, 10.0), "No BMIN"),
        ({"BPA": 101242.703125}, Beam(0.03, 0.02, 82.703125), "do not trust"),
        ({"BMAJ": None}, None, "No beam"),
        ({"BMAJ": 0.0}, None, "No beam"),
        ({"BMAJ": "unknown"}, None, "No beam"),
    ],
)
def test_beams_of_the_header(cards, beam, word):
    found = meta(**cards)
    assert found.beams == (() if beam is None else (beam,))
    assert said(found, word)


def test_the_last_beam_of_an_aips_history_counts():
    made = header(LENGTHS, BMAJ=None)
    made["HISTORY"] = "AIPS   CLEAN BMAJ=  1.0000E-02 BMIN=  1.0000E-02 BPA=   0.00"
    made["HISTORY"] = "AIPS   CLEAN BMAJ=  1.4498E-01 BMIN=  1.2000E-01 BPA= -12.50"
    made["HISTORY"] = "AIPS   CLEAN BMAJ= ........ BMIN= - BPA= -"
    found = read_meta(made, "cube")
    assert found.beams == (Beam(0.14498, 0.12, -12.5),)
    assert said(found, "AIPS")


def table(major, channel=None, pol=None, unit="arcsec") -> BeamTable:
    rows = len(major)
    columns = [
        fits.Column("BMAJ", "1E", unit, array=major),
        fits.Column("BMIN", "1E", unit, array=np.asarray(major) / 2),
        fits.Column("BPA", "1E", "deg", array=np.arange(rows)),
        fits.Column("CHAN", "1J", array=np.arange(rows) if channel is None else channel),
        fits.Column("POL", "1J", array=np.zeros(rows) if pol is None else pol),
    ]
    file = BytesIO()
    fits.BinTableHDU.from_columns(columns).writeto(file)
    made = fits.Header.fromstring(file.getvalue()[2880:])
    data = file.getvalue()[2880 + len(made.tostring()) :]
    return BeamTable.parse(made.tostring(sep="\n", endcard=False, padding=False), data)


def test_a_table_gives_every_channel_its_beam():
    found = read_meta(header(LENGTHS), "cube", table([7.2, 14.4, 21.6, 28.8], channel=[3, 2, 1, 0]))
    assert [beam.major for beam in found.beams] == pytest.approx([0.008, 0.006, 0.004, 0.002])
    assert [beam.pa for beam in found.beams] == [3, 2, 1, 0]
    assert found.beam_areas() == pytest.approx(
        np.pi / (4 * np.log(2)) * np.array([32, 18, 8, 2]) * 1e-6 / 1e-4
    )


def test_a_table_in_degrees_and_of_two_polarisations():
    found = read_meta(
        header(LENGTHS), "cube", table([1.0, 9.0] * 4, [0, 0, 1, 1, 2, 2, 3, 3], [0, 1] * 4, "deg")
    )
    assert [beam.major for beam in found.beams] == [1.0] * 4


def test_a_channel_without_a_beam_gets_its_neighbours():
    found = read_meta(header(LENGTHS), "cube", table([0.0, 3600.0, 0.0, 7200.0]))
    assert [beam.major for beam in found.beams][:2] == pytest.approx([1.0, 1.0])
    assert found.beams[3].major == pytest.approx(2.0)
    assert said(found, "2 channels have no beam")


@pytest.mark.parametrize("rows", [table([1.0, 2.0]), table([0.0] * 4), BeamTable.parse("nonsense", b"")])
def test_a_table_that_does_not_fit_is_ignored(rows):
    found = read_meta(header(LENGTHS), "cube", rows)
    assert found.beams == (Beam(0.03, 0.02, 10.0),)
    assert said(found, "table of beams", "ignored")
