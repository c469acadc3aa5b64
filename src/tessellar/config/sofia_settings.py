"""From the values of a SoFiA parameter file to settings of ours, where that takes more than another name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tessellar.config.sofia_precondition import preconditioning

_OPTIONS = {
    "input.data": "cube",
    "linker.radiusXY": "linker_radius_xy",
    "linker.radiusZ": "linker_radius_z",
    "linker.minSizeXY": "linker_min_size_xy",
    "linker.minSizeZ": "linker_min_size_z",
    "linker.maxSizeXY": "linker_max_size_xy",
    "linker.maxSizeZ": "linker_max_size_z",
    "linker.maxPixels": "linker_max_pixels",
    "linker.minFill": "linker_min_fill",
    "linker.maxFill": "linker_max_fill",
}
_GROWTH = {
    "dilation.enable": "dilation",
    "dilation.iterationsXY": "dilation_iterations_xy",
    "dilation.iterationsZ": "dilation_iterations_z",
    "dilation.threshold": "dilation_threshold",
}
_SCALES = {"scfind.kernelsXY": "kernels_xy", "scfind.kernelsZ": "kernels_z", "scfind.threshold": "threshold"}
_THRESHOLD, _REPLACEMENT, _RELIABILITY = 5.0, 2.0, 0.9  # SoFiA's defaults


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings by our names, where they come from, what differs, and what is wrong."""

    values: dict[str, Any]
    names: dict[str, str]
    remarks: list[str]
    problems: list[str]

    def put(self, option: str, value: Any, name: str) -> None:
        """Set an option for the sake of a parameter."""
        self.values[option], self.names[option] = value, name

    def put_largest(self, option: str, given: Mapping[str, Any], least: float, *names: str) -> None:
        """Set an option to the largest of several parameters, if any is given, and at least to ``least``."""
        found = [name for name in names if name in given]
        if found:
            name = max(found, key=lambda name: given[name])
            self.put(option, max(given[name], least), name)


def settings_of(given: Mapping[str, Any]) -> Settings:
    """Return the settings for values that were read; without those that have no effect."""
    settings = Settings({}, {}, [], [])
    for name, option in _OPTIONS.items():
        if name in given:
            settings.put(option, given[name], name)
    for option, value, name in preconditioning(given):
        settings.put(option, value, name)
    if {"input.gain", "input.primaryBeam"} <= given.keys():
        settings.remarks.append(
            f"SoFiA parameter input.primaryBeam = {given['input.primaryBeam']} is not supported beside input.gain: "
            "fluxes are divided by one of them. Multiply the files and give the product as --gain."
        )
    if given.get("scfind.enable", True):
        _smooth_and_clip(settings, given)
    else:
        _threshold_alone(settings, given)
    pixels = ("linker.minPixels", "filter.minPixels", "reliability.minPixels")
    settings.put_largest("linker_min_pixels", given, 1, *pixels)
    _reliability(settings, given)
    _negative(settings, given)
    for name, option in _GROWTH.items():
        if name in given:
            settings.put(option, given[name], name)
    return settings


def _smooth_and_clip(settings: Settings, given: Mapping[str, Any]) -> None:
    for name, option in _SCALES.items():
        if name in given:
            settings.put(option, given[name], name)
    threshold = given.get("scfind.threshold", _THRESHOLD)
    replacement = given.get("scfind.replacement", _REPLACEMENT)
    if not 0 <= replacement <= threshold:
        settings.remarks.append(
            f"SoFiA parameter scfind.replacement = {replacement:g} is not supported: "
            f"voxels above the threshold are smoothed as if they were at the threshold, {threshold:g} times the noise."
        )
        replacement = threshold
    if "scfind.replacement" in given or replacement != _REPLACEMENT:
        settings.put("replacement", replacement, "scfind.replacement")
    if given.get("threshold.enable") and not _contained(given, threshold):
        settings.remarks.append(
            "SoFiA parameter threshold.enable = true is not supported beside scfind.enable: "
            "voxels are detected by smoothing and clipping only."
        )


def _contained(given: Mapping[str, Any], threshold: float) -> bool:
    """Return whether the unsmoothed scale detects what the threshold finder would."""
    unsmoothed = 0 in given.get("scfind.kernelsXY", [0]) and 0 in given.get("scfind.kernelsZ", [0])
    relative = given.get("threshold.mode", "relative") == "relative"
    return unsmoothed and relative and bool(given.get("threshold.threshold", _THRESHOLD) >= threshold)


def _threshold_alone(settings: Settings, given: Mapping[str, Any]) -> None:
    """A threshold is the finder whose only scale is no smoothing; nothing is replaced in it."""
    if not given.get("threshold.enable"):
        settings.problems.append("no finder is enabled; set scfind.enable or threshold.enable to true")
    elif given.get("threshold.mode", "relative") != "relative":
        settings.problems.append(
            f"threshold.mode is {given['threshold.mode']}; only relative is supported, in units of the noise"
        )
    for option in ("kernels_xy", "kernels_z"):
        settings.put(option, [0], "threshold.enable")
    settings.put("replacement", 0.0, "threshold.enable")
    settings.put("threshold", given.get("threshold.threshold", _THRESHOLD), "threshold.threshold")


def _reliability(settings: Settings, given: Mapping[str, Any]) -> None:
    if given.get("reliability.enable"):
        threshold = given.get("reliability.threshold", _RELIABILITY)
        settings.put("reliability", threshold, "reliability.threshold")
        if "reliability.scaleKernel" in given:
            settings.put(
                "reliability_scale_kernel", given["reliability.scaleKernel"], "reliability.scaleKernel"
            )
        settings.put_largest("reliability_min_snr", given, 0, "reliability.minSNR", "filter.minSNR")
    elif given.get("filter.minSNR", 0) > 0:
        settings.remarks.append(
            f"SoFiA parameter filter.minSNR = {given['filter.minSNR']:g} is not supported without "
            "reliability.enable: select rows of the catalogue by snr."
        )


def _negative(settings: Settings, given: Mapping[str, Any]) -> None:
    """Detections of negative flux are listed where either version of the switch asks for it, unless they are judged."""
    asked = {"linker.keepNegative": True, "filter.discardNegative": False}
    for name, value in asked.items():
        if given.get(name, not value) != value:
            continue
        if given.get("reliability.enable"):
            settings.remarks.append(
                f"SoFiA parameter {name} = {str(value).lower()} is not supported beside reliability.enable: "
                "negative detections tell which positive ones are false, and are counted in run.json only."
            )
        else:
            settings.put("keep_negative", True, name)
