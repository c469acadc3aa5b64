"""Look: what a network thinks of each candidate, from the voxels around it and from what was measured of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.devices import device_of_worker
from tessellar.engine.find.source_runs import cut_runs
from tessellar.engine.find.source_store import RunsBySource, load_sources
from tessellar.kernels.components import FIRST
from tessellar.kernels.devices import CPU
from tessellar.kernels.label_cube import paint
from tessellar.kernels.look.features import row_features
from tessellar.kernels.look.frame import PATCH, Frame, frame_of_row
from tessellar.kernels.look.patch import CHANNELS, patch_of
from tessellar.kernels.look.scale import Scale
from tessellar.kernels.look.second_look import MOST_VOXELS, UNIT, SecondLook
from tessellar.kernels.noise import NoiseModel
from tessellar.model import DoubleArray, FloatArray, Payload, Source, Steps, UnitResult
from tessellar.tiling.box import Box

CANDIDATE = (
    "id", "x", "y", "z", "x_min", "x_max", "y_min", "y_max", "z_min", "z_max", "n_pix", "f_max", "f_sum", "f_sum_corr",
    "snr", "mean", "std", "rms", "fill", "w20", "ell_maj", "ell_min", "ell_pa", "kin_pa",
)  # fmt: skip
"""The measured columns that decide from where a candidate is looked at, and that the network is told."""


@dataclass(frozen=True, slots=True, eq=False)
class LookStage:
    """Look at candidates, a few at a time in the order of their ids.

    Attributes
    ----------
    source, noise
        The cube, as fluxes are measured on it, and its noise.
    recipe
        The network.
    candidates
        A file with their columns, float64 array (candidate, column) as `CANDIDATE` names them.
    sources_folder
        The detections that they are among, and their runs, as `tessellar.engine.find.source_store.save_sources` wrote
        them.
    n_candidates
        How many there are.
    device
        Where the network works.
    """

    source: Source
    noise: NoiseModel
    recipe: SecondLook
    candidates: Path
    sources_folder: Path
    n_candidates: int
    fingerprint: str
    device: str = CPU

    name = "look"

    @property
    def n_units(self) -> int:
        """Number of groups of candidates."""
        return -(-self.n_candidates // UNIT)

    def worker(self) -> Steps:
        """Return what looks at one group of candidates."""
        look, device = self.recipe.prepare(), device_of_worker(self.device)

        def compute(_unit: int, shown: _Shown) -> UnitResult:
            probability = np.full(shown.seen.shape, np.nan)
            probability[shown.seen] = look.probability(shown.patches, shown.features, device)
            return UnitResult({"probability": probability}, shown.n_voxels, 4 * shown.n_voxels)

        return Steps(_Reader(self).read, compute, on_device=self.device != CPU)


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What the network is shown of a group of candidates: of those that have a centre and are not too large."""

    patches: FloatArray
    features: FloatArray
    seen: np.ndarray[tuple[int], np.dtype[np.bool_]]
    n_voxels: int

    @property
    def nbytes(self) -> int:
        """Bytes of the patches."""
        return self.patches.nbytes


class _Reader:
    """Reads the surroundings of candidates."""

    def __init__(self, stage: LookStage) -> None:
        self._source, self._noise = stage.source, stage.noise
        self._scale = Scale.of(stage.source.meta)
        self._candidates: DoubleArray = np.load(stage.candidates, mmap_mode="r")
        self._ids = load_sources(stage.sources_folder).table[:, FIRST]
        self._runs = RunsBySource(stage.sources_folder)

    def read(self, unit: int) -> _Shown:
        """Return what the network is shown of a group of candidates."""
        first = unit * UNIT
        rows = self._candidates[first : first + UNIT]
        columns = dict(zip(CANDIDATE, rows.T, strict=True))
        seen = np.isfinite(columns["x"] + columns["y"] + columns["z"])
        frames, patches, n_voxels = [], [], 0
        for row in np.flatnonzero(seen).tolist():
            frame = frame_of_row(columns, row, self._scale.beam)
            box = frame.box(self._source.meta.shape)
            seen[row] = box.size <= MOST_VOXELS
            if seen[row]:
                frames.append(frame)
                patches.append(self._patch(int(columns["id"][row]), frame, box))
                n_voxels += box.size
        told = row_features({name: values[seen] for name, values in columns.items()}, frames, self._scale)
        shown = np.stack(patches) if patches else np.empty((0, CHANNELS, *PATCH), np.float32)
        return _Shown(shown, told, seen, n_voxels)

    def _patch(self, id_: int, frame: Frame, box: Box) -> FloatArray:
        runs = self._runs.of(int(np.searchsorted(self._ids, id_)))
        runs = runs[(runs[:, 0] >= box.start[0]) & (runs[:, 0] < box.stop[0])]
        inside, _ = cut_runs(runs, box)
        mask = np.zeros(box.shape, np.int32)
        paint(mask, box, inside, np.ones(len(inside), np.int64))
        return patch_of(frame, box, self._source.read(box), self._noise.sigma(box), mask > 0)


def gather(partials: Iterable[tuple[int, Payload]], n: int) -> DoubleArray:
    """Return the probabilities of all candidates, float64 array (n); NaN where a network could not look at one."""
    probability = np.full(n, np.nan)
    for unit, payload in partials:
        found, first = payload["probability"], unit * UNIT
        probability[first : first + len(found)] = found
    return probability
