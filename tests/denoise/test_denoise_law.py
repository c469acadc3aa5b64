"""One tile = many tiles for denoised cubes: tile, storage, executor and interruption change no bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from denoise_patches import Halving, NoiselessSky
from memory_cube import MemorySource, names_in

import tessellar as ts
from tessellar.api import report
from tessellar.engine.convert import convert
from tessellar.engine.executors import make_executor
from tessellar.errors import InputError, MemoryBudgetError, UsageError
from tessellar.io.sinks import open_sink
from tessellar.model import FloatArray, Progress
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box

SHAPE = (37, 66, 70)  # odd pieces everywhere
TILES = [(16, 32, 32), (32, 64, 96), (1, 96, 1), (48, 32, 64), (200, 200, 200)]
STORED = ["fits", "zarr", "fits", "zarr", "fits"]
KERNEL = ts.Starlet2D1D(2, 2, threshold=3.0)


class Interrupting:
    """An observer that stops the run after so many units of a stage."""

    def __init__(self, stage: str, after: int) -> None:
        self.stage, self.after = stage, after

    def begin(self, stage: str, total: int) -> None: ...

    def progress(self, event: Progress) -> None:
        if event.stage == self.stage and event.done >= self.after:
            raise KeyboardInterrupt

    def say(self, text: str) -> None: ...

    def end(self, stage: str) -> None: ...


@pytest.fixture(autouse=True)
def no_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no figures, which takes longer than the rest of a small run, but where they are looked at."""
    if "against_truth" not in request.fixturenames:
        monkeypatch.setattr("tessellar.report.denoising.write_denoising_report", lambda folder: folder)


