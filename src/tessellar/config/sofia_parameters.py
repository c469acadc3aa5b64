"""What becomes of each parameter of SoFiA 2, up to 2.7: used, already done, or not supported and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tessellar.config.par_values import number, row_of, switch, whole, word, words

USED, SAME, MISSING = "used", "same", "not supported"
Fine = bool | int | float | str | frozenset[str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter and its fate.

    Attributes
    ----------
    name
        SoFiA's name.
    fate
        ``USED``, ``SAME``: nothing needs to be said, or ``MISSING``: said unless the value is the ``fine`` one.
    text
        The option that it becomes, what is done anyway, or why it is not supported and what to do.
    read
        How a value is read; values that do not matter are not.
    fine
        The value that asks for nothing that is missing.
    within
        The switch without which this one has no effect, empty when there is none.
    """

    name: str
    fate: str
    text: str
    read: Callable[[str], Any] | None = None
    fine: Fine | None = None
    within: str = ""


def _used(
    module: str, read: Callable[[str], Any], within: str = "", /, **options: str
) -> Iterator[Parameter]:
    for name, text in options.items():
        yield Parameter(f"{module}.{name}", USED, text, read, within=within)


def _same(module: str, names: str, text: str) -> Iterator[Parameter]:
    for name in names.split():
        yield Parameter(f"{module}.{name}", SAME, text)


def _missing(module: str, text: str, within: str = "", /, **fine: Fine) -> Iterator[Parameter]:
    for name, value in fine.items():
        yield Parameter(f"{module}.{name}", MISSING, text, _reader(value), value, within)


def _reader(fine: Fine) -> Callable[[str], Any]:
    """Return how values are read that are compared with this one."""
    if isinstance(fine, bool):
        return switch
    if isinstance(fine, int | float):
        return number
    return words if isinstance(fine, frozenset) else word if fine else str


_RATED, _CLIPPED, _SCALED, _CUT, _GROWN = (
    "reliability.enable",
    "scfind.enable",
    "scaleNoise.enable",
    "threshold.enable",
    "dilation.enable",
)
_LINE_FREE, _RIPPLES = "contsub.enable", "rippleFilter.enable"
_WINDOW = "windowXY windowZ gridXY gridZ interpolate"
_MARGINS = "marginCubelets marginCubeletsXY marginCubeletsZ marginAperSpec marginAperture thresholdMom12"
_AXES = frozenset({"peak", "sum", "mean"})

_MASK = "sources are not added to a mask; `tessellar match` compares catalogues"
_FILTER = "another filter; --ripple-filter subtracts a local background, --contsub-order a continuum"
_ESTIMATOR = "the noise is always measured by the MAD of the negative voxels (mad, negative)"
_NEGATIVE = "--keep-negative, where reliability is off"
_F_MIN = (
    "divide it by the square root of the beam area in pixels and give the result as --reliability-min-snr"
)
_MEASURED = "sources are always measured, with the coordinates that the cube has"
_PHYSICAL = "always physical units where the cube has a beam and a spectral axis"
_FOLDER = "a run folder has its own formats, and is resumed or refused"
_NOISE = "neither the noise nor the scaled cube is written"
_MASKS = "mask.zarr is the only mask, and maps/chan.fits is what it looks like on the sky"

