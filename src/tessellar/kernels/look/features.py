"""What a network is told of a candidate beside its patch: numbers of its row, in units of noise, beam and channel."""

from __future__ import annotations

import numpy as np

from tessellar.kernels.look.frame import Frame
from tessellar.kernels.look.scale import Scale
from tessellar.model import DoubleArray, FloatArray, Payload

ROW_FEATURES = (
    "snr", "peak", "mean", "std", "n_pix", "channels", "extent", "major", "minor", "fill", "w20", "beyond", "turns",
    "beam", "binned_channels", "binned_sky", "channel",
)  # fmt: skip
"""Features of a row, most of them decimal logarithms."""
_LARGEST = 5.0


def row_features(columns: Payload, frames: list[Frame], scale: Scale) -> FloatArray:
    """Return the features of rows of the catalogue, float32 array (row, feature) as `ROW_FEATURES` names them.

    Parameters
    ----------
    columns
        Measured columns, arrays (row), in the units of the cube.
    frames
        From where each is looked at.
    scale
        Beam and channels of the cube.
    """
    column = {name: np.asarray(columns[name], dtype=np.float64) for name in columns if name != "name"}
    extent = {axis: column[f"{axis}_max"] - column[f"{axis}_min"] + 1.0 for axis in "zxy"}
    beam, area = scale.beam, scale.beam**2
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = [
            column["snr"],
            column["f_max"] / column["rms"],
            column["mean"] / column["rms"],
            column["std"] / column["rms"],
            column["n_pix"] / area,
            extent["z"],
            np.maximum(extent["x"], extent["y"]) / beam,
            column["ell_maj"] / beam,
            column["ell_min"] / beam,
            column["fill"],
            column["w20"] / scale.width,
            column["f_sum_corr"] / column["f_sum"],
        ]
        found = [np.log10(np.maximum(values, 0.0)) for values in logarithms]
    known = np.isfinite(column["kin_pa"]).astype(np.float64)
    speed = np.log10(scale.speed / 1e4) if scale.speed > 0 else 0.0
    found += [
        known,
        np.full(len(known), np.log10(beam / 3.0)),
        np.log10([frame.channels for frame in frames]) if frames else np.empty(0),
        np.log10([frame.beams for frame in frames]) if frames else np.empty(0),
        np.full(len(known), speed),
    ]
    return tame(np.stack(found, axis=1))


def tame(features: DoubleArray) -> FloatArray:
    """Return features as float32 between -5 and 5; 0 where one is no number."""
    return np.clip(
        np.nan_to_num(features, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), -_LARGEST, _LARGEST
    ).astype(np.float32)
