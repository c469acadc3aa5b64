"""Grown masks against the same rule applied to the whole cube at once, source by source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from refined_runs import blob, crowded, digests, labels_of, refined

from tessellar.engine.find import dilate
from tessellar.errors import InputError
from tessellar.flags import NEIGHBOUR, TILE_FAILED
from tessellar.kernels.dilate import Dilation
from tessellar.tiling.box import Box

FAR = 99


def distances(mask: np.ndarray, recipe: Dilation, axis: str) -> np.ndarray:
    """Return in which ring around one mask every voxel lies, by shifting the mask to and fro."""
    ring = np.where(mask, 0, FAR)
    if axis == "z":
        steps = [(abs(d), (d, 0, 0)) for d in range(-recipe.iterations_z, recipe.iterations_z + 1)]
    else:
        reach = range(-recipe.iterations_xy, recipe.iterations_xy + 1)
        pairs = [(np.ceil(np.hypot(a, b)), (0, a, b)) for a in reach for b in reach]
        steps = [(k, shift) for k, shift in pairs if k <= recipe.iterations_xy]
    for k, shift in steps:
        ring = np.minimum(ring, np.where(shifted(mask, shift), k, FAR))
    return ring


def shifted(mask: np.ndarray, shift: tuple[int, ...]) -> np.ndarray:
    """Return the mask moved, without what leaves the cube."""
    moved = np.zeros_like(mask)
    there = tuple(slice(max(d, 0), n + min(d, 0)) for d, n in zip(shift, mask.shape, strict=True))
    here = tuple(slice(max(-d, 0), n + min(-d, 0)) for d, n in zip(shift, mask.shape, strict=True))
    moved[there] = mask[here]
    return moved


def expected(voxels: np.ndarray, labels: np.ndarray, recipe: Dilation) -> np.ndarray:
    """Return the grown labels."""
    for axis in ("z", "xy"):
        rings = np.array([distances(labels == k, recipe, axis) for k in range(1, labels.max() + 1)])
        if axis == "xy":  # true distances decide whose voxel it is
            true = np.array([true_distance(labels == k, recipe) for k in range(1, labels.max() + 1)])
        else:
            true = rings
        owner = np.where(rings.min(axis=0) < FAR, true.argmin(axis=0) + 1, 0)
        owner = np.where(labels > 0, labels, owner)
        grown = labels.copy()
        for k, ring in enumerate(rings, start=1):
            mine = owner == k
            most = recipe.iterations_z if axis == "z" else recipe.iterations_xy
            flux = [voxels[mine & (ring == r)].astype(float) for r in range(most + 1)]
            sums = np.array([[part[np.isfinite(part)].sum() for part in flux]])
            grown[mine & (ring <= recipe.steps(sums)[0])] = k
        labels = grown
    return np.where(np.isfinite(voxels), labels, 0)


def true_distance(mask: np.ndarray, recipe: Dilation) -> np.ndarray:
    reach = range(-recipe.iterations_xy, recipe.iterations_xy + 1)
    out = np.full(mask.shape, float(FAR))
    for a in reach:
        for b in reach:
            if a * a + b * b <= recipe.iterations_xy**2:
                out = np.minimum(out, np.where(shifted(mask, (0, a, b)), np.hypot(a, b), FAR))
    return out


@pytest.mark.parametrize(
    ("seed", "recipe"),
    [(0, Dilation(3, 2)), (1, Dilation(4, 3, -1)), (2, Dilation(5, 1, 0.02)), (4, Dilation(2, 0))],
)
def test_masks_grow_as_on_the_whole_cube(tmp_path: Path, seed: int, recipe: Dilation) -> None:
    source = crowded((36, 40, 150), seed)
    own = labels_of(refined(source, tmp_path / "own").folder)
    run = refined(source, tmp_path / "run", (9, 20, 31), dilation=recipe)
    grown = labels_of(run.folder)
    assert (grown == expected(source.voxels, own, recipe)).all()
    assert (grown[own > 0] == own[own > 0]).all()
    assert np.bincount(grown.ravel())[1:].tolist() == run.catalogue["n_pix"].tolist()
    for row in range(len(run.catalogue)):
        places = np.argwhere(grown == row + 1)
        low, high = places.min(axis=0), places.max(axis=0)
        assert [int(run.catalogue[f"{a}_min"][row].value) for a in "zxy"] == low.tolist()
        assert [int(run.catalogue[f"{a}_max"][row].value) for a in "zxy"] == high.tolist()


def pair(gap: int) -> MemorySource:
    """Return two bright blocks in weak noise, some pixels apart, a blank pixel beside one, at the edge of the cube."""
    shape = (20, 40, 60)
    cube = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    for first in (10, 18 + gap):
        cube[6:12, 10:18, first : first + 8] += 30
        blob(cube, (8.5, 13.5, first + 3.5), (2.5, 2.0, 2.0), 25)
    cube[8, 19, 14] = np.nan
    blob(cube, (2, 36, 5), (3, 3, 3), 40)
    return MemorySource(cube, meta_of(shape))


def test_masks_that_meet_are_flagged_and_share_nothing(tmp_path: Path) -> None:
    everything = Dilation(6, 2, -1)
    near, far = (refined(pair(gap), tmp_path / str(gap), dilation=everything) for gap in (6, 20))
    assert [len(run.catalogue) for run in (near, far)] == [3, 3]
    met = [(run.catalogue["flag"] & NEIGHBOUR.bit).tolist() for run in (near, far)]
    assert [flags[2] for flags in met] == [8, 0]  # the second block: what lies at the edge is far away
    labels = labels_of(near.folder)
    assert labels[8, 19, 14] == 0  # blank
    assert labels[8, 19, 15] > 0
    assert labels[0].any()
    assert labels[:, 39].any()


def test_a_block_that_cannot_be_read_leaves_masks_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dilate, "BLOCK", (10, 40, 60))

    class Fickle(MemorySource):
        """Cannot read boxes around both sources but whole tiles: only the blocks that grow masks are such."""

        def read(self, box: Box) -> np.ndarray:
            both = box.contains(Box((8, 14, 14), (9, 15, 15))) and box.contains(Box((8, 14, 42), (9, 15, 43)))
            if both and box.start[0] > 0:
                raise InputError("the disk has a bad sector.")
            return super().read(box)

    source = pair(20)
    source.voxels[:6] = np.random.default_rng(2).normal(size=(6, 40, 60))
    own = refined(source, tmp_path / "own")
    whole = refined(source, tmp_path / "well", dilation=Dilation(2, 1))
    run = refined(Fickle(source.voxels, source.meta), tmp_path / "sick", dilation=Dilation(2, 1))
    assert not run.complete
    assert run.catalogue["n_pix"].tolist() == own.catalogue["n_pix"].tolist()
    assert (run.catalogue["flag"] & TILE_FAILED.bit).all()
    assert (labels_of(run.folder) == labels_of(own.folder)).all()
    again = refined(source, tmp_path / "sick", dilation=Dilation(2, 1))
    assert again.complete
    assert digests(again.folder) == digests(whole.folder)
    assert (np.array(whole.catalogue["n_pix"]) > np.array(own.catalogue["n_pix"])).all()
