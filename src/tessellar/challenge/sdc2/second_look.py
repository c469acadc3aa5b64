"""A second look at fitted discs: a network that has seen many says by how much they are off, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.challenge.sdc2.errors import PA_LIMIT
from tessellar.challenge.sdc2.field import REST_FREQUENCY, SPEED_OF_LIGHT
from tessellar.challenge.sdc2.fitting import places_of
from tessellar.challenge.sdc2.galaxies import hi_mass, typical_size, typical_speed
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.shape import INCLINATION_LIMIT
from tessellar.kernels.look.features import ROW_FEATURES, row_features, tame
from tessellar.kernels.look.frame import PATCH, Frame
from tessellar.kernels.look.patch import CHANNELS, patch_of
from tessellar.kernels.look.scale import Scale
from tessellar.model import DoubleArray, FloatArray, Source
from tessellar.simulate.sdc2.relations import angular_diameter_distance, luminosity_distance
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.kernels.look.network import Look

DISC_FEATURES = (
    *ROW_FEATURES, "size", "tilt", "roundness", "mass", "too_large", "too_fast", "flux_fitted", "size_fitted",
    "width_fitted", "turned", "turned_back", "tilt_measured",
)  # fmt: skip
"""What a network is told of a fitted disc: its row, what was fitted, and how that differs from what was measured."""
MOST_VOXELS = 2**22  # of a disc that is looked at; a network says nothing of a larger one
_ROOM = 1.25  # how much wider than the line and farther than the disc a patch reaches


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """Fitted discs, ready to be looked at.

    Attributes
    ----------
    patches
        float32 array (disc, 2, 32, 24, 24), nothing in the place of the mask.
    features
        float32 array (disc, feature) as `DISC_FEATURES` names them.
    seen
        Which are not too large to be looked at, bool array (disc).
    """

    patches: FloatArray
    features: FloatArray
    seen: npt.NDArray[np.bool_]


def discs_of(catalogue: QTable, measured: QTable, fitted: QTable, cube: Source, sampling: Sampling) -> Discs:
    """Return what a network is shown of the discs of a submission.

    Parameters
    ----------
    catalogue
        The rows of the finder's catalogue that the submission holds.
    measured, fitted
        The submission before and after the fit, in the same order.
    cube
        The cube that was searched.
    sampling
        How it samples the sky.
    """
    scale = Scale.of(cube.meta)
    frames = _frames(fitted, cube, sampling, scale)
    boxes = [frame.box(cube.meta.shape) for frame in frames]
    seen = np.array([box.size <= MOST_VOXELS for box in boxes], np.bool_)
    patches = np.zeros((len(frames), CHANNELS, *PATCH), np.float32)
    rms = _column(catalogue, "rms")
    for number in np.flatnonzero(seen):
        patches[number] = _patch(frames[number], boxes[number], cube, float(rms[number]))
    columns = {
        name: np.asarray(getattr(catalogue[name], "value", catalogue[name])) for name in catalogue.colnames
    }
    told = np.concatenate(
        [row_features(columns, frames, scale), _features(measured, fitted, sampling)], axis=1
    )
    return Discs(patches, told, seen)


def corrected(fitted: QTable, values: DoubleArray, cube: Source) -> QTable:
    """Return a submission whose discs are corrected.

    Parameters
    ----------
    fitted
        The submission.
    values
        Corrections, float64 array (disc, 6) as `tessellar.kernels.look.network.VALUES` names them.
    cube
        The cube that was searched.
    """
    out = fitted.copy()
    flux, size, width, turn, tilt, shift = values.T
    for name, factor in (("line_flux_integral", flux), ("hi_size", size), ("w20", width)):
        out[name] = fitted[name] * np.exp(factor)
    line = line_width_hz(fitted) * _channel_sign(cube)
    out["central_freq"] = (_column(fitted, "central_freq") + shift * line) * fitted["central_freq"].unit
    out["pa"] = np.mod(_column(fitted, "pa") + np.degrees(turn), 360.0) * fitted["pa"].unit
    out["i"] = np.clip(_column(fitted, "i") + np.degrees(tilt), 0.0, 90.0) * fitted["i"].unit
    return out


def look_at_discs(
    catalogue: QTable,
    measured: QTable,
    fitted: QTable,
    errors: QTable,
    cube: Source,
    sampling: Sampling,
    look: Look,
) -> tuple[QTable, QTable]:
    """Return a submission whose discs are corrected by what a network sees of them, and the errors that it tells.

    Discs that are too large to be looked at stay as they were fitted.

    Parameters
    ----------
    catalogue, measured, fitted, cube, sampling
        As for `discs_of`.
    errors
        How far ``fitted`` may be off, see `tessellar.challenge.sdc2.errors`.
    look
        The network.
    """
    discs = discs_of(catalogue, measured, fitted, cube, sampling)
    found = look.corrections(discs.patches, discs.features)
    table = corrected(fitted, np.where(discs.seen[:, np.newaxis], found.values, 0.0), cube)
    return table, _errors(table, errors, found.errors, discs.seen)


def _errors(table: QTable, before: QTable, told: DoubleArray, seen: npt.NDArray[np.bool_]) -> QTable:
    """Return errors in which those that the network tells have replaced others, for the discs that it has seen."""
    flux, size, width, turn, tilt, shift = told.T
    found = {
        "err_line_flux_integral": flux * _column(table, "line_flux_integral"),
        "err_hi_size": size * _column(table, "hi_size"),
        "err_w20": width * _column(table, "w20"),
        "err_pa": np.minimum(np.degrees(turn), PA_LIMIT),
        "err_i": np.minimum(np.degrees(tilt), INCLINATION_LIMIT),
        "err_central_freq": shift * line_width_hz(table),
    }
    out = before.copy()
    for name, values in found.items():
        out[name] = np.where(seen, values, _column(before, name)) * before[name].unit
    return out


def true_corrections(fitted: QTable, true: QTable, cube: Source) -> DoubleArray:
    """Return the corrections that would make discs the true ones, float64 array (disc, 6).

    Parameters
    ----------
    fitted
        The submission.
    true
        The true galaxy of each of its rows.
    cube
        The cube that was searched.
    """

    def off(name: str) -> DoubleArray:
        return _column(true, name) - _column(fitted, name)

    ratios = [
        np.log(_column(true, name) / _column(fitted, name))
        for name in ("line_flux_integral", "hi_size", "w20")
    ]
    turn = np.radians(off("pa"))
    shift = off("central_freq") * _channel_sign(cube) / line_width_hz(fitted)
    return np.stack([*ratios, np.arctan2(np.sin(turn), np.cos(turn)), np.radians(off("i")), shift], axis=1)


def line_width_hz(table: QTable) -> DoubleArray:
    """Return the line widths of a submission, Hz."""
    return (
        _column(table, "w20") * 1e3 * _column(table, "central_freq") ** 2 / (SPEED_OF_LIGHT * REST_FREQUENCY)
    )


def _frames(fitted: QTable, cube: Source, sampling: Sampling, scale: Scale) -> list[Frame]:
    """Return from where each disc is looked at: its receding side along one axis of the patch, or opposite to it."""
    channels = line_width_hz(fitted) / scale.width
    radius = 0.5 * np.hypot(_column(fitted, "hi_size") / sampling.pixel_arcsec, scale.beam)
    turn = np.radians(_column(fitted, "pa") + (0.0 if sampling.upper_recedes else 180.0))
    rows = zip(places_of(fitted, cube), turn, channels, radius, strict=True)
    return [
        Frame.around(place, float(angle), scale.beam, _ROOM * float(width), _ROOM * float(reach))
        for place, angle, width, reach in rows
    ]


def _patch(frame: Frame, box: Box, cube: Source, rms: float) -> FloatArray:
    voxels = cube.read(box)
    return patch_of(
        frame, box, voxels, np.full(voxels.shape, rms, np.float32), np.zeros(voxels.shape, np.bool_)
    )


def _features(measured: QTable, fitted: QTable, sampling: Sampling) -> FloatArray:
    """Return what was fitted, and how that differs from what was measured, float32 array (disc, 12)."""
    frequency, flux = _column(fitted, "central_freq"), _column(fitted, "line_flux_integral")
    mass = hi_mass(flux, luminosity_distance(frequency))
    kpc = math.radians(1.0 / 3600.0) * 1e3 * angular_diameter_distance(frequency)
    size, width, tilt = (_column(fitted, name) for name in ("hi_size", "w20", "i"))
    turned = np.radians(_column(fitted, "pa") - _column(measured, "pa"))
    ratios = [
        np.log(_column(fitted, name) / _column(measured, name))
        for name in ("line_flux_integral", "hi_size", "w20")
    ]
    found = [
        np.log(size / math.sqrt(math.prod(sampling.beam_arcsec))),
        np.radians(tilt),
        np.cos(np.radians(tilt)),
        np.log10(mass) - 9.0,
        np.log10(size * kpc / typical_size(mass)),
        np.log10(width / (2.0 * typical_speed(mass))),
        *ratios,
        np.cos(turned),
        np.sin(turned),
        np.radians(_column(measured, "i")),
    ]
    return tame(np.stack(found, axis=1))


def _channel_sign(cube: Source) -> float:
    values = cube.meta.spectral.values
    return 1.0 if values[-1] >= values[0] else -1.0


def _column(table: QTable, name: str) -> DoubleArray:
    return np.asarray(getattr(table[name], "value", table[name]), dtype=np.float64)