def voxels_of(path: Path) -> FloatArray:
    cube = ts.open_cube(path)
    return cube.read(Box.of_shape(cube.meta.shape))


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A sky with some blank voxels, as FITS and as Zarr."""
    folder = tmp_path_factory.mktemp("sky")
    sky = HiSky(SHAPE, 5, n_sources=8, flux_range=(200.0, 1500.0))
    voxels = sky.read(Box.of_shape(SHAPE))
    voxels[np.random.default_rng(3).random(SHAPE) < 0.02] = np.nan
    voxels[7], voxels[:, 3, 4] = np.nan, np.nan
    source = MemorySource(voxels, sky.meta)
    for suffix in ("fits", "zarr"):
        with make_executor("serial") as pool:
            convert(source, open_sink(folder / f"sky.{suffix}", sky.meta, content="sky"), executor=pool)
    return {suffix: folder / f"sky.{suffix}" for suffix in ("fits", "zarr")}


@pytest.fixture(scope="module")
def in_one_piece(cubes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> ts.DenoisedCube:
    out = tmp_path_factory.mktemp("reference") / "quiet.zarr"
    quiet = ts.denoise(cubes["zarr"], KERNEL, out=out, executor="serial", tile=(200, 200, 200))
    assert quiet.info["n_tiles"] == 1
    return quiet


@pytest.fixture(scope="module")
def reference(in_one_piece: ts.DenoisedCube) -> FloatArray:
    return voxels_of(in_one_piece.path)


@pytest.mark.parametrize(("tile", "stored"), list(zip(TILES, STORED, strict=True)))
def test_any_tile_and_any_storage_give_the_same_bits(cubes, reference, tmp_path, tile, stored):
    out = tmp_path / ("quiet.fits" if tile[0] == 32 else "quiet.zarr")
    ts.denoise(cubes[stored], KERNEL, out=out, tile=tile, executor="serial")
    assert voxels_of(out).tobytes() == reference.tobytes()
    assert names_in(tmp_path) == ["quiet.denoise", out.name]


def test_what_the_report_tells_knows_no_tiles(cubes, in_one_piece, tmp_path):
    quiet = ts.denoise(
        cubes["fits"], KERNEL, out=tmp_path / "quiet.fits", tile=(16, 64, 32), executor="serial"
    )
    assert (quiet.folder / "denoise.npz").read_bytes() == (in_one_piece.folder / "denoise.npz").read_bytes()
    for name in ("distributions", "noise_only", "noise_before", "noise_after", "n_blank"):
        assert quiet.info[name] == in_one_piece.info[name]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_any_executor_gives_the_same_bits(cubes, reference, tmp_path, executor):
    options = {"executor": executor, "workers": 2, "tile": (16, 32, 32)}
    ts.denoise(cubes["zarr"], KERNEL, out=tmp_path / "quiet.zarr", **options)
    assert voxels_of(tmp_path / "quiet.zarr").tobytes() == reference.tobytes()


@pytest.mark.parametrize(
    ("stage", "after", "out"),
    [
        ("bands", 1, "quiet.zarr"),
        ("denoise", 3, "quiet.fits"),
        ("compare", 1, "quiet.zarr"),
        ("copy", 1, "quiet.fits"),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(cubes, reference, tmp_path, stage, after, out):
    options = {"out": tmp_path / out, "tile": (16, 32, 32), "executor": "serial"}
    with pytest.raises(KeyboardInterrupt):
        ts.denoise(cubes["zarr"], KERNEL, observer=Interrupting(stage, after), **options)
    assert not (tmp_path / out).exists()
    quiet = ts.denoise(cubes["zarr"], KERNEL, **options)
    assert voxels_of(tmp_path / out).tobytes() == reference.tobytes()
    assert sum(done["resumed"] for done in quiet.info["stages"].values()) > 0
    assert names_in(tmp_path) == sorted(["quiet.denoise", out])


@pytest.mark.parametrize("damaged", ["half.zarr", "tenth.zarr"])
def test_a_damaged_piece_of_either_output_is_written_again(cubes, tmp_path, damaged):
    options = {"uncertainty": tmp_path / "tenth.zarr", "tile": (16, 32, 32), "executor": "serial"}
    with pytest.raises(KeyboardInterrupt):
        ts.denoise(
            cubes["zarr"],
            Halving(),
            out=tmp_path / "half.zarr",
            observer=Interrupting("compare", 1),
            **options,
        )
    shard = next((tmp_path / f".{damaged}.partial" / damaged).rglob("c/*/*/*/*/*"))
    shard.write_bytes(shard.read_bytes()[:-7])
    quiet = ts.denoise(cubes["zarr"], Halving(), out=tmp_path / "half.zarr", **options)
    assert quiet.info["stages"]["denoise"]["resumed"] == quiet.info["n_tiles"] - 1
    cube = voxels_of(cubes["zarr"])
    assert np.array_equal(voxels_of(tmp_path / "half.zarr"), cube * np.float32(0.5), equal_nan=True)
    assert np.array_equal(voxels_of(tmp_path / "tenth.zarr"), cube * np.float32(0.1), equal_nan=True)


def test_a_second_output_is_written_beside_the_first(cubes, tmp_path):
    outputs = {"out": tmp_path / "half.zarr", "uncertainty": tmp_path / "tenth.fits"}
    ts.denoise(cubes["fits"], Halving(), **outputs, executor="serial", tile=(16, 32, 64))
    cube = voxels_of(cubes["fits"])
    assert np.array_equal(voxels_of(outputs["out"]), cube * np.float32(0.5), equal_nan=True)
    assert np.array_equal(voxels_of(outputs["uncertainty"]), cube * np.float32(0.1), equal_nan=True)


def test_a_piece_that_fails_is_blank_and_the_others_are_not(cubes, tmp_path):
    cube = voxels_of(cubes["zarr"])
    peak = np.unravel_index(np.nanargmax(cube), SHAPE)
    limit = float(np.nanmax(np.where(cube == cube[peak], np.nan, cube)))
    options = {"uncertainty": tmp_path / "tenth.zarr", "executor": "serial", "tile": (16, 32, 32)}
    quiet = ts.denoise(cubes["zarr"], Halving(limit), out=tmp_path / "half.zarr", **options)
    assert not quiet.complete
    assert quiet.info["tiles_failed"] == 1
    assert "too bright" in "".join(quiet.info["warnings"])
    starts = [at - at % size for at, size in zip(peak, (16, 32, 32), strict=True)]
    expected = cube * np.float32(0.5)
    expected[tuple(slice(a, a + size) for a, size in zip(starts, (16, 32, 32), strict=True))] = np.nan
    assert np.array_equal(voxels_of(tmp_path / "half.zarr"), expected, equal_nan=True)
    assert np.isnan(voxels_of(tmp_path / "tenth.zarr")[peak])


def test_a_cube_that_cannot_be_read_everywhere_is_denoised_elsewhere(tmp_path):
    voxels = np.random.default_rng(1).normal(size=(40, 64, 70)).astype(np.float32)
    cube = MemorySource(voxels, HiSky(voxels.shape).meta, broken=[(36, 40, 40)])
    options = {"executor": "serial", "tile": (16, 32, 32)}
    quiet = ts.denoise(cube, ts.Gaussian(0.0, 0.0), out=tmp_path / "quiet.zarr", **options)
    assert (quiet.complete, quiet.info["tiles_failed"]) == (False, 1)
    voxels[32:, 32:64, 32:64] = np.nan
    assert np.array_equal(voxels_of(quiet.path), voxels, equal_nan=True)


def test_a_result_stands_though_nothing_can_be_told_of_it(tmp_path):
    class Proud(Halving):
        def prepare(self, meta, device):
            work = super().prepare(meta, device)

            def proudly(patch, noise):
                if patch.voxels.mean() < 0:
                    raise ValueError("not upside down.")
                return work(patch, noise)

            return proudly

    voxels = np.random.default_rng(1).normal(1.0, size=(16, 32, 32)).astype(np.float32)
    cube = MemorySource(voxels, HiSky(voxels.shape).meta)
    quiet = ts.denoise(cube, Proud(), out=tmp_path / "half.zarr", executor="serial")
    assert quiet.complete
    assert "not upside down" in "".join(quiet.info["warnings"])
    assert quiet.info["noise_only"]["made_up"]["rms"] is None
    assert np.array_equal(voxels_of(quiet.path), voxels * np.float32(0.5))


def test_a_kernel_that_breaks_its_promise_is_told(cubes, tmp_path):
    class Cropping(Halving):
        def prepare(self, meta, device):
            work = super().prepare(meta, device)
            return lambda patch, noise: work(patch, noise)[:, 1:]

    with pytest.raises(InputError, match="Mend the kernel"):
        ts.denoise(cubes["zarr"], Cropping(), out=tmp_path / "half.zarr", executor="serial")
    assert not (tmp_path / "half.zarr").exists()


@pytest.fixture(scope="module")
def against_truth(tmp_path_factory: pytest.TempPathFactory) -> ts.DenoisedCube:
    sky = HiSky((48, 64, 64), 0, n_sources=6, flux_range=(100.0, 1500.0))
    out = tmp_path_factory.mktemp("truth") / "quiet.zarr"
    return ts.denoise(sky, ts.Starlet2D1D(), out=out, truth=NoiselessSky(sky), executor="serial")


def test_denoising_comes_nearer_to_the_truth(against_truth):
    truth = against_truth.info["truth"]
    assert truth["mse_gain_db"] > 6.0  # 6.8 to 11.7 over the seeds 0 to 7
    by_snr = truth["by_snr"]
    assert sum(row["n_voxels"] for row in by_snr) > 1000
    assert by_snr[3]["flux_before"] == pytest.approx(1.0, abs=0.1)
    assert 0.6 < by_snr[3]["flux_after"] < 1.1


def test_the_report_tells_what_was_taken_out(against_truth):
    info = against_truth.info
    assert info["noise_after"] < 0.2 * info["noise_before"]
    residual, cube = (info["distributions"][name] for name in ("residual", "input"))
    assert residual["rms"] == pytest.approx(1.0, abs=0.06)
    assert residual["correlation_next_pixel"] == pytest.approx(cube["correlation_next_pixel"], abs=0.05)
    assert abs(residual["correlation_next_channel"]) < 0.06
    assert info["noise_only"]["made_up"]["rms"] < 0.2
    assert info["noise_only"]["made_up"]["share_above_3"] < 1e-3
    page = (against_truth.folder / "report.html").read_text()
    for words in (
        "S/N 4 must not be measured",
        "noise alone",
        "Against the truth",
        "Gaussian",
        "brightest voxels",
    ):
        assert words in page
    assert page.count("<svg") >= 5
    assert report(against_truth).read_text() == page
    assert "http://" not in page


def test_a_cube_without_noise_is_left_as_it_is(tmp_path):
    voxels = np.full((16, 32, 32), 3.0, np.float32)
    cube = MemorySource(voxels, HiSky(voxels.shape).meta)
    for kernel in (ts.Starlet2D1D(), ts.MatchedFilter(), ts.Gaussian()):
        quiet = ts.denoise(cube, kernel, out=tmp_path / f"{kernel.name}.zarr", executor="serial")
        assert np.abs(voxels_of(quiet.path) - 3.0).max() < 1e-6
        assert "too few negative voxels" in "".join(quiet.info["warnings"])


def test_what_cannot_be_done_is_refused_before_anything_is_written(cubes, tmp_path):
    out = tmp_path / "quiet.zarr"
    cube = cubes["zarr"]
    blank = MemorySource(np.full((4, 5, 6), np.nan, np.float32), HiSky((4, 5, 6)).meta)
    for error, words, ask in (
        (
            UsageError,
            "no uncertainty",
            lambda: ts.denoise(cube, KERNEL, out=out, uncertainty=tmp_path / "u.zarr"),
        ),
        (UsageError, "two names", lambda: ts.denoise(cube, Halving(), out=out, uncertainty=out)),
        (InputError, "truth", lambda: ts.denoise(cube, KERNEL, out=out, truth=HiSky((4, 5, 6)))),
        (InputError, "holds no data", lambda: ts.denoise(blank, KERNEL, out=out, executor="serial")),
        (
            MemoryBudgetError,
            "--memory",
            lambda: ts.denoise(cube, KERNEL, out=out, tile=SHAPE, memory="300MiB"),
        ),
    ):
        with pytest.raises(error, match=words):
            ask()
    assert not out.exists()
    assert not out.with_suffix(".denoise").exists()
