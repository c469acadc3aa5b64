"""A network as a kernel: run on aligned patches of one shape, so that a voxel's value does not depend on its tile.

Patches begin at multiples of twice the network's stride, counted from the first voxel of the cube; what lies beyond the
cube, or is blank, is shown as zero. Of each answer only voxels that see their whole neighbourhood are kept: cut, never
blended. All patches of a cube have one shape, all batches one size and each worker one thread, because libraries choose
the order of their sums by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.devices import CUDA, device_type
from tessellar.kernels.logit import probability_of
from tessellar.kernels.network.lattice import PatchLattice
from tessellar.kernels.network.normalise import in_units_of_noise, known
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import Calibration
from tessellar.model import FloatArray, Patch
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from torch import Tensor

MEAN, MASK, LOG_VARIANCE = "denoised", "mask", "log_variance"
OUTPUTS = {MEAN: "denoised", LOG_VARIANCE: "uncertainty"}
"""What a denoiser writes, by the head that it comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Runner:
    """A network that is ready to run at a worker.

    Attributes
    ----------
    network
        Takes patches with a margin and answers without it.
    lattice
        Where patches of this cube begin, and how large they are.
    heads
        Channels of the answer.
    calibration
        What the raw answers become.
    batch
        Patches that are run at once.
    threads
        Cores that one patch is run on.
    precision
        ``float32`` or ``bfloat16``.
    device
        What torch calls it: ``cpu``, ``cuda`` or ``cuda:1``.
    """

    network: Callable[[Tensor], Tensor]
    lattice: PatchLattice
    heads: tuple[str, ...]
    calibration: Calibration
    batch: int
    threads: int
    precision: str
    device: str

    def __call__(self, patch: Patch, noise: FloatArray) -> FloatArray:
        """Return denoised voxels and, if the network tells it, their uncertainty.

        Parameters
        ----------
        patch
            The voxels.
        noise
            Their noise, float32 array (frequency, l, m) of the read box, cube's unit; 0 or NaN where unknown.

        Returns
        -------
        dense
            float32 array (output, frequency, l, m) of the core, cube's unit; NaN where the voxel is blank or its noise
            unknown.
        """
        answer, core_noise, seen = self._answer(patch, noise)
        heads = [head for head in OUTPUTS if head in self.heads]
        dense = np.full((len(heads), *core_noise.shape), np.nan, np.float32)
        for head, out in zip(heads, dense, strict=True):
            raw = answer[self.heads.index(head)]
            values = self._deviation(raw) if head == LOG_VARIANCE else raw
            np.multiply(values, core_noise, out=out, where=seen)
        return dense

    def probability(self, patch: Patch, noise: FloatArray) -> FloatArray:
        """Return how probable emission is in the voxels of the core, float32 array (frequency, l, m); 0 where blank."""
        answer, _, seen = self._answer(patch, noise)
        logit = answer[self.heads.index(MASK)].astype(np.float64)
        p = probability_of(self.calibration.mask_slope * logit + self.calibration.mask_offset)
        return np.where(seen, p, 0.0).astype(np.float32)

    def _deviation(self, log_variance: FloatArray) -> FloatArray:
        slope = np.float32(self.calibration.log_variance_slope)
        offset = np.float32(self.calibration.log_variance_offset)
        return np.asarray(np.exp(np.float32(0.5) * (slope * np.clip(log_variance, -30.0, 30.0) + offset)))

    def _answer(self, patch: Patch, noise: FloatArray) -> tuple[FloatArray, FloatArray, Any]:
        """Return the raw answer of the core, its noise, and which of its voxels are known."""
        local = patch.core.relative_to(patch.read.start).slices()
        seen = known(patch.voxels[local], noise[local])
        answer = np.zeros((len(self.heads), *patch.core.shape), np.float32)
        if seen.any():
            shown = in_units_of_noise(patch.voxels, noise)
            wanted = (box for box in self.lattice.boxes(patch.core) if seen[_own(box, patch.core)].any())
            for boxes in _groups(wanted, self.batch):
                answer = self._filled(answer, boxes, shown, patch)
        return answer, noise[local], seen

    def _filled(self, answer: FloatArray, boxes: list[Box], shown: FloatArray, patch: Patch) -> FloatArray:
        """Run one batch, filled up with empty patches, and return the answer with what it says of the core."""
        voxels = np.zeros((self.batch, 1, *self.lattice.patch_shape), np.float32)
        for slot, box in enumerate(boxes):
            around = self.lattice.around(box)
            shared = around & patch.read
            if not shared.empty:
                part = shown[shared.relative_to(patch.read.start).slices()]
                voxels[slot, 0][shared.relative_to(around.start).slices()] = part
        given = self._run(voxels)
        for slot, box in enumerate(boxes):
            own = box & patch.core
            said = given[(slot, slice(None), *own.relative_to(box.start).slices())]
            if own == patch.core:
                return said
            answer[(slice(None), *_own(box, patch.core))] = said
        return answer

    def _run(self, voxels: FloatArray) -> FloatArray:
        torch = load_torch()
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.inference_mode(), arithmetic(torch, self.device, self.precision):
            tensor = torch.from_numpy(voxels).to(self.device)
            given = self.network(tensor.contiguous(memory_format=torch.channels_last_3d))
            found: FloatArray = given.float().cpu().numpy()
        return found


def as_tensors(weights: Mapping[str, FloatArray], device: str) -> dict[str, Tensor]:
    """Return weights as tensors on a device, in the layout that convolutions are fastest with."""
    torch = load_torch()
    tensors = {}
    for name, values in weights.items():
        tensor = torch.from_numpy(values.copy()).to(device)
        layout = torch.channels_last_3d if tensor.ndim == 5 else torch.contiguous_format
        tensors[name] = tensor.contiguous(memory_format=layout)
    return tensors


@contextmanager
def arithmetic(torch: Any, device: str, precision: str = "float32") -> Iterator[None]:
    """Keep to the precision; on a GPU also to algorithms that add in one order, with all digits of float32."""
    exact = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
    with ExitStack() as stack:
        if device_type(device) == CUDA:
            stack.enter_context(torch.backends.cudnn.flags(**exact))
        stack.enter_context(
            torch.autocast(device_type(device), torch.bfloat16, enabled=precision == "bfloat16")
        )
        yield


def _own(box: Box, core: Box) -> tuple[slice, slice, slice]:
    """Return where the part of a box that lies in a core lies in it."""
    return (box & core).relative_to(core.start).slices()


def _groups(boxes: Iterator[Box], size: int) -> Iterator[list[Box]]:
    """Yield boxes in groups of ``size``, the last of which may be smaller."""
    group: list[Box] = []
    for box in boxes:
        group.append(box)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
