"""Candidates to learn from: made-up skies are searched as any cube is, and the truth says which detections are real."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.model import FloatArray, IntArray
from tessellar.training.look.candidates import Candidates

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.challenge.sdc2.sampling import Sampling
    from tessellar.engine.find.pipeline import Found
    from tessellar.kernels.runs import RunTable
    from tessellar.tiling.box import Box
    from tessellar.training.look.skies import HeldSky

MOST, MOST_DISCS = 500, 100  # candidates and fitted discs of a sky that are kept


def candidates_of(held: HeldSky, most: int = MOST, most_discs: int = MOST_DISCS) -> Candidates:
    """Return candidates of a sky: what the finder detects, however unlikely.

    Parameters
    ----------
    held
        The sky.
    most, most_discs
        How many candidates, and how many discs that are fitted to real ones, are kept at most.
    """
    with TemporaryDirectory(prefix="tessellar-look-") as scratch:
        folder = Path(scratch)
        run = search(held, folder)
        chosen = _evenly(len(run.table), most)
        patches, features = looked_at(run, held, folder, chosen)
        real, discs = _held_against_truth(run.table, held, most_discs)
        return Candidates(
            patches.astype(np.float16),
            features,
            real[chosen].astype(np.float32),
            np.nan_to_num(np.asarray(run.table["rel"], dtype=np.float32)[chosen]),
            *discs,
        )


def search(held: HeldSky, folder: Path) -> Found:
    """Return what the finder detects in a sky, with the reliability of all of it, without files for people.

    Parameters
    ----------
    held
        The sky.
    folder
        Where the run keeps what `looked_at` needs.
    """
    from tessellar.api.planning import plan_of
    from tessellar.engine.devices import ON_CPU
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.pipeline import FindRun
    from tessellar.engine.find.recipes import Recipes
    from tessellar.engine.precondition.prepare import prepare
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.kernels.components import Linker
    from tessellar.kernels.reliability import Reliability
    from tessellar.kernels.smooth_clip import SmoothAndClip

    recipes = Recipes(
        SmoothAndClip(threshold=held.threshold),
        Linker(radius_xy=1, radius_z=1, min_size_xy=3, min_size_z=3),
        Reliability(0.0, min_snr=0.0),
    )
    cube = prepare(held, Preconditioning())
    plan = plan_of(cube, recipes.finder, "serial", 1, None, None, None, ON_CPU)
    with make_executor("serial", 1) as hands:
        return FindRun(held, recipes, plan, folder, hands).run()


def looked_at(run: Found, held: HeldSky, folder: Path, chosen: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the patches and features of some rows of a catalogue.

    Parameters
    ----------
    run, held, folder
        What `search` was given and returned.
    chosen
        Rows, ascending.
    """
    from tessellar.engine.find.folder import PARTIALS
    from tessellar.engine.find.source_store import RunsBySource, load_sources
    from tessellar.kernels.detect import POSITIVE
    from tessellar.kernels.label_cube import paint
    from tessellar.kernels.look.features import row_features
    from tessellar.kernels.look.frame import PATCH, frame_of_row
    from tessellar.kernels.look.patch import patch_of
    from tessellar.kernels.look.scale import Scale
    from tessellar.kernels.noise import NoiseModel
    from tessellar.kernels.noise_lattice import NoiseLattice

    table, scale, shape = run.table[chosen], Scale.of(held.meta), held.meta.shape
    columns = {name: np.asarray(getattr(table[name], "value", table[name])) for name in table.colnames}
    frames = [frame_of_row(columns, row, scale.beam) for row in range(len(table))]
    stored = folder / PARTIALS / f"sources{POSITIVE}"
    rows, runs = np.searchsorted(load_sources(stored).table[:, 0], columns["id"]), RunsBySource(stored)
    with np.load(folder / "noise.npz") as saved:
        noise = NoiseModel(NoiseLattice(shape), saved["spectral"], saved["spatial"])
    patches = np.empty((len(table), 2, *PATCH), np.float32)
    for number, (row, frame) in enumerate(zip(rows.tolist(), frames, strict=True)):
        box = frame.box(shape)
        labels, own = np.zeros(box.shape, np.int32), runs_in(runs.of(row), box)
        paint(labels, box, own, np.ones(len(own), np.int64))
        patches[number] = patch_of(frame, box, held.read(box), noise.sigma(box), labels > 0)
    return patches, row_features(columns, frames, scale)


def runs_in(runs: RunTable, box: Box) -> RunTable:
    """Return the parts of runs inside a box."""
    (z0, x0, y0), (z1, x1, y1) = box.start, box.stop
    z, x, first, last = runs.T
    inside = (z >= z0) & (z < z1) & (x >= x0) & (x < x1) & (first < y1) & (last > y0)
    cut: RunTable = runs[inside]
    cut[:, 2], cut[:, 3] = np.maximum(cut[:, 2], y0), np.minimum(cut[:, 3], y1)
    return cut


def _held_against_truth(
    catalogue: QTable, held: HeldSky, most: int
) -> tuple[npt.NDArray[np.bool_], tuple[Any, ...]]:
    """Return which rows are real, and of discs fitted to these: patches, features, true corrections."""
    from tessellar.challenge.sdc2.fitting import fit_discs
    from tessellar.challenge.sdc2.second_look import discs_of, true_corrections
    from tessellar.challenge.sdc2.submission import submission
    from tessellar.simulate.truth import sdc2_table, truth_table

    sampling, truth = sampling_of(held), sdc2_table(truth_table(held.sky))
    rows, ours, theirs = real_rows(catalogue, held, truth)
    real = np.zeros(len(catalogue), np.bool_)
    real[rows] = True
    some = _evenly(rows.size, most)
    measured = submission(catalogue, sampling)[0][ours[some]]
    fitted = fit_discs(measured, held, sampling).table
    discs = discs_of(catalogue[rows[some]], measured, fitted, held, sampling)
    target = true_corrections(fitted, truth[theirs[some]], held)
    return real, (discs.patches[:, :1].astype(np.float16), discs.features, target.astype(np.float32))


def real_rows(catalogue: QTable, held: HeldSky, truth: QTable) -> tuple[IntArray, IntArray, IntArray]:
    """Return which rows of a catalogue stand for true galaxies, as the challenge has it.

    Parameters
    ----------
    catalogue
        What was found.
    held
        In which sky.
    truth
        Its galaxies in the columns of the challenge, all of them in its band.

    Returns
    -------
    rows, submitted, true
        Of each pair: the row of the catalogue, that of its submission, and that of the truth, int64 arrays (pair).
    """
    from tessellar.challenge.sdc2.field import rows_in_band
    from tessellar.challenge.sdc2.matches import find_matches
    from tessellar.challenge.sdc2.submission import in_challenge, submission

    beam = held.sky.beam_arcsec
    table, _ = submission(catalogue, sampling_of(held))
    matches = find_matches(
        rows_in_band(table, beam, "The submission"), rows_in_band(truth, beam, "The truth")
    )
    return np.flatnonzero(in_challenge(catalogue))[matches.submitted], matches.submitted, matches.true


def sampling_of(held: HeldSky) -> Sampling:
    """Return how a made-up sky samples the sky."""
    from tessellar.challenge.sdc2.sampling import Sampling

    return Sampling((held.sky.beam_arcsec,) * 2, 0.0, held.sky.pixel_arcsec, upper_recedes=False)


def _evenly(count: int, most: int) -> IntArray:
    """Return at most so many of some numbers, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
