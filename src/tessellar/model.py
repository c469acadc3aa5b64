"""The nouns that every floor shares: what a cube is, what a stage of work is, and who takes part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard, runtime_checkable

import numpy as np
import numpy.typing as npt

from tessellar.tiling.box import Box, Shape

if TYPE_CHECKING:
    from tessellar.tiling.box import Halo

FloatArray: TypeAlias = npt.NDArray[np.float32]
DoubleArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
Payload: TypeAlias = dict[str, npt.NDArray[Any]]

GAUSSIAN_AREA = 1.1330900354567985  # π / (4 ln 2): area of a Gaussian beam over the product of its FWHMs


@dataclass(frozen=True, slots=True)
class SpectralAxis:
    """The third axis of a cube, channel by channel.

    Attributes
    ----------
    kind
        SoFiA's column name for it: ``freq``, ``v_rad``, ``v_opt``, ``v_app``, or ``channel`` where the
        header does not say.
    unit
        ``Hz``, ``m/s``, or ``""`` for bare channels.
    values
        Centre of every channel, in ``unit``.
    rest_frequency
        Hz, or None where the header has none.
    frame
        FITS ``SPECSYS`` (``LSRK``, ``BARYCENT`` …), or ``""``.
    width
        Width of the only channel of a cube that has one, in ``unit``; None where the header does not say. Other
        cubes tell it by their values.
    """

    kind: str
    unit: str
    values: tuple[float, ...]
    rest_frequency: float | None = None
    frame: str = ""
    width: float | None = None

    def widths(self) -> DoubleArray:
        """Return the width of every channel in ``unit``, float64 array (frequency); NaN where unknown."""
        if len(self.values) == 1:
            return np.array([np.nan if self.width is None else abs(self.width)])
        return np.asarray(np.abs(np.gradient(np.asarray(self.values))), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Beam:
    """A Gaussian restoring beam: full widths at half maximum and position angle, degrees."""

    major: float
    minor: float
    pa: float


@dataclass(frozen=True, slots=True)
class CubeMeta:
    """What is known of a cube without its voxels.

    Attributes
    ----------
    name
        Short name, for people.
    shape
        ``(frequency, l, m)``.
    unit
        Unit of a voxel as astropy writes it (``Jy / beam``, ``K``), ``""`` where unknown.
    spectral
        The frequency or velocity axis.
    beams
        One beam, one for each channel, or none.
    pixel_size
        Absolute size of a pixel along l and m in degrees, None where the header does not say.
    header
        The original FITS header, its 80-column cards joined by newlines; ``""`` when the cube has none.
    wcs_header
        A cleaned three-axis FITS header (longitude, latitude, spectral: axes 1, 2, 3 = l, m, frequency) that
        astropy's WCS accepts, ``""`` when the cube has no usable sky coordinates.
    missing
        Sentences about what the header lacks or what had to be assumed.
    """

    name: str
    shape: Shape
    unit: str
    spectral: SpectralAxis
    beams: tuple[Beam, ...] = ()
    pixel_size: tuple[float, float] | None = None
    header: str = ""
    wcs_header: str = ""
    missing: tuple[str, ...] = ()

    def beam_areas(self) -> DoubleArray | None:
        """Return the beam's solid angle in pixels for every channel, float64 array (frequency), or None."""
        if not self.beams or self.pixel_size is None:
            return None
        pixel = self.pixel_size[0] * self.pixel_size[1]
        areas = np.array([GAUSSIAN_AREA * b.major * b.minor / pixel for b in self.beams])
        return np.broadcast_to(areas, (self.shape[0],)).copy()


