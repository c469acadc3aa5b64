"""The report of a denoised cube: one HTML file, without network, that says what was taken out and what to mind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tessellar.io.publish import write_text
from tessellar.report import denoising_plots as plots
from tessellar.report import panels
from tessellar.report.denoising_words import MIND, false_flux, gain, quieter
from tessellar.report.markup import absent, panel, table, text
from tessellar.report.page import first_of, memory_headline, page
from tessellar.report.run_folder import Arrays, RunFolder, read_arrays, read_run
from tessellar.report.words import count, duration, significant, things

ARRAYS = "denoise.npz"
_FILES = ("run.json", "run.toml", ARRAYS)
_AXES = {"freq": (1e-6, "frequency (MHz)"), "channel": (1.0, "channel")}
_VELOCITY = (1e-3, "velocity (km/s)")
_CUBES = (("input", "the cube"), ("output", "what is left"), ("residual", "what was taken out"))
_NOISE = (("made_up", "made-up noise, correlated as the cube's"), ("upside_down", "the cube upside down"))


def write_denoising_report(folder: Path) -> Path:
    """Write ``report.html`` into the folder of a denoised cube, from what the folder holds, and return where it is.

    Raises
    ------
    InputError
        The folder has no readable ``run.json``.
    OutputError
        The report cannot be written.
    """
    run = read_run(folder)
    report = folder / "report.html"
    write_text(report, _page(run, read_arrays(folder / ARRAYS) or {}))
    return report


def is_denoising(summary: dict[str, Any]) -> bool:
    """Return whether a ``run.json`` is that of a denoised cube."""
    return "noise_only" in summary


def _page(run: RunFolder, arrays: Arrays) -> str:
    return page(
        run,
        verdict=_verdict(run),
        headlines=_headlines(run),
        warnings=[MIND, *first_of(run.of("warnings", default=[]))],
        panels=(
            _spectra(run, arrays),
            _noise(run, arrays),
            _histogram(arrays),
            _correlation(arrays),
            _distributions(run),
            _noise_only(run),
            _truth(run),
            panels.timing(run),
            panels.the_numbers(run),
            panels.settings(run),
            panels.cube(run),
        ),
        files=[name for name in _FILES if (run.path / name).is_file()],
    )


def _verdict(run: RunFolder) -> str:
    sentence = quieter(run.summary)
    sentence = sentence[0].upper() + sentence[1:]
    failed = int(run.of("tiles_failed", default=0))
    if failed:
        sentence += f"; {failed} of {things(run.of('n_tiles'), 'piece')} failed and are blank"
    return f"{sentence}, in {duration(run.of('seconds', default=0.0))}."


def _headlines(run: RunFolder) -> list[tuple[str, str]]:
    before, after = run.of("noise_before"), run.of("noise_after")
    cells = [(f"{significant(before / after)}×", "less noise")] if before and after else []
    above = run.of("noise_only", "made_up", "share_above_1")
    if above is not None:
        cells.append((f"{significant(100 * above, 2)} %", "of voxels of noise alone above 1 sigma"))
    better = run.of("truth", "mse_gain_db")
    if better is not None:
        cells.append((f"{significant(better)} dB", "less squared error"))
    cells.append((count(run.of("voxels_per_second", default=0)), "voxels a second"))
    return [*cells, *memory_headline(run)]


def _spectra(run: RunFolder, arrays: Arrays) -> str:
    title = "The brightest voxels, before and after"
    if not len(arrays.get("places", ())):
        return panel(title, absent("No voxel has a known noise."), extent="wide")
    figure = plots.spectra(
        arrays["places"],
        arrays["first_channel"],
        arrays["spectra_before"].astype(np.float64),
        arrays["spectra_after"].astype(np.float64),
        str(run.of("cube", "unit", default="")),
    )
    return panel(title, figure, extent="wide")


def _noise(run: RunFolder, arrays: Arrays) -> str:
    if "noise_before" not in arrays:
        return panel("Noise by channel", absent("This run left no figures of its noise."))
    kind = run.of("cube", "spectral", "kind", default="channel")
    values = arrays["spectral_values"]
    before, after = (arrays[name].astype(np.float64) for name in ("noise_before", "noise_after"))
    unit = str(run.of("cube", "unit", default=""))
    figure = plots.noise_before_and_after(before, after, values, unit, _AXES.get(kind, _VELOCITY))
    note = "From the negative voxels of a lattice of cells. What a threshold sets to nothing has no noise."
    return panel("Noise by channel", figure, note=note)


def _histogram(arrays: Arrays) -> str:
    title = "Is what was taken out Gaussian?"
    if "residual_counts" not in arrays:
        return panel(title, absent("No block could be looked at."))
    figure = plots.residual_histogram(
        *(arrays[name] for name in ("bins", "residual_counts", "output_counts"))
    )
    note = "A tail of what was taken out on the positive side is emission that was lost."
    return panel(title, figure, note=note)


def _correlation(arrays: Arrays) -> str:
    title = "Is what was taken out as white as the noise?"
    if "residual_correlation" not in arrays:
        return panel(title, absent("No block could be looked at."))
    figure = plots.correlations(
        *(arrays[name] for name in ("lags", "input_correlation", "residual_correlation"))
    )
    note = (
        "From the signs of voxels. Noise that was taken out whole is correlated as it was in the cube; a lower curve "
        "says that something smooth was left in, a higher one that something smooth was taken out."
    )
    return panel(title, figure, note=note)


def _distributions(run: RunFolder) -> str:
    head = ("", "mean", "rms", "above 3", "next pixel", "next channel")
    keys = ("mean", "rms", "share_above_3", "correlation_next_pixel", "correlation_next_channel")
    rows = [
        [text(words), *(_cell(run.of("distributions", name, key)) for key in keys)] for name, words in _CUBES
    ]
    body = table(head, rows, numbers=(False, *(True,) * 5))
    note = "In units of the cube's noise; the share of voxels above 3; the correlation with the next pixel and channel."
    return panel("Before, after, and the difference", body, note=note)


def _noise_only(run: RunFolder) -> str:
    head = ("", "rms", "largest", "above 1", "above 3", "positive", "negative")
    keys = ("rms", "largest", "share_above_1", "share_above_3", "positive", "negative")
    rows = [
        [text(words), *(_cell(run.of("noise_only", name, key)) for key in keys)] for name, words in _NOISE
    ]
    own = ("positive", "negative")
    cube = [_cell(run.of("distributions", "output", key)) if key in (*own, *keys[:4]) else "" for key in keys]
    body = table(head, [*rows, ["the denoised cube itself", *cube]], numbers=(False, *(True,) * 6))
    sentence = false_flux(run.summary)
    lead = f'<p class="lead">{text(sentence[0].upper() + sentence[1:])}.</p>' if sentence else ""
    note = (
        "The same kernel on noise alone, in units of the noise: what is positive there is no emission. Positive and "
        "negative flux are means over all voxels. Upside down, emission counts as negative and side lobes as positive."
    )
    return panel("What it makes of noise alone", lead + body, note=note, extent="wide")


def _truth(run: RunFolder) -> str:
    found: list[dict[str, Any]] = run.of("truth", "by_snr", default=[])
    if not found or not gain(run.summary):
        return ""
    head = ("S/N of the true voxel", "voxels", "flux before", "flux after")
    rows = [
        [text(_interval(row)), count(row["n_voxels"]), _cell(row["flux_before"]), _cell(row["flux_after"])]
        for row in found
    ]
    lead = f'<p class="lead">{text(gain(run.summary).replace("mean", "Mean", 1))}.</p>'
    note = "Summed over the voxels of each row, as a share of the true flux."
    return panel(
        "Against the truth",
        lead + table(head, rows, numbers=(False, True, True, True)),
        note=note,
        extent="wide",
    )


def _interval(row: dict[str, Any]) -> str:
    return f"{row['low']:g}–{row['high']:g}" if row["high"] is not None else f"> {row['low']:g}"


def _cell(value: Any) -> str:
    return text("–" if value is None else significant(float(value)))
