"""The denoiser ``unet``: a trained network gives every voxel the mean of what may lie below its noise."""

from __future__ import annotations

from dataclasses import dataclass, field

from tessellar.errors import UsageError
from tessellar.kernels.devices import CPU, device_type, torch_name
from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.compiled_unet import compiled_network
from tessellar.kernels.network.design import design_of
from tessellar.kernels.network.lattice import PatchLattice
from tessellar.kernels.network.receptive_field import refuse_dishonest
from tessellar.kernels.network.runner import MASK, OUTPUTS, Runner, as_tensors
from tessellar.kernels.network.weights import (
    Card,
    check_shapes,
    digest_of_card,
    find_weights,
    read_card,
    read_weights,
)
from tessellar.model import CubeMeta, MemoryUse
from tessellar.tiling.box import Halo, Shape

PRECISIONS = ("float32", "bfloat16")
SHIPPED_NAME = "hi-unet-s"
TORCH_BYTES = 220 * 2**20  # that a worker holds once it has imported torch


@dataclass(frozen=True, slots=True)
class UNet:
    """A trained network, by default the one that comes with the program.

    Parameters
    ----------
    weights
        ``hi-unet-s``, or the path of a .safetensors file with its card beside it, of any network that `Design`
        describes.
    precision
        ``float32``; or ``bfloat16``, which is faster on some processors that have it and rounds to three digits.
    side
        Voxels that a patch answers for along each axis; larger ones need more memory and see less of their margins
        twice.
    batch
        Patches that are run at once; more than one pays on graphics processors.
    threads
        Cores that a worker runs one patch on.

    Raises
    ------
    UsageError
        A setting is out of range, or there are no such weights.
    InputError
        The card of the weights cannot be used.
    """

    weights: str = field(default=SHIPPED_NAME, repr=False, compare=False)
    precision: str = "float32"
    side: int = 128
    batch: int = 1
    threads: int = 1
    identity: str = field(init=False, default="")
    margin: int = field(init=False, default=0)
    stride: int = field(init=False, default=1)
    maps: int = field(init=False, default=0)
    heads: tuple[str, ...] = field(init=False, default=())

    name = "unet"
    needs_torch = True

    def __post_init__(self) -> None:
        file = find_weights(str(self.weights))
        card = read_card(file)
        for name, value in (
            ("weights", str(self.weights)),
            ("identity", digest_of_card(file)),
            ("margin", card.halo),
            ("stride", card.stride),
            ("maps", card.maps),
            ("heads", card.heads),
        ):
            object.__setattr__(self, name, value)
        problems = [
            f"{name} is {getattr(self, name)}, needed is 1 or more"
            for name in ("batch", "threads")
            if getattr(self, name) < 1
        ]
        if self.precision not in PRECISIONS:
            problems.append(f"precision is '{self.precision}', there is {' and '.join(PRECISIONS)}")
        if self.side < self.step or self.side % self.step:
            problems.append(
                f"side is {self.side}, needed is a multiple of {self.step}, twice the network's stride"
            )
        if problems:
            raise UsageError("; ".join(problems) + ".")

    @property
    def step(self) -> int:
        """By which patches are aligned: twice the stride, since convolutions make voxels of all levels in pairs."""
        return 2 * self.stride

    @property
    def outputs(self) -> tuple[str, ...]:
        """``denoised``, and ``uncertainty`` (one standard deviation) if the network tells it."""
        return tuple(output for head, output in OUTPUTS.items() if head in self.heads)

    @property
    def card(self) -> Card:
        """What is known of the network."""
        return read_card(find_weights(self.weights))

    @property
    def finds(self) -> bool:
        """Whether the network tells the probability of emission."""
        return MASK in self.heads

    @property
    def fixed_bytes(self) -> int:
        """Bytes that a worker holds however small its tiles are: torch, and one batch of patches of full size."""
        return TORCH_BYTES + 4 * self.batch * self.maps * (self.side + 2 * self.margin) ** 3

    def lattice(self, meta: CubeMeta) -> PatchLattice:
        """Return where the patches of a cube lie."""
        return PatchLattice.of_cube(meta.shape, self.side, self.margin, self.step)

    def halo(self, meta: CubeMeta) -> Halo:
        """Return how far around a voxel the network sees."""
        z, x, y = (min(self.margin, n) for n in meta.shape)
        return Halo.symmetric((z, x, y))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape``: itself over its noise, the answer, one batch, and torch itself."""
        z, x, y = shape
        return MemoryUse(host=4 * (3 * len(self.heads) + 2) * z * x * y + self.fixed_bytes)

    def memory_on_gpu(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape`` on a GPU: one batch there, with as much for its convolutions."""
        z, x, y = shape
        voxels = self.batch * (self.side + 2 * self.margin) ** 3
        host = 4 * (3 * len(self.heads) + 2) * z * x * y + 4 * (1 + len(self.heads)) * voxels
        return MemoryUse(host=host, device=2 * 4 * self.maps * voxels)

    def prepare(self, meta: CubeMeta, device: str) -> Runner:
        """Load the weights, and return what does one patch.

        Parameters
        ----------
        meta
            The cube.
        device
            ``cpu``, ``cuda`` or ``cuda:1``.

        Raises
        ------
        InputError
            The weights are damaged, or do not fit the network that their card names.
        UsageError
            Torch is not installed, or the network sees farther than it declares.
        """
        file = find_weights(self.weights)
        card = read_card(file)
        if digest_of_card(file) != self.identity:
            raise UsageError(f"{file} was changed since the run began. Begin again with --fresh.")
        design = design_of(card, file)
        weights = read_weights(file, card)
        check_shapes(weights, design.shapes, file)
        place = torch_name(device)
        if not isinstance(design, Architecture):  # ours cannot lie: it counts its own layers
            blind = design.network(as_tensors(weights, "cpu"))
            refuse_dishonest(blind, design.margin, design.stride, card.name)
        own_loops = device_type(place) == CPU and self.precision == PRECISIONS[0] and self.threads == 1
        if isinstance(design, Architecture) and own_loops:
            network = compiled_network(design, weights, design.margin)
        else:
            network = design.network(as_tensors(weights, place), design.margin)
        return Runner(
            network=network,
            lattice=self.lattice(meta),
            heads=self.heads,
            calibration=card.calibration,
            batch=self.batch,
            threads=self.threads,
            precision=self.precision,
            device=place,
        )
