"""The lane to a device: who waits for whom, told by a scripted GPU, and asked of a real one where it is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tessellar.kernels import lane
from tessellar.kernels.devices import TORCH_CPU, count_gpus
from tessellar.kernels.lane import Lane


class ScriptedGpu:
    """Streams and events that write down what is asked of them; memory is that of the processor."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.pinned: list[int] = []
        self._names = iter(("copying", "computing"))
        self._events = 0
        self.torch = SimpleNamespace(
            device=torch.device, from_numpy=torch.from_numpy, empty=self.empty, cuda=self
        )

    def empty(self, shape: Any, dtype: Any, pin_memory: bool = False, device: Any = None) -> torch.Tensor:
        if pin_memory:
            self.pinned.append(int(shape))
        else:
            assert device.type == "cuda"
        return torch.empty(shape, dtype=dtype)

    def Stream(self, device: Any) -> Any:  # noqa: N802  # as torch calls it
        name = next(self._names)
        return SimpleNamespace(
            name=name, wait_event=lambda event: self.log.append((name, "waits", event.number))
        )

    def Event(self, blocking: bool = False) -> Any:  # noqa: N802
        number, self._events = self._events, self._events + 1
        return SimpleNamespace(
            number=number,
            record=lambda stream: self.log.append((stream.name, "ends", number)),
            synchronize=lambda: self.log.append(("host", "sleeps" if blocking else "waits", number)),
        )

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.log.append((stream.name, "begins"))
        yield

    def empty_cache(self) -> None:
        self.log.append(("host", "empties"))


def test_a_buffer_is_filled_again_only_after_its_voxels_have_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ScriptedGpu()
    monkeypatch.setattr(lane, "load_torch", lambda: gpu.torch)
    monkeypatch.setattr(
        torch.Tensor, "record_stream", lambda _, stream: gpu.log.append((stream.name, "keeps"))
    )
    ours = Lane("cuda:0")
    tiles = [np.full((2, 3, n), n, np.float32) for n in (4, 3, 5)]
    sent = [ours.send(tile) for tile in tiles]
    first, second = (
        [("copying", "begins"), ("copying", "ends", 0)],
        [("copying", "begins"), ("copying", "ends", 1)],
    )
    third = [("copying", "begins"), ("host", "waits", 0), ("copying", "ends", 2)]
    assert gpu.log == first + second + third
    assert gpu.pinned == [24, 18, 30]  # the first buffer was too small for the third tile
    gpu.log.clear()
    with ours.computing(sent[1]) as voxels:
        assert np.array_equal(voxels.numpy(), tiles[1])
    ours.make_room()
    assert gpu.log == [
        *(("computing", "begins"), ("computing", "waits", 1), ("computing", "keeps")),
        *(("computing", "ends", 3), ("host", "sleeps", 3), ("host", "empties")),
    ]
    ours.send(tiles[1])
    assert gpu.pinned == [24, 18, 30]  # used again


def test_on_the_processor_voxels_stay_where_they_are() -> None:
    voxels = np.ones((2, 3, 4), np.float32)
    ours = Lane(TORCH_CPU)
    with ours.computing(ours.send(voxels)) as there:
        assert there.data_ptr() == voxels.ctypes.data
    ours.wait()
    ours.make_room()
    voxels.flags.writeable = False
    with ours.computing(ours.send(voxels)) as there:  # torch could write into what nobody may write to
        assert there.data_ptr() != voxels.ctypes.data


@pytest.mark.skipif(count_gpus() == 0, reason="needs a GPU that torch sees")
def test_tiles_arrive_on_a_gpu_while_others_are_computed() -> None:
    ours, rng = Lane("cuda"), np.random.default_rng(0)
    tiles = [rng.normal(size=(64, 128, n)).astype(np.float32) for n in (128, 100, 160, 128, 90)]
    coming = ours.send(tiles[0])
    for tile, following in zip(tiles, [*tiles[1:], tiles[0]], strict=True):
        ready, coming = coming, ours.send(following)
        with ours.computing(ready) as voxels:
            twice = (voxels * 2).cpu().numpy()
        assert np.array_equal(twice, 2 * tile)
