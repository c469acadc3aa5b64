"""How the voxels of a channel add up to flux: what a voxel counts for, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import CubeMeta, DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class FluxScale:
    """How the voxels of a channel add up to flux.

    Attributes
    ----------
    weight
        Spectral width over beam area of every channel, float64 array (frequency), and what brings the cube's unit
        to that of the flux.
    beam_area
        Pixels of a beam, float64 array (frequency), at least 1; 1 without a beam.
    unit
        Unit of the integrated flux, as astropy reads it.
    values
        Centre of every channel in the native spectral unit, float64 array (frequency), two at least.
    """

    weight: DoubleArray
    beam_area: DoubleArray
    unit: str
    values: DoubleArray

    @property
    def stretch(self) -> DoubleArray:
        """Area of the beam of each channel over the mean, float64 array (frequency)."""
        return np.asarray(self.beam_area / self.beam_area.mean(), dtype=np.float64)

    @classmethod
    def of(cls, meta: CubeMeta) -> FluxScale:
        """Return the scale of a cube: Jy times the spectral unit where the cube's unit and beam allow it."""
        from astropy import units

        widths, areas = meta.spectral.widths(), meta.beam_areas()
        values, spectral_unit = np.asarray(meta.spectral.values), meta.spectral.unit
        if not np.isfinite(
            widths
        ).all():  # one channel of unknown width: flux density is all that can be told
            widths, spectral_unit = np.ones_like(widths), ""
        if values.size == 1:  # a second channel that is not there tells how wide the first is
            values = np.append(values, values + meta.spectral.widths())
        unit, factor = _voxel_unit(meta.unit, areas is not None)
        weight = widths * factor
        if "beam" in meta.unit and areas is not None:
            weight = weight / areas
        total = units.Unit(unit) * units.Unit(spectral_unit)
        independent = np.ones(meta.shape[0]) if areas is None else np.maximum(areas, 1.0)
        return cls(weight, independent, total.to_string(), values)


def _voxel_unit(unit: str, has_beam: bool) -> tuple[str, float]:
    """Return the unit of a sum of voxels over pixels, and the factor that brings voxels to it: Jy where it can be."""
    from astropy import units

    voxel = units.Unit(unit) if unit else units.dimensionless_unscaled
    if has_beam:
        voxel = voxel * units.beam if units.beam in voxel.bases else voxel
    voxel = voxel * units.pix if units.pix in voxel.bases else voxel
    if voxel.is_equivalent(units.Jy):
        return "Jy", float(voxel.to(units.Jy))
    return voxel.to_string(), 1.0
