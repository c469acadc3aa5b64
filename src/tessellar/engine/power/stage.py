"""The modes of the sky of a cube of any size: some channels a unit, read in strips, kept as a few thousand numbers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.power.kelvin import frequencies_of, kelvin_per_unit
from tessellar.errors import InputError, MemoryBudgetError
from tessellar.kernels.power.field import SkyField
from tessellar.kernels.power.modes import SkyModes
from tessellar.kernels.power.transform import ROWS, ImageTransform, transform_bytes
from tessellar.model import DoubleArray, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box

UNIT_BYTES = 512 * 2**20
"""Memory that a unit may take unless more or less is said; as it does not change with the machine, runs resume."""

_STRIP_BYTES = 32 * 2**20  # of voxels that are read together
_UNIT_VOXELS = 4 * 2**20  # fewer in a unit are not worth its while


@dataclass(frozen=True, slots=True, eq=False)
class ModesStage:
    """Transform the images of a run of channels.

    Parameters
    ----------
    source
        The cube.
    field
        What is transformed, and which modes are kept.
    channels
        First channel, and the one after the last.
    depth
        Channels of a unit.
    fingerprint
        What the result depends on.
    purpose
        A word for the stage.
    """

    source: Source
    field: SkyField
    channels: tuple[int, int]
    depth: int
    fingerprint: str
    purpose: str = "modes"

    @property
    def name(self) -> str:
        """Its purpose."""
        return self.purpose

    @property
    def n_units(self) -> int:
        """Number of runs of channels."""
        return -((self.channels[0] - self.channels[1]) // self.depth)

    def channels_of(self, unit: int) -> tuple[int, int]:
        """Return the first channel of a unit, and the one after its last."""
        first = self.channels[0] + unit * self.depth
        return first, min(first + self.depth, self.channels[1])

    def worker(self) -> Work:
        """Return the function that does one unit."""
        return self._transform

    def _transform(self, unit: int) -> UnitResult:
        first, stop = self.channels_of(unit)
        transform = ImageTransform(self.field, stop - first)
        reading = kernel = 0.0
        n_voxels = 0
        rows = strip_rows(self.field, stop - first)
        for begin in range(0, self.field.shape[0], rows):
            start = time.perf_counter()
            voxels = self.source.read(self._box(first, stop, begin, rows))
            middle = time.perf_counter()
            transform.add(begin, voxels)
            reading += middle - start
            kernel += time.perf_counter() - middle
            n_voxels += voxels.size
        start = time.perf_counter()
        found = transform.finish()
        kernel += time.perf_counter() - start
        payload: Payload = {
            "values": found.values,
            "shares": np.stack([found.valid, found.squares, found.tied]),
        }
        return UnitResult(payload, n_voxels, 4 * n_voxels, reading, kernel)

    def _box(self, first: int, stop: int, begin: int, rows: int) -> Box:
        """Return the voxels of a strip."""
        l0, m0 = self.field.start
        n_l, n_m = self.field.shape
        return Box((first, l0 + begin, m0), (stop, l0 + min(begin + rows, n_l), m0 + n_m))

    def reduce(self, partials: Iterable[tuple[int, Payload]], kelvin: DoubleArray) -> SkyModes:
        """Return the modes in kelvin; channels that could not be read, and those without a beam, are missing.

        Parameters
        ----------
        partials
            What the units gave.
        kelvin
            Kelvin in the cube's unit, float64 array (frequency) of the whole cube.
        """
        frequencies = frequencies_of(self.source.meta)[slice(*self.channels)]
        values = np.full((len(frequencies), len(self.field.modes())), np.nan + 1j * np.nan)
        shares = np.zeros((3, len(frequencies)))
        for unit, payload in partials:
            rows = slice(*(channel - self.channels[0] for channel in self.channels_of(unit)))
            values[rows] = payload["values"]
            shares[:, rows] = payload["shares"]
        factors = kelvin[slice(*self.channels)]
        values *= factors[:, None]
        shares[:, ~np.isfinite(factors)] = 0.0
        return SkyModes(self.field, frequencies, values, *shares)


def measure_modes(
    source: Source,
    crew: Crew,
    *,
    field: SkyField,
    name: str = "modes",
    channels: tuple[int, int] | None = None,
    memory: int = UNIT_BYTES,
) -> SkyModes:
    """Return the modes of the sky of a cube, in kelvin.

    Parameters
    ----------
    source
        The cube.
    crew
        Who works, and what is kept: with a journal, an interrupted measurement goes on.
    field
        What is transformed, and which modes are kept; see `tessellar.kernels.power.field.field_of`.
    name
        A word for the stage; each cube of a run needs one of its own.
    channels
        First channel and the one after the last; all when None.
    memory
        Bytes that a worker may take. An interrupted measurement goes on with the same amount only.

    Raises
    ------
    InputError
        The cube's unit, beam or spectral axis is not known, or nothing of it could be read.
    MemoryBudgetError
        Not even one channel fits.
    """
    kelvin = kelvin_per_unit(source.meta)
    frequencies_of(source.meta)
    wanted = channels or (0, source.meta.shape[0])
    depth = unit_channels(source, field, wanted[1] - wanted[0], memory)
    stage = ModesStage(source, field, wanted, depth, fingerprint(source, "modes", field, wanted, depth), name)
    crew.do(stage)
    modes = stage.reduce(crew.partials.units(stage), kelvin)
    if modes.missing.all():
        raise InputError(
            f"All voxels of {source.meta.name} in the field are blank, or have no beam; there is no power to measure. "
            "Choose another field or other channels."
        )
    return modes


def unit_channels(source: Source, field: SkyField, n_channels: int, memory: int = UNIT_BYTES) -> int:
    """Return how many channels a unit has: whole chunks of the store where they fit into memory.

    Raises
    ------
    MemoryBudgetError
        Not even one channel fits.
    """
    deep = source.chunks[0] if source.chunks else 1
    area = field.shape[0] * field.shape[1]
    depth = min(deep * max(1, _UNIT_VOXELS // (deep * area)), n_channels)
    whole = range((depth - 1) // deep * deep, deep, -deep)
    for channels in (depth, *whole, *range(min(deep, depth), 0, -1)):
        if unit_bytes(field, channels) <= memory:
            return int(channels)
    raise MemoryBudgetError(
        f"The modes of one channel of {field.shape[0]} x {field.shape[1]} pixels take "
        f"{unit_bytes(field, 1) / 2**20:.0f} MiB, and {memory / 2**20:.0f} MiB are allowed. Allow more memory, "
        "choose a smaller field, or bins that end at a smaller k_perp."
    )


def unit_bytes(field: SkyField, n_channels: int) -> int:
    """Return the bytes that a unit of so many channels holds at its peak, voxels and all."""
    strip = 4 * n_channels * strip_rows(field, n_channels) * field.shape[1]
    packed = 16 * n_channels * len(field.modes())  # the result once more, on its way to disk
    return 2 * strip + transform_bytes(field, n_channels) + 2 * packed  # readers turn and copy what they read


def strip_rows(field: SkyField, n_channels: int) -> int:
    """Return how many rows along l are read together: whole blocks of the transform."""
    blocks = _STRIP_BYTES // (4 * n_channels * ROWS * field.shape[1])
    return min(max(1, blocks) * ROWS, -(-field.shape[0] // ROWS) * ROWS)