PARAMETERS: dict[str, Parameter] = {
    parameter.name: parameter
    for parameter in (
        *_same("pipeline", "verbose", "the progress is always shown; --quiet hides it"),
        *_same("pipeline", "pedantic", "unknown parameters are refused unless it is false, as in SoFiA"),
        *_same("pipeline", "threads", "never changes the result; --workers, or all cores"),
        *_used("input", str, data="CUBE"),
        *_used("input", row_of(whole), region="--region"),
        *_used("input", str, gain="--gain"),
        *_used("input", str, primaryBeam="--gain, where input.gain is not given"),
        *_used("input", str, noise="--noise", weights="--weights"),
        *_missing("input", _MASK, mask=""),
        *_used("input", switch, invert="--invert"),
        *_used("flag", row_of(whole), region="--flag-region"),
        *_used("flag", str, catalog="--flag-catalog"),
        *_used("flag", word, auto="--flag-auto"),
        *_used("flag", str, cube="--flag-cube"),
        *_used("flag", whole, radius="--flag-radius"),
        *_used("flag", number, threshold="--flag-threshold"),
        *_same("flag", "log", "flags.txt and run.json always say what was flagged for its noise"),
        *_used("contsub", switch, enable="--contsub-order"),
        *_used("contsub", whole, _LINE_FREE, order="--contsub-order"),
        *_used("contsub", number, _LINE_FREE, threshold="--contsub-threshold"),
        *_used("contsub", whole, _LINE_FREE, shift="--contsub-shift", padding="--contsub-padding"),
        Parameter(_SCALED, SAME, "always: by the noise of every channel and every place on the sky", switch),
        *_used("scaleNoise", word, _SCALED, mode="--scale-noise"),
        *_missing("scaleNoise", _ESTIMATOR, _SCALED, statistic="mad", fluxRange="negative"),
        *_used("scaleNoise", whole, _SCALED, windowXY="--scale-noise-window-xy"),
        *_used("scaleNoise", whole, _SCALED, windowZ="--scale-noise-window-z"),
        *_used("scaleNoise", whole, _SCALED, gridXY="--scale-noise-grid-xy"),
        *_used("scaleNoise", whole, _SCALED, gridZ="--scale-noise-grid-z"),
        *_used("scaleNoise", switch, _SCALED, interpolate="--scale-noise-interpolate"),
        *_missing("scaleNoise", "each scale has one noise, measured after smoothing", _SCALED, scfind=False),
        *_used("rippleFilter", switch, enable="--ripple-filter"),
        *_used("rippleFilter", word, _RIPPLES, statistic="--ripple-filter"),
        *_used("rippleFilter", whole, _RIPPLES, windowXY="--ripple-window-xy", windowZ="--ripple-window-z"),
        *_used("rippleFilter", whole, _RIPPLES, gridXY="--ripple-grid-xy", gridZ="--ripple-grid-z"),
        *_used("rippleFilter", switch, _RIPPLES, interpolate="--ripple-interpolate"),
        *_missing("background", _FILTER, enable=False),
        *_same("background", f"statistic {_WINDOW}", "nothing without background.enable"),
        *_used("scfind", switch, enable="the finder; when false, threshold.enable must be true"),
        *_used("scfind", row_of(number), _CLIPPED, kernelsXY="--kernels-xy"),
        *_used("scfind", row_of(whole), _CLIPPED, kernelsZ="--kernels-z"),
        *_used("scfind", number, _CLIPPED, threshold="--threshold", replacement="--replacement"),
        *_missing("scfind", _ESTIMATOR, _CLIPPED, statistic="mad", fluxRange="negative"),
        *_used("threshold", switch, enable="without scfind.enable: --kernels-xy 0 --kernels-z 0"),
        *_used("threshold", number, _CUT, threshold="without scfind.enable: --threshold"),
        *_used("threshold", word, _CUT, mode="relative only"),
        *_missing("threshold", _ESTIMATOR, _CUT, statistic="mad", fluxRange="negative"),
        *_missing("linker", "detected voxels are always linked", enable=True),
        *_used("linker", whole, radiusXY="--linker-radius-xy", radiusZ="--linker-radius-z"),
        *_used("linker", whole, minSizeXY="--linker-min-size-xy", minSizeZ="--linker-min-size-z"),
        *_used("linker", whole, maxSizeXY="--linker-max-size-xy", maxSizeZ="--linker-max-size-z"),
        *_used("linker", whole, minPixels="--linker-min-pixels"),
        *_used("linker", whole, maxPixels="--linker-max-pixels"),
        *_used("linker", number, minFill="--linker-min-fill", maxFill="--linker-max-fill"),
        *_same("linker", "positivity", "always: the voxels of a source have one sign"),
        *_used("linker", switch, keepNegative=_NEGATIVE),
        *_used("filter", switch, discardNegative=_NEGATIVE),
        *_used("filter", whole, minPixels="--linker-min-pixels"),
        *_used("filter", number, minSNR="--reliability-min-snr, where reliability is on"),
        *_used("reliability", switch, enable="--reliability"),
        *_missing(
            "reliability",
            "the axes are always peak, signal-to-noise ratio and mean",
            _RATED,
            parameters=_AXES,
        ),
        *_used("reliability", number, _RATED, threshold="--reliability"),
        *_used("reliability", number, _RATED, scaleKernel="--reliability-scale-kernel"),
        *_used("reliability", number, _RATED, minSNR="--reliability-min-snr"),
        *_used("reliability", whole, _RATED, minPixels="--linker-min-pixels"),
        *_missing("reliability", _F_MIN, _RATED, fmin=""),
        *_missing("reliability", "choose --reliability-scale-kernel", _RATED, autoKernel=False),
        *_same("reliability", "iterations tolerance", "nothing without reliability.autoKernel"),
        *_missing("reliability", "all negative detections are used", _RATED, catalog=""),
        *_same("reliability", "plot plotExtra debug", "never changes the result"),
        *_used("dilation", switch, enable="--dilation"),
        *_used("dilation", whole, _GROWN, iterationsXY="--dilation-iterations-xy"),
        *_used("dilation", whole, _GROWN, iterationsZ="--dilation-iterations-z"),
        *_used("dilation", number, _GROWN, threshold="--dilation-threshold"),
        *_same("parameter", "enable wcs", _MEASURED),
        *_same("parameter", "physical", _PHYSICAL),
        *_missing("parameter", "names of sources begin with TSL", prefix="sofia"),
        *_same("parameter", "offset", "positions are always those in the whole cube"),
        *_same("output", "directory filename", "the folder of the run is given as --out"),
        *_same("output", "dataFormat overwrite", _FOLDER),
        *_same("output", "writeCatASCII writeCatXML", "ECSV, VOTable and Parquet are always written"),
        *_missing("output", "load catalogue.parquet into the database", writeCatSQL=False),
        *_missing("output", "regions.reg has the sources for DS9 and CARTA", writeKarma=False),
        *_same("output", "writeDiagnosticPlot", "never changes the result"),
        *_missing("output", _NOISE, writeNoise=False, writeFiltered=False),
        *_same("output", "writeMask", "mask.zarr is always written, unless by --no-mask"),
        *_missing("output", _MASKS, writeMask2d=False, writeRawMask=False),
        *_same("output", "writeMoments", "maps/ is always written, unless by --no-maps"),
        *_same(
            "output",
            "writeCubelets writePV",
            "cubelets/ is always written; --cubelets says for how many sources",
        ),
        *_same("output", _MARGINS, "--cubelet-margin says how much is shown around a source"),
    )
}
"""Every parameter by its name, in SoFiA's order."""
