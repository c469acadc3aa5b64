"""The run that denoises a cube: learn its noise, denoise every piece, judge what came of it, and give it its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.engine.cube_output import CubeOutput
from tessellar.engine.denoise.calibrate import Calibrated, calibrate
from tessellar.engine.denoise.compare import CompareStage, Distribution
from tessellar.engine.denoise.noise_only import NoiseOnlyStage
from tessellar.engine.denoise.peaks import Peaks
from tessellar.engine.denoise.stage import UNCERTAINTY_DIGEST, DenoiseStage
from tessellar.engine.denoise.truth import TruthStage
from tessellar.engine.find.calibration import noise_of
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.errors import InputError, NonDeterministicError, OutputError, StoppedError, TessellarError
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.noise import NoiseModel
from tessellar.model import Payload, Source, Stage
from tessellar.tiling.box import Box

SPECTRA = 4
_APART = 16  # pixels between the voxels whose spectra are shown
_AROUND = 128  # channels on either side of them
_ENDING = (NonDeterministicError, OutputError, StoppedError)  # these end a run, whatever it was doing


@dataclass(frozen=True, slots=True, eq=False)
class Denoised:
    """A denoised cube, and what is known of it.

    Attributes
    ----------
    known
        The kernel that knew the cube, and the cube's noise.
    after
        Noise of the result; None where all of it is blank.
    good_before, good_after
        How many voxels hold data.
    distributions
        Of ``input``, ``output`` and ``residual``.
    noise_only
        What was made of the cube upside down and of made-up noise.
    truth
        How far both cubes are from the truth; empty where it is not known.
    spectra
        Of the brightest voxels before and after; arrays by name.
    failed
        Pieces that could not be denoised; they are blank.
    """

    known: Calibrated
    after: NoiseModel | None
    good_before: int
    good_after: int
    distributions: dict[str, Distribution]
    noise_only: dict[str, dict[str, float | None]]
    truth: dict[str, Any]
    spectra: dict[str, Any]
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DenoiseRun:
    """Denoising at work.

    Attributes
    ----------
    source
        The cube.
    recipe
        The kernel.
    crew
        Who works.
    output, uncertainty
        The cubes in the making; the second is None where nobody asked for it.
    content
        A text that changes with all that the result depends on.
    device
        Where the kernel works.
    truth
        The cube without its noise; None where it is not known.
    shelf
        Bytes of decoded voxels that a process may keep for neighbouring pieces.
    """

    source: Source
    recipe: DenseKernel
    crew: Crew
    output: CubeOutput
    content: str
    uncertainty: CubeOutput | None = None
    device: str = "cpu"
    truth: Source | None = None
    shelf: int = 0

    def denoise(self) -> Denoised:
        """Denoise and judge; the result can be read afterwards, and `publish` gives it its name.

        Raises
        ------
        InputError, UsageError, OutputError
            The cube cannot be denoised, or the result not be written.
        KeyboardInterrupt, StoppedError
            Ctrl-C or SIGTERM; the same run goes on later.
        """
        known = calibrate(self.crew, self.source, self.recipe)
        stage = self._stage(known)
        self.output.distrust(self.crew, stage, self.uncertainty, UNCERTAINTY_DIGEST)
        report = self.crew.do(stage)
        before, after, peaks = stage.reduce(self.crew.partials.units(stage))
        cube = self.output.written(self.output.digests(self.crew, stage))
        judges = self.crew.apart("judged")
        compare = CompareStage(self.source, cube, known.noise, "")
        noise_only = NoiseOnlyStage(self.source, known, "", self.device)
        return Denoised(
            known,
            _noise_after(judges, cube),
            before,
            after,
            compare.reduce(_done(judges, compare)),
            noise_only.reduce(_done(judges, noise_only)),
            self._against_truth(judges, cube, known),
            self._spectra(cube, peaks),
            tuple(failure.unit for failure in report.failed),
        )

    def copy(self, denoised: Denoised) -> None:
        """Write what shall be a FITS file, still without its name."""
        self.output.copy(self.crew, "copy")
        if self.uncertainty is not None:
            self.uncertainty.written(self._uncertain_digests(self.uncertainty, denoised))
            self.uncertainty.copy(self.crew, "copy-uncertainty")

    def publish(self, denoised: Denoised) -> None:
        """Give the cubes their names."""
        if self.uncertainty is not None:
            digests = self._uncertain_digests(self.uncertainty, denoised)
            self.uncertainty.publish(self.crew, digests, "copy-uncertainty")
        self.output.publish(self.crew, self.output.digests(self.crew, self._stage(denoised.known)), "copy")

    def _stage(self, known: Calibrated) -> DenoiseStage:
        second = None if self.uncertainty is None else self.uncertainty.store
        content = fingerprint(self.source, self.content, known.kernel, known.noise)
        return DenoiseStage(self.source, known, self.output.store, content, self.device, second, self.shelf)

    def _uncertain_digests(self, output: CubeOutput, denoised: Denoised) -> Iterator[bytes]:
        return output.digests(self.crew, self._stage(denoised.known), UNCERTAINTY_DIGEST)

    def _against_truth(self, judges: Crew, cube: Source, known: Calibrated) -> dict[str, Any]:
        if self.truth is None:
            return {}
        stage = TruthStage(self.source, cube, self.truth, known.noise, "")
        return stage.reduce(_done(judges, stage))

    def _spectra(self, cube: Source, peaks: Peaks) -> dict[str, Any]:
        """Return the spectra of the brightest voxels, float32 arrays (spectrum, channel)."""
        n_channels = self.source.meta.shape[0]
        width = min(n_channels, 2 * _AROUND)
        rows = []
        for z, x, y in peaks.apart(_APART, SPECTRA):
            first = min(max(z - width // 2, 0), n_channels - width)
            box = Box((first, x, y), (first + width, x + 1, y + 1))
            try:
                pair = [source.read(box)[:, 0, 0] for source in (self.source, cube)]
            except InputError:
                continue  # a piece above or below it cannot be read, which is told elsewhere
            rows.append(((z, x, y), first, *pair))
        return {
            "places": np.array([row[0] for row in rows], np.int64).reshape(-1, 3),
            "first_channel": np.array([row[1] for row in rows], np.int64),
            "spectra_before": np.array([row[2] for row in rows], np.float32).reshape(-1, width),
            "spectra_after": np.array([row[3] for row in rows], np.float32).reshape(-1, width),
        }


def _done(judges: Crew, stage: Stage) -> list[tuple[int, Payload]]:
    """Do a stage that judges, and return its results; where nothing of it can be done, a sentence says so."""
    try:
        judges.do(stage)
    except _ENDING:
        raise
    except TessellarError as error:
        judges.warn(str(error))
        return []
    return list(judges.partials.units(stage))


def _noise_after(judges: Crew, cube: Source) -> NoiseModel | None:
    try:
        return noise_of(judges, cube, "noise-after")
    except _ENDING:
        raise
    except TessellarError as error:
        judges.warn(str(error))
        return None
