"""The run that separates foregrounds: learn from the whole cube, clean every pixel, and give the result its name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tessellar.engine.cube_output import CubeOutput
from tessellar.engine.find.crew import Crew
from tessellar.engine.foregrounds.learn import Learned, Learner
from tessellar.engine.foregrounds.separate import FOREGROUND_DIGEST, SeparateStage
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
        self.residual.distrust(self.crew, stage, self.foreground, FOREGROUND_DIGEST)
        report = self.crew.do(stage)
        failed = tuple(failure.unit for failure in report.failed)
        partials = self.crew.partials
        sums = [(payload["input"], payload["residual"]) for _, payload in partials.units(stage)]
        before, after = (channel_spectrum(column) for column in zip(*sums, strict=True))
        maps = stage.maps(partials.units(stage))
        cube = self.residual.written(self.residual.digests(self.crew, stage))
        return Cleaned(learned, before, after, maps, cube, failed, time.perf_counter() - begin)

    def copy(self, cleaned: Cleaned) -> None:
        """Write what shall be a FITS file, still without its name."""
        self.residual.copy(self.crew, "copy")
        if self.foreground is not None:
            self.foreground.written(self._smooth_digests(self.foreground, cleaned))
            self.foreground.copy(self.crew, "copy-foreground")

    def publish(self, cleaned: Cleaned) -> None:
        """Give the cubes their names."""
        stage = self._stage(cleaned.learned)
        if self.foreground is not None:
            smooth = self._smooth_digests(self.foreground, cleaned)
            self.foreground.publish(self.crew, smooth, "copy-foreground")
        self.residual.publish(self.crew, self.residual.digests(self.crew, stage), "copy")

    def _stage(self, learned: Learned) -> SeparateStage:
        sink = self.residual.store
        smooth = None if self.foreground is None else self.foreground.store
        network = learned.separated.network
        return SeparateStage(self.source, learned.projection, sink, self.content, smooth, network)

    def _smooth_digests(self, foreground: CubeOutput, cleaned: Cleaned) -> Iterator[bytes]:
        return foreground.digests(self.crew, self._stage(cleaned.learned), FOREGROUND_DIGEST)
