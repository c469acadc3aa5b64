"""How fast a low-frequency sky is made while it is read: boxes as a separation reads them, and thin ones."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench, Task
from benchmarks.results import Result
from tessellar.model import FloatArray
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box, Shape

SIDE, PIXEL_ARCSEC = 2048, 16.0  # as in SKA Data Challenge 3a

BOXES: dict[str, Shape] = {
    "moments": (901, 128, 32),
    "cleaning": (901, 64, 64),
    "power spectra": (32, 128, SIDE),
    "one channel": (1, 512, SIDE),
    "blocks of 8 x 8 spectra": (901, 8, 8),
    "one spectrum": (901, 1, 1),
}


def made(bench: Bench) -> Iterator[Result]:
    """Make boxes of a sky of all parts without a beam, on one core."""
    n_channels = bench.size.spectra[0]
    sky = EorSky((n_channels, SIDE, SIDE), 1, first_frequency_hz=106e6, pixel_arcsec=PIXEL_ARCSEC)
    for name, (depth, width, height) in BOXES.items():
        place = ((n_channels - min(depth, n_channels)) // 2, SIDE // 4, 0 if height == SIDE else SIDE // 4)
        box = Box.of_shape((min(depth, n_channels), width, height)).shift(place)
        yield Result(name, bench.time(_reading(sky, box)), box.size, "voxel", {"box": list(box.shape)})


def _reading(sky: EorSky, box: Box) -> Task[FloatArray]:
    """Return the task whose harvest is the mean brightness."""
    return Task(lambda: sky.read(box), lambda voxels: float(voxels.mean()))
