"""The second look in a run: one answer whatever tiles, workers and kills; it alone decides; and off it is not there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from network.looks import write_look

import tessellar as ts
from tessellar.engine.find import look as stage_module
from tessellar.errors import InputError, UsageError
from tessellar.flags import BLANKED, NOT_LOOKED_AT, SPATIAL_EDGE, SPECTRAL_EDGE
from tessellar.kernels.devices import TORCH_CPU
from tessellar.kernels.look.features import row_features
from tessellar.kernels.look.frame import frame_of_row
from tessellar.kernels.look.patch import patch_of
from tessellar.kernels.look.scale import Scale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice

SHAPE = (40, 60, 64)
FILES = ("catalogue.ecsv", "catalogue.vot", "catalogue.parquet", "look.npz")
FINDER = ts.SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3), threshold=3.5)


def noisy_sky() -> MemorySource:
    """Noise with sources inside, at the edges and beside blank voxels."""
    rng = np.random.default_rng(3)
    cube = rng.normal(size=SHAPE).astype(np.float32)
    for z, x, y in ((10, 20, 20), (0, 40, 30), (25, 0, 63), (39, 59, 0), (20, 30, 50)):
        cube[max(z - 3, 0) : z + 4, max(x - 2, 0) : x + 3, max(y - 2, 0) : y + 3] += 5
    cube[18:24, 33:36, 48:52] = np.nan
    return MemorySource(cube, meta_of(SHAPE))


SKY = noisy_sky()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_look(tmp_path_factory.mktemp("network"))


def find(out: Path, network: Path | None, **changes: Any) -> ts.Run:
    """Find the sources, with one thread unless told otherwise, and without a report."""
    asked: dict[str, Any] = {
        "linker": ts.Linker(min_size_xy=1, min_size_z=1),
        "products": ts.Products(cubelets=0, maps=False, mask=False, report=False),
        "executor": "serial",
        "tile": SHAPE,
        "look": None if network is None else ts.SecondLook(str(network)),
        **changes,
    }
    return ts.find_sources(SKY, FINDER, out=out, **asked)


def results(run: ts.Run) -> dict[str, bytes]:
    return {name: (run.folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def looked(network: Path, tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    folder, products = tmp_path_factory.mktemp("looked"), ts.Products(cubelets=0, maps=False, report=False)
    return find(folder / "run", network, products=products)


def test_the_probability_is_what_the_network_says_of_the_voxels_around(looked: ts.Run, network: Path) -> None:
    import zarr

    for flag in (SPATIAL_EDGE, SPECTRAL_EDGE, BLANKED):
        assert (looked.catalogue["flag"] & flag.bit > 0).any()
    labels = np.asarray(zarr.open_array(looked.folder / "mask.zarr" / "LABEL", mode="r"))[0, :, 0]
    with np.load(looked.folder / "noise.npz") as saved:
        noise = NoiseModel(NoiseLattice(SHAPE), saved["spectral"], saved["spatial"])
    rows = np.flatnonzero(np.isfinite(looked.catalogue["x"].value))
    table = looked.catalogue[rows]
    columns = {name: np.asarray(getattr(table[name], "value", table[name])) for name in table.colnames}
    scale = Scale.of(SKY.meta)
    frames = [frame_of_row(columns, row, scale.beam) for row in range(len(table))]
    patches = []
    for frame, row in zip(frames, rows, strict=True):
        box = frame.box(SHAPE)
        patches.append(patch_of(frame, box, SKY.read(box), noise.sigma(box), labels[box.slices()] == row + 1))
    look = ts.SecondLook(str(network)).prepare()
    expected = look.probability(np.stack(patches), row_features(columns, frames, scale))
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(
        columns["rel"], expected, atol=1e-6
    )  # other places in the batch, other last bits
    unseen = np.isnan(looked.catalogue["rel"])
    assert unseen.sum() == len(looked.catalogue) - len(rows) == 1
    np.testing.assert_array_equal(looked.catalogue["flag"] & NOT_LOOKED_AT.bit > 0, unseen)


def test_no_byte_knows_tiles_or_executor(looked: ts.Run, network: Path, tmp_path: Path) -> None:
    assert looked.info["stages"]["look"]["n_units"] >= 3
    run = find(tmp_path / "run", network, executor="processes", tile=(40, 20, 33), workers=2)
    assert results(run) == results(looked)


def test_with_a_reliability_the_network_alone_decides_among_candidates(network: Path, tmp_path: Path) -> None:
    judged = {"reliability": ts.Reliability(0.5, min_snr=0.0), "dilation": ts.Dilation(2, 1, -1.0)}
    run = find(tmp_path / "run", network, products=ts.Products(cubelets=0, maps=False), **judged)
    cut: dict[str, Any] = {"executor": "threads", "workers": 2, "tile": (11, 60, 23), "device": TORCH_CPU}
    assert results(find(tmp_path / "cut", network, **cut, **judged)) == results(run)
    table, told, info = run.catalogue, np.load(run.folder / "look.npz"), run.info["look"]
    assert (told["classical"] >= 0.05).all()
    np.testing.assert_array_equal(told["kept"], told["probability"] >= 0.5)
    assert len(table) == told["kept"].sum() == info["rows"]
    np.testing.assert_array_equal(table["rel"], told["probability"][told["kept"]])
    np.testing.assert_array_equal(table["rel_classical"], told["classical"][told["kept"]])
    before = told["classical"] >= 0.5
    assert info["gained"] == (told["kept"] & ~before).sum() > 0
    assert info["lost"] == (before & ~told["kept"]).sum() > 0
    assert info["looked_at"] == len(before) < run.info["n_detections"]
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert f"random looked at {len(before)} candidates." in page
    assert f"{info['lost']} of the latter went, {info['gained']} others came." in page


def test_a_killed_look_goes_on(looked: ts.Run, network: Path, tmp_path: Path) -> None:
    class Impatient:
        def begin(self, stage: str, total: int) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, stage: str) -> None: ...

        def progress(self, event: Any) -> None:
            if event.stage == "look":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find(tmp_path / "run", network, observer=Impatient())
    run = find(tmp_path / "run", network)
    assert run.info["stages"]["look"]["resumed"] >= 1
    assert results(run) == results(looked)


def test_off_nothing_is_different(looked: ts.Run, tmp_path: Path) -> None:
    plain = find(tmp_path / "run", None)
    assert "look" not in plain.info
    assert "look" not in plain.info["stages"]
    assert not (plain.folder / "look.npz").exists()
    assert plain.catalogue.colnames == [name for name in looked.catalogue.colnames if name != "rel"]
    for name in plain.catalogue.colnames:
        ours, theirs = np.asarray(plain.catalogue[name]), np.array(looked.catalogue[name])
        np.testing.assert_array_equal(ours, theirs & ~NOT_LOOKED_AT.bit if name == "flag" else theirs)
    assert "128" in looked.catalogue["flag"].info.description
    assert "128" not in plain.catalogue["flag"].info.description
    assert "second_look" not in plain.catalogue.meta["provenance"]["settings"]
    assert "random" in looked.catalogue.meta["provenance"]["settings"]
    assert plain.info["settings"]["second_look"] == "off"
    with pytest.raises(UsageError, match="second_look was off"):
        find(plain.folder, Path(looked.info["settings"]["second_look"]))


def test_what_cannot_be_looked_at_is_told(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = stage_module._Reader.read

    def stumbling(reader: Any, unit: int) -> Any:
        if unit == 1:
            raise InputError("the disk has a bad sector.")
        return read(reader, unit)

    monkeypatch.setattr(stage_module._Reader, "read", stumbling)
    monkeypatch.setattr(stage_module, "MOST_VOXELS", 15_000)
    run = find(tmp_path / "run", network, reliability=ts.Reliability(0.3, min_snr=0.0))
    told, table = np.load(run.folder / "look.npz"), run.catalogue
    unseen = np.isnan(told["probability"])
    assert unseen[32:].all()
    assert 0 < unseen[:32].sum() < 32
    believed = np.where(unseen, told["classical"], told["probability"])
    np.testing.assert_array_equal(told["kept"], believed >= 0.3)
    np.testing.assert_array_equal(table["rel"], believed[told["kept"]])
    np.testing.assert_array_equal(table["flag"] & NOT_LOOKED_AT.bit > 0, unseen[told["kept"]])
    assert not run.complete
    assert run.info["look"]["not_looked_at"] == unseen.sum()
    sentences = " ".join(run.info["warnings"])
    assert "look 1 failed after 3 tries" in sentences
    assert f"{unseen[:32].sum()} candidates had no second look" in sentences


def test_negative_detections_are_rows_that_nobody_judges(network: Path, tmp_path: Path) -> None:
    run = find(tmp_path / "run", network, linker=ts.Linker(min_size_xy=2, min_size_z=2, keep_negative=True))
    negative = np.asarray(run.catalogue["f_sum"]) < 0
    assert negative.any()
    np.testing.assert_array_equal(np.isnan(run.catalogue["rel"]), negative)


def test_networks_that_cannot_look_are_refused(network: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not how likely candidates are real"):
        ts.SecondLook(str(write_look(tmp_path, ("flux", "size"))))
    with pytest.raises(InputError, match="kind 'unet', which does not look at candidates"):
        ts.SecondLook("hi-unet-s")
    with pytest.raises(UsageError, match="there are no weights 'hi-look-xxl'"):
        ts.SecondLook("hi-look-xxl")
    with pytest.raises(UsageError, match="prefilter is 0"):
        ts.SecondLook(prefilter=0.0)
    recipe = ts.SecondLook(str(shutil.copytree(network.parent, tmp_path / "copy") / network.name))
    assert recipe == ts.SecondLook(str(network))
    assert str(tmp_path) not in repr(recipe)
    card = tmp_path / "copy" / network.with_suffix(".json").name
    card.write_text(card.read_text().replace('"mask_offset": 0.0', '"mask_offset": 1.0'))
    with pytest.raises(UsageError, match="was changed since the run began"):
        recipe.prepare()
    with pytest.raises(InputError, match="its card says"):
        replace(recipe, weights=_damaged(tmp_path / "copy" / network.name))


def _damaged(file: Path) -> str:
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    return str(file)


def test_without_torch_a_sentence_says_so(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tessellar.kernels.network.torch_library.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="torch is not installed"):
        find(tmp_path / "run", network)
    assert not (tmp_path / "run").exists()


def test_the_plan_counts_it(network: Path) -> None:
    with_look, without = (ts.plan(SKY, FINDER, look=look) for look in (ts.SecondLook(str(network)), None))
    assert with_look.unit_bytes > without.unit_bytes
    assert "for each candidate that a network looks at" in str(with_look)
    assert "looks at" not in str(without)
