"""What became of a denoised cube, in sentences."""

from __future__ import annotations

from typing import Any

from tessellar.report.words import metric, significant

MIND = (
    "Fluxes below S/N 4 must not be measured on a denoised cube: what a kernel leaves of faint emission is not its "
    "flux. Find sources on it if that helps, and measure them on the cube as it was."
)


def quieter(info: dict[str, Any]) -> str:
    """Return how much noise there was, and how much is left."""
    before, after = info["noise_before"], info["noise_after"]
    if not before:
        blank = "; without it a network leaves every voxel blank" if info["kernel"] == "unet" else ""
        return f"denoised by {info['kernel']}; the noise of the cube is not known{blank}"
    factor, unit = metric(before, info["cube"]["unit"])
    start = f"noise {significant(before * factor)} {unit}".strip()
    if not after:
        return f"{start}, by {info['kernel']} to nothing that can be measured"
    left = f"{significant(after * factor)} {unit}"
    return f"{start}, by {info['kernel']} to {left}: {significant(before / after)} times less"


def false_flux(info: dict[str, Any]) -> str:
    """Return what noise alone gives, and what share of the cube's positive flux that would be; empty if not known."""
    made_up, output = info["noise_only"].get("made_up", {}), info["distributions"].get("output", {})
    if made_up.get("positive") is None or made_up.get("largest") is None:
        return ""
    sentence = (
        f"noise alone leaves voxels up to {significant(made_up['largest'], 2)} sigma, "
        f"{significant(100 * made_up['share_above_1'], 2)} % of them above 1"
    )
    if not output.get("positive"):
        return sentence
    share = 100 * made_up["positive"] / output["positive"]
    return f"{sentence}, and {significant(share, 2)} % of the positive flux of the denoised cube"


def gain(info: dict[str, Any]) -> str:
    """Return by how much the squared error fell; empty where the truth is not known."""
    truth = info.get("truth") or {}
    if truth.get("mse_gain_db") is None:
        return ""
    sentence = f"mean squared error {significant(truth['mse_gain_db'])} dB less"
    if truth.get("mse_gain_in_sources_db") is None:
        return sentence
    inside = significant(truth["mse_gain_in_sources_db"])
    return f"{sentence}, {inside} dB where the truth is above {truth['source_snr']:g} sigma"
