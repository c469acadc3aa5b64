"""The second look at candidates as a recipe: which network has the last word, on whom, and what that needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from tessellar.errors import UsageError
from tessellar.kernels.look.network import BATCH_ON_GPU, CANDIDATES, Look, look_of
from tessellar.kernels.look.patch import CHANNELS
from tessellar.kernels.network.unet import TORCH_BYTES
from tessellar.kernels.network.weights import check_shapes, find_weights, read_weights
from tessellar.model import MemoryUse
from tessellar.tiling.box import Shape

MOST_VOXELS = 2**22  # around a candidate: more are not read, and it is not looked at
UNIT = BATCH_ON_GPU  # candidates that are looked at together
_MAPS = 64  # of one patch that the network holds at once, at most
_BYTES_OF_READING = 36  # of a voxel around a candidate: read, decoded, its noise, their ratio, its mask
_BYTES_ON_GPU = 256 * 2**20  # weights, one batch with all maps, room for convolutions: more than enough


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A network that looks at each candidate, and whose probability is then its reliability.

    Parameters
    ----------
    weights
        ``hi-look-s``, or the path of a .safetensors file with its card beside it.
    prefilter
        With a reliability: candidates that negative detections find less reliable than this are not looked at.

    Raises
    ------
    UsageError
        There are no such weights, they do not tell how likely candidates are real, or the prefilter is none.
    InputError
        The weights are damaged, or not those of their card.
    """

    weights: str = field(default=CANDIDATES, repr=False, compare=False)
    prefilter: float = 0.05
    identity: str = field(init=False, default="")
    network: str = field(init=False, default="")

    name = "second-look"
    needs_torch = True

    def __post_init__(self) -> None:
        if not 0 < self.prefilter <= 1:
            raise UsageError(f"prefilter is {self.prefilter:g}; it must lie above 0 and be at most 1.")
        look = Look(str(self.weights))
        look.check_tells_probabilities()
        file, card = find_weights(look.weights), look.card
        check_shapes(read_weights(file, card), look_of(card, file).shapes, file)
        for name, value in (("weights", look.weights), ("identity", look.identity), ("network", card.name)):
            object.__setattr__(self, name, value)

    @property
    def record(self) -> dict[str, str | float]:
        """What decides about the result, for what a run says of itself."""
        return {"network": self.network, "card_sha256": self.identity, "prefilter": self.prefilter}

    def prepare(self) -> Look:
        """Return the network, at a worker.

        Raises
        ------
        UsageError
            It was changed since the recipe was made.
        """
        look = Look(self.weights)
        if look.identity != self.identity:
            raise UsageError(
                f"the network {self.weights} was changed since the run began. Begin again with --fresh."
            )
        return look

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes for candidates with patches of ``shape``: torch, a unit of them, the largest box read."""
        patches = 4 * prod(shape) * (3 * UNIT * CHANNELS + _MAPS)
        return MemoryUse(host=TORCH_BYTES + patches + _BYTES_OF_READING * MOST_VOXELS)

    def memory_on_gpu(self, shape: Shape) -> MemoryUse:
        """Return the same where the network works on a GPU."""
        return MemoryUse(host=self.memory(shape).host - TORCH_BYTES, device=_BYTES_ON_GPU)