@runtime_checkable
class Source(Protocol):
    """A cube that can be read box by box; it pickles small and opens its file where it is used."""

    @property
    def meta(self) -> CubeMeta:
        """What is known without reading voxels."""

    @property
    def identity(self) -> str:
        """A text that changes when the content does (size, modification time, codec …); guards a resume."""

    @property
    def chunks(self) -> Shape | None:
        """The box of voxels that is read or made as one piece, ``(frequency, l, m)``; None if any box is as good."""

    @property
    def stored_bytes(self) -> int:
        """Bytes that the cube takes where it is stored."""

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 C-order array (frequency, l, m), NaN = blank.

        An array that owns its memory is the caller's to change; what a source keeps, it gives as a view.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """Voxels that are wanted in several places.

    Attributes
    ----------
    box
        Which voxels, ``(frequency, l, m)``.
    targets
        Boxes and the float32 arrays (frequency, l, m) that fill them: each takes the voxels that it has in common with
        ``box``.
    """

    box: Box
    targets: tuple[tuple[Box, FloatArray], ...]

    def put(self, voxels: FloatArray) -> None:
        """Put voxels that fill the box where they are wanted, float32 array (frequency, l, m)."""
        for where, target in self.targets:
            common = self.box & where
            if not common.empty:
                of, to = common.relative_to(self.box.start), common.relative_to(where.start)
                target[to.slices()] = voxels[of.slices()]


class ChunkedSource(Source, Protocol):
    """A cube whose chunks can be asked for one by one without loss of time."""

    @property
    def by_chunk(self) -> bool:
        """Whether that is so for this cube; otherwise few large boxes are better."""

    def fill(self, orders: Sequence[Order]) -> None:
        """Put voxels where they are wanted; chunks that an order touches are decoded once for all of its targets."""

    def decode(self, places: Sequence[Shape], arrays: Sequence[FloatArray]) -> None:
        """Decode chunks, given their positions among all, each into a C-order array of its own."""


def is_by_chunk(source: Source) -> TypeGuard[ChunkedSource]:
    """Return whether the chunks of a cube can be asked for one by one."""
    return bool(getattr(source, "by_chunk", False))


class Sink(Protocol):
    """A cube that is written piece by piece, in any order, by any worker; it pickles small.

    ``pieces`` is the grid of boxes that may be written independently of each other. ``begin`` makes the
    (invisible) store, ``write`` puts one whole piece and returns a digest that proves it, ``verify`` tells later
    whether the piece is still the same, ``publish`` makes the result appear under its name. The same voxels
    always give the same bytes on disk.
    """

    @property
    def pieces(self) -> Sequence[Box]:
        """The boxes that partition the cube and are written whole, a lazy sequence."""

    def begin(self) -> None:
        """Make the store, or go on with the one that an interrupted run left."""

    def write(self, index: int, voxels: FloatArray) -> bytes:
        """Write piece ``index`` durably, and return the digest of what is stored."""

    def verify(self, index: int, digest: bytes) -> bool:
        """Return whether what is stored of piece ``index`` still has this digest."""

    def publish(self, digests: Iterable[bytes]) -> None:
        """Give the finished store its name, atomically, once there is a digest for each of its pieces."""


@dataclass(frozen=True, slots=True)
class UnitResult:
    """What one unit of a stage gives back: small arrays, what they cost, and voxels that are still to be written."""

    payload: Payload
    voxels: int = 0
    bytes_read: int = 0
    seconds_read: float = 0.0
    seconds_kernel: float = 0.0
    seconds_write: float = 0.0
    output: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """Work in steps that may run side by side: one unit is read while another is computed and a third is written.

    Every step is called with units in ascending order, by one thread at a time; ``read`` by several where it says so.

    Attributes
    ----------
    read
        Returns the voxels of a unit: an array, or what stands for one on a device and knows its ``nbytes``.
    compute
        Takes a unit and its voxels; the ``output`` of its result, if any, is what is to be written.
    write
        Takes a unit and that output, writes it durably, and returns what to add to the payload.
    on_device
        Whether a device computes while this thread sleeps, so that reading ahead always pays.
    at_once
        How many units several threads read at the same time, since each is waited for; such units are small.
    """

    read: Callable[[int], Any]
    compute: Callable[[int, Any], UnitResult]
    write: Callable[[int, FloatArray], Payload] | None = None
    on_device: bool = False
    at_once: int = 1


Work: TypeAlias = Callable[[int], UnitResult] | Steps


class Stage(Protocol):
    """A map over numbered units of work; it pickles small and is rebuilt from integers at a worker.

    The result of a unit is a pure function of the source's content, the fingerprint and the unit's number.
    """

    @property
    def name(self) -> str:
        """A word for progress lines, file names and ``run.json``."""

    @property
    def n_units(self) -> int:
        """How many units there are."""

    @property
    def fingerprint(self) -> str:
        """A text that changes when anything does that the result depends on."""

    def worker(self) -> Work:
        """Open files, compile kernels, and return what does one unit; once per worker."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes that one unit of work holds at its peak, beyond the interpreter and its libraries."""

    host: int
    device: int = 0


@dataclass(frozen=True, slots=True)
class Patch:
    """The voxels a tile reads, and where they lie.

    Attributes
    ----------
    voxels
        float32 array (frequency, l, m) in the cube's unit; NaN = blank.
    read
        The box of the cube that ``voxels`` fills.
    core
        The part of it that the tile owns.
    """

    voxels: FloatArray
    read: Box
    core: Box


class Kernel(Protocol):
    """A recipe applied to a patch; it opens no file and knows no executor."""

    @property
    def name(self) -> str:
        """The word that finds it on the command line."""

    def halo(self, meta: CubeMeta) -> Halo:
        """Return how far around a voxel the recipe looks."""

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes it needs for a patch of ``shape``, beyond the patch itself."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that was given up after its last try."""

    stage: str
    unit: int
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: the event that observers see after every lease."""

    stage: str
    done: int
    total: int
    resumed: int
    voxels: int
    bytes_read: int
    seconds: float
    shares: dict[str, float] = field(default_factory=dict)


class Observer(Protocol):
    """Somebody who watches a run: a bar, a log, a file of JSON lines."""

    def begin(self, stage: str, total: int) -> None:
        """Take note that a stage begins."""

    def progress(self, event: Progress) -> None:
        """Take note of progress."""

    def say(self, text: str) -> None:
        """Take note of a sentence for people."""

    def end(self, stage: str) -> None:
        """Take note that a stage ended."""
