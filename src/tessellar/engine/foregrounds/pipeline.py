"""The run that separates foregrounds: learn from the whole cube, clean every pixel, and give the result its name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.crew import Crew
from tessellar.engine.foregrounds.learn import Learned, Learner
from tessellar.engine.foregrounds.outputs import CubeOutput
from tessellar.engine.foregrounds.separate import FOREGROUND_DIGEST, SeparateStage
from tessellar.engine.verify import DIGEST, distrust_damaged
from tessellar.kernels.foregrounds.channel_sums import ChannelSpectrum, channel_spectrum
from tessellar.model import FloatArray, Source


@dataclass(frozen=True, slots=True, eq=False)
class Cleaned:
    """A cube without its foregrounds, and what is known of the way there.

    Attributes
    ----------
    learned
        What was taken out.
    before, after
        Spectra of the cube and of what is left of it.
    maps
        Amplitudes of the modes that were taken out, float32 array (mode, l, m); empty where they are many, or where
        the method has none.
    cube
        The clean cube, to be read before it has its name.
    failed
        Pieces that could not be cleaned; they are blank.
    seconds
        Of the two passes.
    """

    learned: Learned
    before: ChannelSpectrum
    after: ChannelSpectrum
    maps: FloatArray
    cube: Source
    failed: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class ForegroundRun:
    """A separation at work.

    Attributes
    ----------
    source
        The cube.
    learner
        How it is cleaned, and who works.
    residual
        The clean cube in the making.
    foreground
        What is taken out, in the making; None where nobody asked for it.
    content
        A text that changes with all that the result depends on.
    """

    source: Source
    learner: Learner
    residual: CubeOutput
    content: str
    foreground: CubeOutput | None = None

    @property
    def crew(self) -> Crew:
        """Who works."""
        return self.learner.crew

    def clean(self) -> Cleaned:
        """Do both passes; the result can be read afterwards, and `publish` gives it its name.

        Raises
        ------
        InputError, UsageError, OutputError
            The cube cannot be cleaned, or the result not be written.
        KeyboardInterrupt, StoppedError
            Ctrl-C or SIGTERM; the same run goes on later.
        """
        begin = time.perf_counter()
        learned = self.learner.learn(self.source)
        stage = self._stage(learned)
        self._distrust(stage)
        report = self.crew.do(stage)
        failed = tuple(failure.unit for failure in report.failed)
        partials = self.crew.partials
        sums = [(payload["input"], payload["residual"]) for _, payload in partials.units(stage)]
        before, after = (channel_spectrum(column) for column in zip(*sums, strict=True))
        maps = stage.maps(partials.units(stage))
        cube = self.residual.written(self._digests(stage, DIGEST))
        return Cleaned(learned, before, after, maps, cube, failed, time.perf_counter() - begin)

    def copy(self, cleaned: Cleaned) -> None:
        """Write what shall be a FITS file, still without its name."""
        self.residual.copy(self.crew, "copy")
        if self.foreground is not None:
            self.foreground.written(self._digests(self._stage(cleaned.learned), FOREGROUND_DIGEST))
            self.foreground.copy(self.crew, "copy-foreground")

    def publish(self, cleaned: Cleaned) -> None:
        """Give the cubes their names."""
        stage = self._stage(cleaned.learned)
        if self.foreground is not None:
            smooth = self._digests(stage, FOREGROUND_DIGEST)
            self.foreground.publish(self.crew, smooth, "copy-foreground")
        self.residual.publish(self.crew, self._digests(stage, DIGEST), "copy")

    def _stage(self, learned: Learned) -> SeparateStage:
        sink = self.residual.pencils
        smooth = None if self.foreground is None else self.foreground.pencils
        network = learned.separated.network
        return SeparateStage(self.source, learned.projection, sink, self.content, smooth, network)

    def _distrust(self, stage: SeparateStage) -> None:
        """Do again what was damaged since an interrupted run wrote it."""
        journal = self.crew.journal
        if journal is not None and not self.residual.is_written:
            distrust_damaged(
                stage,
                executor=self.crew.executor,
                partials=self.crew.partials,
                journal=journal,
                observer=self.crew.observer,
            )

    def _digests(self, stage: SeparateStage, name: str) -> Iterator[bytes]:
        """Yield the digest of every piece; one that could not be cleaned is written blank first."""
        sink = stage.sink if name == DIGEST or stage.foreground is None else stage.foreground
        expected = 0
        for unit, payload in self.crew.partials.units(stage):
            for missing in range(expected, unit):
                yield sink.write(missing, _blank(sink.pieces[missing].shape))
            yield payload[name].tobytes()
            expected = unit + 1
        for missing in range(expected, len(sink.pieces)):
            yield sink.write(missing, _blank(sink.pieces[missing].shape))


def _blank(shape: tuple[int, int, int]) -> FloatArray:
    return np.full(shape, np.nan, np.float32)
