"""The outcome of a denoising in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tessellar.cli.summary import costs
from tessellar.report.denoising_words import false_flux, gain, quieter

if TYPE_CHECKING:
    from tessellar.api import DenoisedCube


def summary(quiet: DenoisedCube) -> str:
    """Return how much quieter the cube is, what noise alone would give, what the run cost, and where the rest is."""
    info = quiet.info
    rows = [_state(quiet), *_row("false", false_flux(info)), *_row("truth", gain(info)), *costs(info)]
    return "\n".join(
        [
            *rows,
            "mind     fluxes below S/N 4 must not be measured on a denoised cube",
            f"more     {quiet.folder}",
        ]
    )


def _state(quiet: DenoisedCube) -> str:
    text = f"{quieter(quiet.info)}; {quiet.path} is complete"
    return text if quiet.complete else f"{text}, but for pieces that failed"


def _row(name: str, sentence: Any) -> list[str]:
    return [f"{name:8} {sentence}"] if sentence else []
