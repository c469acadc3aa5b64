"""The second look as the driver sees it: who is looked at, what is believed, and what that changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.look import CANDIDATE, LookStage, gather
from tessellar.flags import NOT_LOOKED_AT
from tessellar.io.publish import atomic_file, make_folder
from tessellar.kernels.devices import CPU, device_type
from tessellar.kernels.look.second_look import SecondLook
from tessellar.kernels.reliability import Judgement
from tessellar.model import DoubleArray, IntArray, Payload, Source

Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What came of the second look at the detections of positive flux.

    Attributes
    ----------
    columns
        Of all detections: ``rel``, ``rel_classical`` where there is one, and what the network makes of the galaxy.
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
    source
        The cube, as fluxes are measured on it.
    noise
        Its noise.
    recipe
        The network.
    folder
        The run folder.
    device
        Where they compute.
    """

    crew: Crew
    source: Source
    noise: NoiseModel
    recipe: SecondLook
    folder: Path
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
        seen = self._seen({name: values[asked] for name, values in measured.items()})
        columns = {name: np.full(n, np.nan) for name in seen}
        for name, values in seen.items():
            columns[name][asked] = values
        probability = columns.pop("probability")
        known = np.isfinite(probability)
        kept = before if threshold is None else np.where(known, probability >= threshold, before)
        columns["rel"] = np.where(known, probability, classical)
        if judgement is not None:
            columns["rel_classical"] = classical
        failed = asked & ~known
        self._save(probability[asked], classical[asked], kept[asked], threshold)
        record = {
            **self.recipe.record(),
            "threshold": threshold,
            "looked_at": int(known.sum()),
            "failed": int(failed.sum()),
            "rows_without": int(before.sum()),
            "rows": int(kept.sum()),
            "gained": int((kept & ~before).sum()),
            "lost": int((before & ~kept).sum()),
        }
        return Looked(columns, kept, np.where(failed, NOT_LOOKED_AT.bit, 0).astype(np.int64), record)

    def _seen(self, candidates: Payload) -> Payload:
        """Return what the network says of candidates, one array a column; NaN where they could not be looked at."""
        table = np.stack([np.asarray(candidates[name], np.float64) for name in CANDIDATE], axis=1)
        make_folder(self.candidates.parent)
        with atomic_file(self.candidates) as draft, draft.open("wb") as file:
            np.save(file, table)
        noise = self.calibration.measured_noise
        content = fingerprint(self.source, noise, self.recipe, table, *self._device_that_matters())
        stage = LookStage(self.source, noise, self.recipe, self.candidates, len(table), content, self.device)
        failed = {failure.unit for failure in self.crew.do(stage).failed}
        return gather(self.crew.partials.units(stage), len(table), failed)
