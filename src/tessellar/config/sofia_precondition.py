"""What a SoFiA parameter file says of preconditioning, under the names of our options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_OPTIONS = {
    "input.region": "region",
    "input.gain": "gain",
    "input.noise": "noise",
    "input.weights": "weights",
    "input.invert": "invert",
    "contsub.threshold": "contsub_threshold",
    "contsub.shift": "contsub_shift",
    "contsub.padding": "contsub_padding",
    "rippleFilter.windowXY": "ripple_window_xy",
    "rippleFilter.windowZ": "ripple_window_z",
    "rippleFilter.gridXY": "ripple_grid_xy",
    "rippleFilter.gridZ": "ripple_grid_z",
    "rippleFilter.interpolate": "ripple_interpolate",
    "scaleNoise.mode": "scale_noise",
    "scaleNoise.windowXY": "scale_noise_window_xy",
    "scaleNoise.windowZ": "scale_noise_window_z",
    "scaleNoise.gridXY": "scale_noise_grid_xy",
    "scaleNoise.gridZ": "scale_noise_grid_z",
    "scaleNoise.interpolate": "scale_noise_interpolate",
    "flag.region": "flag_region",
    "flag.catalog": "flag_catalog",
    "flag.radius": "flag_radius",
    "flag.cube": "flag_cube",
    "flag.auto": "flag_auto",
    "flag.threshold": "flag_threshold",
}
_WORDS = {"flag.auto": {"false": "off"}, "scaleNoise.mode": {"spectral": "product"}}


def preconditioning(given: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Yield option, value and SoFiA's name of what is given."""
    if given.get("contsub.enable"):
        yield "contsub_order", given.get("contsub.order", 0), _giver("contsub.order", given, "contsub.enable")
    if given.get("rippleFilter.enable"):
        name = _giver("rippleFilter.statistic", given, "rippleFilter.enable")
        yield "ripple_filter", given.get("rippleFilter.statistic", "median"), name
    if "input.primaryBeam" in given and "input.gain" not in given:
        yield "gain", given["input.primaryBeam"], "input.primaryBeam"
    for name, option in _OPTIONS.items():
        if name in given:
            value = given[name]
            yield option, _WORDS[name].get(value, value) if name in _WORDS else value, name


def _giver(name: str, given: Mapping[str, Any], other: str) -> str:
    """Return which parameter gave a value: its own, or the one that switches it on."""
    return name if name in given else other
