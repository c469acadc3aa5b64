"""What a denoiser must know of a cube before it begins: its noise, and the noise of the bands that it looks at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tessellar.engine.denoise.blocks import MOST_CALIBRATING, blocks_around
from tessellar.engine.find.calibration import noise_of
from tessellar.engine.find.correlate import CorrelationStage
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.errors import InputError
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.band_noise import BandCalibrated
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import FloatArray, IntArray, Patch, Payload, Source, Steps, UnitResult


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A denoiser that knows a cube.

    Attributes
    ----------
    kernel
        What is applied.
    noise
        Of the cube.
    correlation
        How the noise of neighbouring voxels goes together.
    """

    kernel: DenseKernel
    noise: NoiseModel
    correlation: Correlation


@dataclass(frozen=True, slots=True, eq=False)
class BandStage:
    """Count the negative values of every band of a recipe in the sampled blocks."""

    source: Source
    recipe: BandCalibrated
    noise: NoiseModel
    fingerprint: str

    name = "bands"

    @property
    def blocks(self) -> SampleBlocks:
        """The sampled blocks."""
        return blocks_around(self.source.meta, self.recipe, MOST_CALIBRATING)

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def worker(self) -> Steps:
        """Return what does one block."""
        return Steps(self._read, self._count)

    def _read(self, unit: int) -> FloatArray:
        return self.source.read(self.blocks[unit].read)

    def _count(self, unit: int, voxels: FloatArray) -> UnitResult:
        tile = self.blocks[unit]
        patch = Patch(voxels, tile.read, tile.core)
        counts = self.recipe.count(patch, self.noise.of_voxels(tile.read), self.source.meta)
        return UnitResult({"counts": counts}, tile.core.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> IntArray | None:
        """Return the counts of all blocks, int64 array (band, bin); None where none could be read."""
        total: IntArray | None = None
        for _, payload in partials:
            total = payload["counts"] if total is None else total + payload["counts"]
        return total


def calibrate(crew: Crew, source: Source, recipe: DenseKernel) -> Calibrated:
    """Measure the noise of a cube, and teach it to the recipe.

    Raises
    ------
    InputError
        The cube holds no data.
    """
    name = source.meta.name
    noise = noise_of(crew, source, "noise")
    if noise is None:
        raise InputError(
            f"{name} holds no data: every voxel is blank (NaN or infinite). "
            "Check the cube with `tessellar info`; was it written completely?"
        )
    if noise.empty:
        crew.warn(
            f"{name} has too few negative voxels to measure its noise. A kernel that tells signal from noise leaves it "
            "as it is; give it a cube with its noise, not a gain, mask or model cube."
        )
    stage = CorrelationStage(source, fingerprint(source))
    crew.do(stage)
    correlation = stage.reduce(crew.partials.units(stage))
    if not isinstance(recipe, BandCalibrated):
        return Calibrated(recipe, noise, correlation)
    bands = BandStage(source, recipe, noise, fingerprint(source, recipe, noise))
    crew.do(bands)
    counts = bands.reduce(crew.partials.units(bands))
    return Calibrated(recipe.calibrated(counts, correlation, source.meta), noise, correlation)
