"""Sources that hold several galaxies, run by run: what is separated, what it is called, and what stays whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from refined_runs import blob, crowded, labels_of, refined

from tessellar.engine.find import deblend
from tessellar.flags import DEBLENDED
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending, HillScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import Patch
from tessellar.tiling.box import Box

SHAPE = (30, 40, 64)
PARTS = Deblending(channels=3)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


def pair(apart: float, sign: float = 1.0) -> MemorySource:
    """Return two Gaussians side by side whose wings touch, and one alone."""
    cube = noise()
    for y, peak in ((16.0, 40.0), (16.0 + apart, 25.0)):
        blob(cube, (15, 20, y), (2.5, 2.5, 2.5), sign * peak)
    blob(cube, (22, 7, 50), (2.0, 2.5, 2.5), sign * 30)
    return MemorySource(cube, meta_of(SHAPE))


def test_two_gaussians_are_two_rows_and_share_the_voxels_of_one(tmp_path: Path) -> None:
    source = pair(12.0)
    blended, parted = refined(source, tmp_path / "one"), refined(source, tmp_path / "two", deblending=PARTS)
    assert [len(run.catalogue) for run in (blended, parted)] == [2, 3]
    flags = parted.catalogue["flag"] & DEBLENDED.bit
    assert flags.tolist() == [64, 64, 0]
    one, two = labels_of(blended.folder), labels_of(parted.folder)
    assert ((one > 0) == (two > 0)).all()
    assert parted.catalogue["n_pix"][:2].sum() == blended.catalogue["n_pix"][0]
    for row, id_ in enumerate(parted.catalogue["id"].tolist()):
        assert np.flatnonzero(two == row + 1)[0] == id_
    centres = np.sort(parted.catalogue["y"][:2].value)
    assert centres == pytest.approx([16.0, 28.0], abs=0.3)
    assert parted.catalogue["f_sum"].sum().value == pytest.approx(blended.catalogue["f_sum"].sum().value)
    assert parted.info["warnings"] == []


@pytest.mark.parametrize(("apart", "rows"), [(12.0, 3), (4.0, 2)])
def test_summits_need_a_saddle_between_them(tmp_path: Path, apart: float, rows: int) -> None:
    assert len(refined(pair(apart), tmp_path / "run", deblending=PARTS).catalogue) == rows


def test_negative_sources_have_parts_too(tmp_path: Path) -> None:
    linker = Linker(min_size_xy=2, min_size_z=2, keep_negative=True)
    run = refined(pair(12.0, -1.0), tmp_path / "run", linker=linker, deblending=PARTS)
    negative = run.catalogue["f_sum"] < 0
    assert (run.catalogue["flag"][negative] & DEBLENDED.bit).tolist() == [64, 64, 0]


def test_a_rotating_galaxy_with_two_horns_stays_whole_unless_asked_for(tmp_path: Path) -> None:
    cube = noise()
    for z in range(6, 25):  # a thin disc seen from the side: brightest where it runs along the line of sight
        turn = (z - 15) / 9.0
        horn = 1.0 + 1.2 * turn**4
        plane = np.zeros((1, *SHAPE[1:]), np.float32)
        blob(plane, (0, 20, 32 + 9 * turn), (1, 2.0, 2.5), 14.0 * horn)
        cube[z] += plane[0]
    source = MemorySource(cube, meta_of(SHAPE))
    run = refined(source, tmp_path / "run", deblending=Deblending(channels=3))
    assert len(run.catalogue) == 1
    assert run.catalogue["flag"][0] & DEBLENDED.bit == 0
    eager = refined(source, tmp_path / "eager", deblending=Deblending(0.95, 1.0, 1))
    assert len(eager.catalogue) > 1


def test_what_is_too_large_is_left_whole_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deblend, "MOST_VOXELS", 300)
    run = refined(pair(12.0), tmp_path / "run", deblending=PARTS)
    assert len(run.catalogue) == 2
    (warning,) = run.info["warnings"]
    assert "left whole" in warning


def test_windows_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = crowded((40, 60, 64), 0)
    usual = refined(source, tmp_path / "usual", deblending=PARTS)
    monkeypatch.setattr(deblend, "WINDOW", (5, 7, 6))
    again = refined(source, tmp_path / "again", deblending=PARTS)
    assert (labels_of(usual.folder) == labels_of(again.folder)).all()


def test_the_scale_of_hills_is_one_of_the_finder_s_and_smooths_as_it_does() -> None:
    recipe = SmoothAndClip(kernels_xy=(0, 4, 8), kernels_z=(0, 5, 9))
    lattice = NoiseLattice(SHAPE)
    model = NoiseModel(lattice, np.full(30, 2.0, np.float32), np.ones(lattice.cells, np.float32))
    finder = CalibratedFinder(recipe, model, np.arange(1, 10, dtype=np.float32).reshape(3, 3))
    scale = HillScale.chosen(finder, 8)
    assert (scale.index, scale.fwhm, scale.radius) == ((1, 2), 4.0, 4)
    assert scale.halo.before == (4, 6, 6)
    assert [HillScale.chosen(finder, n).radius for n in (1, 1.1, 5, 5.1, 90)] == [0, 2, 2, 4, 4]
    voxels = np.zeros(SHAPE, np.float32)
    voxels[15, 20, 32] = 12.0
    whole = Box.of_shape(SHAPE)
    smooth = scale(Patch(voxels, whole, whole))
    taps = np.exp(-0.5 * (np.arange(-6, 7) * 2.354820045 / 4) ** 2)
    expected = np.outer(taps, taps) / taps.sum() ** 2 * 12.0 / 2.0 / 6.0
    assert smooth[19, 14:27, 26:39] == pytest.approx(expected, rel=1e-5)
    assert not smooth[20].any()
    assert not smooth[10].any()
    core = Box((9, 13, 20), (20, 30, 41))
    read = core.grow(scale.halo)
    part = scale(Patch(np.ascontiguousarray(voxels[read.slices()]), read, core))
    assert (part == smooth[core.slices()]).all()
