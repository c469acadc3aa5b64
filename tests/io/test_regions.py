"""Region files for DS9 and CARTA."""

from __future__ import annotations

import numpy as np
from memory_cube import meta_of

from tessellar.io.catalogue import make_table
from tessellar.io.regions import region_text


def test_an_ellipse_for_each_source_in_pixels_from_one() -> None:
    columns = {
        "name": np.array(["TSL 1", "TSL 2"]),
        "x": np.array([10.0, np.nan]),
        "y": np.array([20.5, 1.0]),
        "ell_maj": np.array([6.0, 1.0]),
        "ell_min": np.array([2.0, 1.0]),
        "ell_pa": np.array([-30.0, 0.0]),
    }
    lines = region_text(make_table(columns, meta_of((3, 30, 30)), flux_unit="Jy Hz")).splitlines()
    assert lines[2:] == ["image", "ellipse(11.000,21.500,6.000,2.000,60.00) # text={TSL 1}"]


def test_no_sources_give_a_file_without_ellipses() -> None:
    names = ("name", "x", "y", "ell_maj", "ell_min", "ell_pa")
    table = make_table({name: np.array([]) for name in names}, meta_of((3, 30, 30)), flux_unit="Jy Hz")
    assert region_text(table).endswith("image\n")
