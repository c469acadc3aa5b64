"""The spectrum of a source as a text file, columns as SoFiA orders them, and the noise behind them."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray, IntArray


def spectrum_text(
    *,
    name: str,
    channel: IntArray,
    value: DoubleArray,
    flux: DoubleArray,
    pixels: IntArray,
    noise: DoubleArray,
    kind: str,
    units: tuple[str, str],
) -> str:
    """Return a spectrum as text.

    Parameters
    ----------
    name
        What the source is called.
    channel, value, flux, pixels, noise
        Columns, arrays (frequency).
    kind
        What the second column is: ``freq``, ``v_rad`` …
    units
        Of ``value``, and of ``flux`` and ``noise``.
    """
    title = "".join(c if c.isprintable() else " " for c in name)
    spectral_unit, flux_unit = (unit.replace(" ", "") or "-" for unit in units)
    names = f"{'chan':>9} {kind:>23} {'f_sum':>15} {'n_pix':>9} {'err_f_sum':>15}"
    unit_row = f"{'-':>9} {spectral_unit:>23} {flux_unit:>15} {'-':>9} {flux_unit:>15}"
    rows = np.rec.fromarrays([channel, value, flux, pixels, noise]).tolist()
    lines = [f"{c:>10d} {v:>23.15e} {f:>15.7e} {n:>9d} {e:>15.7e}" for c, v, f, n, e in rows]
    return "\n".join([f"# {title}", f"#{names}", f"#{unit_row}", *lines, ""])
