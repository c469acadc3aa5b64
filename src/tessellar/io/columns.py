"""The columns that a catalogue may have: SoFiA's names and meanings, each with its unit and its UCD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tessellar.flags import FLAGS_OF_LOOKS, flag_legend

UnitRule = Literal["", "pix", "deg", "Hz", "m / s", "cube", "flux", "spectral"]
"""A unit, or where it comes from.

``cube`` is the unit of a voxel, ``flux`` that of the integrated flux, ``spectral`` that of the spectral
axis, or channels where the header gives none.
"""


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """What one column of the catalogue holds."""

    name: str
    dtype: Literal["str", "int32", "int64", "float64"]
    unit: UnitRule
    ucd: str
    description: str


def _text(name: str, ucd: str, description: str) -> CatalogueColumn:
    return CatalogueColumn(name, "str", "", ucd, description)


def _count(name: str, ucd: str, description: str) -> CatalogueColumn:
    return CatalogueColumn(name, "int64", "", ucd, description)


def _index(name: str, axis: str, description: str, kind: str = "") -> CatalogueColumn:
    return CatalogueColumn(name, "int32", "pix", f"pos.cartesian.{axis}{kind}", description)


def _real(name: str, unit: UnitRule, ucd: str, description: str) -> CatalogueColumn:
    return CatalogueColumn(name, "float64", unit, ucd, description)


_DENSITY = "phot.flux.density"
_FLUX_RULE = (
    "times the channel width, each channel divided by its own beam area where the beam is known; "
    "the unit says which"
)
_ELLIPSE = (
    "of the ellipse with the second moments of the source's voxels of its own sign, summed along frequency"
)
_SPREAD = "two standard deviations of the flux"
_ELLIPSE_3S = "of the same ellipse from the pixels above three sigma, all with equal weight"
_PIXEL_ANGLE = "from the +y axis towards the -x axis (north through east where x runs west and y north)"

COLUMNS = (
    _text(
        "name", "meta.id;meta.main", "Name of the source, from its ICRS position, truncated as the IAU asks"
    ),
    _count("id", "meta.id", "Smallest voxel index of the source in the whole cube, (z nx + x) ny + y"),
    _real(
        "x", "pix", "pos.cartesian.x", "Flux-weighted centre along l, counted from 0 (FITS axis 1 minus 1)"
    ),
    _real(
        "y", "pix", "pos.cartesian.y", "Flux-weighted centre along m, counted from 0 (FITS axis 2 minus 1)"
    ),
    _real(
        "z", "pix", "pos.cartesian.z", "Flux-weighted centre along the spectral axis, channel counted from 0"
    ),
    _index("x_min", "x", "First pixel along l", ";stat.min"),
    _index("x_max", "x", "Last pixel along l, inside the source", ";stat.max"),
    _index("y_min", "y", "First pixel along m", ";stat.min"),
    _index("y_max", "y", "Last pixel along m, inside the source", ";stat.max"),
    _index("z_min", "z", "First channel", ";stat.min"),
    _index("z_max", "z", "Last channel, inside the source", ";stat.max"),
    _count("n_pix", "meta.number;instr.pixel", "Number of voxels"),
    _real("f_min", "cube", f"{_DENSITY};stat.min", "Smallest voxel"),
    _real("f_max", "cube", f"{_DENSITY};stat.max", "Largest voxel"),
    _real("f_sum", "flux", "phot.flux", f"Integrated flux: the sum of the voxels {_FLUX_RULE}"),
    _real("f_sum_corr", "flux", "phot.flux", "f_sum with an estimate of the flux outside the mask"),
    _real("rel", "", "stat.probability", "Reliability: the probability that the source is real, 0 to 1"),
    _real(
        "rel_classical",
        "",
        "stat.probability",
        "Reliability as negative detections tell it, where a second look decides rel",
    ),
    _real(
        "p_network",
        "",
        "stat.probability",
        "Largest calibrated probability of emission that the network of the finder gives to a voxel of the source",
    ),
    CatalogueColumn("flag", "int32", "", "meta.code.qual", f"Quality, a sum of bits: {flag_legend()}"),
    _real("fill", "", "stat.filling", "Part of the bounding box that the source fills, 0 to 1"),
    _real("mean", "cube", f"{_DENSITY};stat.mean", "Mean of the voxels"),
    _real("std", "cube", f"{_DENSITY};stat.stdev", "Standard deviation of the voxels"),
    _real("rms", "cube", "instr.det.noise", "Noise of a voxel, averaged over the source"),
    _real("w20", "spectral", "spect.line.width", "Line width at 20 per cent of the peak of the spectrum"),
    _real("w50", "spectral", "spect.line.width", "Line width at 50 per cent of the peak of the spectrum"),
    _real(
        "wm50",
        "spectral",
        "spect.line.width",
        "Line width at half of the mean level of the inner 90 per cent",
    ),
    _real("ell_maj", "pix", "phys.angSize.smajAxis", f"Major axis {_ELLIPSE}: {_SPREAD}"),
    _real("ell_min", "pix", "phys.angSize.sminAxis", f"Minor axis {_ELLIPSE}: {_SPREAD}"),
    _real("ell_pa", "deg", "pos.posAng", f"Position angle {_ELLIPSE}, {_PIXEL_ANGLE}"),
    _real("ell3s_maj", "pix", "phys.angSize.smajAxis", f"Major axis {_ELLIPSE_3S}"),
    _real("ell3s_min", "pix", "phys.angSize.sminAxis", f"Minor axis {_ELLIPSE_3S}"),
    _real("ell3s_pa", "deg", "pos.posAng", f"Position angle {_ELLIPSE_3S}, {_PIXEL_ANGLE}"),
    _real(
        "kin_pa",
        "deg",
        "pos.posAng",
        f"Position angle of the kinematic major axis, the side of the upper channels, {_PIXEL_ANGLE}",
    ),
    _real(
        "err_x",
        "pix",
        "stat.error;pos.cartesian.x",
        "Standard error of x from the noise, which also decides where the mask ends",
    ),
    _real("err_y", "pix", "stat.error;pos.cartesian.y", "Standard error of y, as that of x"),
    _real("err_z", "pix", "stat.error;pos.cartesian.z", "Standard error of z, as that of x"),
    _real("err_f_sum", "flux", "stat.error;phot.flux", "Standard error of f_sum from the noise"),
    _real("err_w20", "spectral", "stat.error;spect.line.width", "Standard error of w20, as that of x"),
    _real("err_w50", "spectral", "stat.error;spect.line.width", "Standard error of w50, as that of x"),
    _real("err_wm50", "spectral", "stat.error;spect.line.width", "Standard error of wm50, as that of x"),
    _real("err_ell_pa", "deg", "stat.error;pos.posAng", "Standard error of ell_pa, as that of x"),
    _real("err_kin_pa", "deg", "stat.error;pos.posAng", "Standard error of kin_pa, as that of x"),
    _real("snr", "", "stat.snr", "Size of f_sum divided by err_f_sum"),
    _real("ra", "deg", "pos.eq.ra;meta.main", "Right ascension of the centre, ICRS"),
    _real("dec", "deg", "pos.eq.dec;meta.main", "Declination of the centre, ICRS"),
    _real("l", "deg", "pos.galactic.lon", "Galactic longitude of the centre"),
    _real("b", "deg", "pos.galactic.lat", "Galactic latitude of the centre"),
    _real("freq", "Hz", "em.freq", "Frequency of the centre"),
    _real("v_rad", "m / s", "spect.dopplerVeloc.radio", "Radio velocity of the centre"),
    _real("v_opt", "m / s", "spect.dopplerVeloc.opt", "Optical velocity of the centre"),
    _real("v_app", "m / s", "spect.dopplerVeloc", "Apparent radial velocity of the centre"),
    _real("err_freq", "Hz", "stat.error;em.freq", "Standard error of freq, that of z"),
    _real("err_v_rad", "m / s", "stat.error;spect.dopplerVeloc.radio", "Standard error of v_rad, that of z"),
    _real("err_v_opt", "m / s", "stat.error;spect.dopplerVeloc.opt", "Standard error of v_opt, that of z"),
    _real("err_v_app", "m / s", "stat.error;spect.dopplerVeloc", "Standard error of v_app, that of z"),
    _index("x_peak", "x", "Pixel along l of the largest voxel, of a negative source the most negative"),
    _index("y_peak", "y", "Pixel along m of the largest voxel, of a negative source the most negative"),
    _index("z_peak", "z", "Channel of the largest voxel, of a negative source the most negative"),
)
"""Every column that a catalogue may have, in the order of the catalogue."""

AFTER_A_LOOK = {
    "rel": "Reliability: the probability that the source is real, 0 to 1, as a network sees it that looked at it",
    "flag": f"Quality, a sum of bits: {flag_legend(FLAGS_OF_LOOKS)}",
}
"""What columns hold where a network looked at the sources."""

COLUMN_OF_NAME = {column.name: column for column in COLUMNS}
