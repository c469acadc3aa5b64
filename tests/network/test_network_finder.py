"""``--finder unet``: one catalogue whatever the tiles, also beside smooth-and-clip, and settings that run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import tessellar as ts
from tessellar.api import simulate
from tessellar.engine.find.recipes import Recipes
from tessellar.errors import UsageError
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.devices import TORCH_CPU
from tessellar.kernels.network.normalise import noise_of
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.model import Observer, Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box

SHAPE = (28, 40, 36)
RESULTS = ("catalogue.ecsv", "catalogue.vot", "catalogue.parquet", "mask.zarr/**/*")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    simulate(HiSky(SHAPE, 4, n_sources=4, flux_range=(150.0, 600.0)), path)
    return path


def find(
    cube: Path, out: Path, tile: tuple[int, int, int], executor: str, observer: Observer | None = None
) -> ts.Run:
    scales = ts.SmoothAndClip(kernels_z=(0, 3), threshold=2.8)
    finder = ts.NetworkFinder(ts.UNet(side=16), both=True, scales=scales)
    linker, products = ts.Linker(min_size_z=2), ts.Products(cubelets=0, maps=False, report=False)
    return ts.find_sources(
        cube,
        finder,
        linker=linker,
        products=products,
        executor=executor,
        out=out,
        tile=tile,
        observer=observer,
    )


def results(run: ts.Run) -> dict[str, bytes]:
    """Return the files that must not know how they came about."""
    paths = sorted(path for pattern in RESULTS for path in run.folder.glob(pattern) if path.is_file())
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def run(cube: Path, tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    return find(cube, tmp_path_factory.mktemp("found"), SHAPE, "serial")


def test_no_byte_of_the_catalogue_knows_the_tiles(cube: Path, run: ts.Run, tmp_path: Path) -> None:
    other = find(cube, tmp_path, (15, 23, 36), "processes")
    assert results(run) == results(other)


def test_a_killed_second_pass_of_the_network_goes_on(cube: Path, run: ts.Run, tmp_path: Path) -> None:
    class Impatient:
        def begin(self, stage: str, total: int) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, stage: str) -> None: ...

        def progress(self, event: Any) -> None:
            if event.stage == "probability":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(cube, tmp_path, SHAPE, "serial", Impatient())
    again = find(cube, tmp_path, SHAPE, "serial")
    assert again.info["stages"]["probability"]["resumed"] >= 1
    assert results(again) == results(run)


def test_each_source_has_the_largest_probability_among_its_voxels(cube: Path, run: ts.Run) -> None:
    source, box = ts.open_cube(cube), Box.of_shape(SHAPE)
    with np.load(run.folder / "noise.npz") as saved:
        noise = noise_of(NoiseModel(NoiseLattice(SHAPE), saved["spectral"], saved["spatial"]), box)
    network = ts.UNet(side=40).prepare(source.meta, "cpu")
    probability = network.probability(Patch(source.read(box), box, box), noise)
    mask = np.asarray(zarr.open_array(run.folder / "mask.zarr" / "LABEL", mode="r"))[0, :, 0]
    wanted = [probability[mask == row].max() for row in range(1, len(run.catalogue) + 1)]
    np.testing.assert_allclose(run.catalogue["p_network"], wanted, atol=1e-6)
    assert min(wanted) < 0.1  # smooth-and-clip saw it, and the network did not
    assert max(wanted) > 0.9


def test_the_mask_is_the_thresholded_probability_of_both_signs() -> None:
    rng = np.random.default_rng(2)
    shape = (12, 16, 24)
    lattice = NoiseLattice(shape)
    noise = NoiseModel(lattice, np.full(12, 2.0, np.float32), np.ones(lattice.cells, np.float32))
    voxels = 2 * rng.normal(size=shape).astype(np.float32)
    voxels[4:9, 3:8, 3:8] += 8
    voxels[4:9, 3:8, 16:21] -= 8
    voxels[0] = np.nan
    box = Box.of_shape(shape)
    patch = Patch(voxels, box, box)
    finder = ts.NetworkFinder(ts.UNet(side=24), probability=0.2)
    scales = finder.scales.calibrated(noise, finder.scales.count_scales(patch, noise))
    meta = HiSky(shape, n_sources=0).meta
    mask = finder.calibrated(scales).prepare(meta)(patch)
    run = finder.network.prepare(meta, "cpu")
    probability = run.probability(patch, noise_of(noise, box))
    np.testing.assert_array_equal(mask & POSITIVE > 0, probability > np.float32(0.2))
    assert mask[6, 5, 5] == POSITIVE
    assert mask[6, 5, 18] == NEGATIVE
    assert not mask[0].any()
    both = ts.NetworkFinder(finder.network, 0.2, both=True)
    np.testing.assert_array_equal(both.calibrated(scales).prepare(meta)(patch), mask | scales(patch))
    np.testing.assert_array_equal(
        both.calibrated(scales).prepare(meta, TORCH_CPU)(patch), mask | scales(patch)
    )


def test_the_halo_is_the_larger_of_the_two() -> None:
    meta = HiSky((100, 100, 100), n_sources=0).meta
    wide = ts.SmoothAndClip(kernels_z=(0, 81))
    assert ts.NetworkFinder().halo(meta).before == (24, 24, 24)
    assert ts.NetworkFinder(both=True, scales=wide).halo(meta).before == (40, 24, 24)


def test_a_network_is_no_reason_for_tiny_tiles() -> None:
    cube = HiSky((256, 512, 512), n_sources=0)
    tile = ts.plan(cube, ts.NetworkFinder(), workers=2, memory=None).grid.core
    assert min(tile) >= 64


def test_settings_tell_the_network() -> None:
    finder = ts.NetworkFinder(probability=0.4, both=True)
    settings = Recipes(finder=finder).settings()
    assert (settings["finder"], settings["network"], settings["probability"]) == ("both", "hi-unet-s", 0.4)
    assert finder.network.identity in Recipes(finder=finder).provenance()
    with pytest.raises(UsageError, match="between 0 and 1"):
        ts.NetworkFinder(probability=1.0)
