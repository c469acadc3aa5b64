"""The spectrum of a source as a text file, columns as SoFiA orders them, and the noise behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tessellar.io.publish import write_text
from tessellar.model import DoubleArray, IntArray


def write_spectrum(
    path: Path,
    *,
    name: str,
    channel: IntArray,
    value: DoubleArray,
    flux: DoubleArray,
    pixels: IntArray,
    noise: DoubleArray,
    kind: str,
    units: tuple[str, str],
) -> None:
    """Write a spectrum atomically.

    Parameters
    ----------
    path
        The file.
    name
        What the source is called.
    channel, value, flux, pixels, noise
        Columns, arrays (frequency).
    kind
        What the second column is: ``freq``, ``v_rad`` …
    units
        Of ``value``, and of ``flux`` and ``noise``.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    title = "".join(c if c.isprintable() else " " for c in name)
    spectral_unit, flux_unit = (unit.replace(" ", "") or "-" for unit in units)
    names = f"{'chan':>9} {kind:>23} {'f_sum':>15} {'n_pix':>9} {'err_f_sum':>15}"
    unit_row = f"{'-':>9} {spectral_unit:>23} {flux_unit:>15} {'-':>9} {flux_unit:>15}"
    rows = np.rec.fromarrays([channel, value, flux, pixels, noise]).tolist()
    lines = [f"{c:>10d} {v:>23.15e} {f:>15.7e} {n:>9d} {e:>15.7e}" for c, v, f, n, e in rows]
    write_text(path, "\n".join([f"# {title}", f"#{names}", f"#{unit_row}", *lines, ""]))
