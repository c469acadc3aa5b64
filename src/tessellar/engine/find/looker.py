"""The second look as the driver sees it: who is looked at, what is believed, and what that changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.look import CANDIDATE, LookStage, gather
from tessellar.flags import NOT_LOOKED_AT
from tessellar.io.publish import atomic_file, make_folder
from tessellar.kernels.devices import CPU, device_type
from tessellar.kernels.look.second_look import MOST_VOXELS, UNIT, SecondLook
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.reliability import Judgement
from tessellar.model import DoubleArray, IntArray, Payload, Source

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What came of the second look at the detections of positive flux.

    Attributes
    ----------
    columns
        Of all detections: ``rel`` and, where there is one, ``rel_classical``.
    kept
        Which of them are sources, bool array (n).
    flags
        Of those that could not be looked at, int64 array (n).
    record
        What was looked at and what that changed, for ``run.json``.
    """

    columns: Payload
    kept: Booleans
    flags: IntArray
    record: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Looker:
    """Lets a network look at candidates.

    Attributes
    ----------
    crew
        Who works.
    source, noise
        The cube, as fluxes are measured on it, and its noise.
    recipe
        The network.
    folder
        The run folder.
    sources_folder
        The detections and their runs, for the workers.
    before
        Fingerprint of the detect stage.
    device
        Where the network works.
    """

    crew: Crew
    source: Source
    noise: NoiseModel
    recipe: SecondLook
    folder: Path
    sources_folder: Path
    before: str
    device: str = CPU

    def look(self, measured: Payload, judgement: Judgement | None, threshold: float | None) -> Looked:
        """Look at candidates, and decide which of them are sources.

        Parameters
        ----------
        measured
            Columns of all detections of positive flux, sorted by id.
        judgement, threshold
            What the negative detections tell of them, and the least probability of a source; None where no reliability
            was asked for: then all are looked at, and none is left out.
        """
        n = len(measured["id"])
        classical = np.full(n, np.nan) if judgement is None else judgement.rel
        before = np.ones(n, np.bool_) if judgement is None else judgement.kept
        asked = before | (classical >= self.recipe.prefilter)
        probability = np.full(n, np.nan)
        probability[asked] = self._probability({name: values[asked] for name, values in measured.items()})
        known = np.isfinite(probability)
        kept = before if threshold is None else np.where(known, probability >= threshold, before)
        columns = {"rel": np.where(known, probability, classical)}
        if judgement is not None:
            columns["rel_classical"] = classical
        flags = np.where(asked & ~known, NOT_LOOKED_AT.bit, 0).astype(np.int64)
        np.savez(
            self.folder / "look.npz",
            probability=probability[asked],
            classical=classical[asked],
            kept=kept[asked],
            threshold=np.array(np.nan if threshold is None else threshold),
        )
        changed = {
            "threshold": threshold,
            "looked_at": int(known.sum()),
            "not_looked_at": int((asked & ~known).sum()),
            "rows_without": int(before.sum()),
            "rows": int(kept.sum()),
            "gained": int((kept & ~before).sum()),
            "lost": int((before & ~kept).sum()),
        }
        return Looked(columns, kept, flags, {**self.recipe.record, **changed})

    def _probability(self, candidates: Payload) -> DoubleArray:
        """Return how likely candidates are real, float64 array (n); NaN where they could not be looked at."""
        table = np.stack([np.asarray(candidates[name], np.float64) for name in CANDIDATE], axis=1)
        file = self.folder / PARTIALS / "candidates.npy"
        make_folder(file.parent)
        with atomic_file(file) as draft, draft.open("wb") as opened:
            np.save(opened, table)
        on_gpu = () if device_type(self.device) == CPU else (device_type(self.device),)
        content = fingerprint(self.source, self.before, self.noise, self.recipe, table, *on_gpu)
        stage = LookStage(
            self.source, self.noise, self.recipe, file, self.sources_folder, len(table), content, self.device
        )
        failed = [failure.unit for failure in self.crew.do(stage).failed]
        probability = gather(self.crew.partials.units(stage), len(table))
        left = np.isnan(probability) & ~np.isin(np.arange(len(table)) // UNIT, failed)
        if left.any():
            self.crew.warn(
                f"{left.sum()} candidates had no second look, since they have no centre or more than {MOST_VOXELS:,} "
                "voxels around them; those in the catalogue carry flag 128."
            )
        return probability
