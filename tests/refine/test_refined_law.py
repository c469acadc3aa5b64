"""The law with changed masks: catalogue, mask, maps and cubelets are the same, to the bit, for any tiling."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refined_runs import LINKER, crowded, digests, labels_of, refined

import tessellar as ts
from tessellar.engine.find import dilate
from tessellar.flags import DEBLENDED
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.reliability import Reliability

SHAPE = (70, 60, 64)
SKY = crowded(SHAPE, 7)
GROWTH = Dilation(4, 3)
REFINED = {"dilation": GROWTH, "deblending": Deblending(0.8, 3.0, 3)}


@given(st.data())
@settings(max_examples=6)
def test_any_cube_and_any_tiling(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(8, n)) for n in (24, 40, 40))
    source = crowded(shape, data.draw(st.integers(0, 99)))
    judged = data.draw(st.sampled_from([None, Reliability(0.3, min_snr=0.0)]))
    recipes = {
        "linker": Linker(
            radius_xy=data.draw(st.integers(1, 2)), min_size_xy=2, min_size_z=2, keep_negative=judged is None
        ),
        "reliability": judged,
        "dilation": data.draw(st.sampled_from([None, GROWTH, Dilation(6, 0, -1), Dilation(0, 4, 0.02)])),
        "deblending": data.draw(st.sampled_from([None, Deblending(0.8, 3.0, 3)])),
    }
    core = tuple(data.draw(st.integers(max(2, n // 4), n)) for n in shape)
    with TemporaryDirectory() as folder:
        one = refined(source, Path(folder) / "one", **recipes)
        many = refined(source, Path(folder) / "many", core, **recipes)
        assert digests(one.folder) == digests(many.folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    run = refined(SKY, tmp_path_factory.mktemp("whole") / "run", **REFINED)
    assert len(run.catalogue) >= 6
    assert sum(run.catalogue["flag"] & DEBLENDED.bit > 0) >= 4
    return run


@pytest.mark.parametrize(
    ("executor", "tile"), [("threads", (11, 23, 31)), ("processes", (35, 17, 64)), ("serial", (7, 60, 64))]
)
def test_executors_and_tilings(
    whole: ts.Run, tmp_path: Path, executor: str, tile: tuple[int, int, int]
) -> None:
    run = refined(SKY, tmp_path / "run", tile, executor=executor, workers=2, **REFINED)
    assert run.info["n_tiles"] > 5
    assert digests(run.folder) == digests(whole.folder)


@pytest.mark.parametrize("stage", ["deblend", dilate.ALONG_Z, dilate.ON_SKY, dilate.GROWN])
def test_a_killed_run_goes_on(
    whole: ts.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    class Impatient:
        """Stops the run in the middle of a stage."""

        def begin(self, stage: str, total: int) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, stage: str) -> None: ...

        def progress(self, event: object) -> None:
            if event.stage == stage and event.done >= 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(dilate, "BLOCK", (16, 32, 32))  # several units
    with pytest.raises(KeyboardInterrupt):
        refined(SKY, tmp_path / "run", (11, 23, 31), observer=Impatient(), **REFINED)
    run = refined(SKY, tmp_path / "run", (11, 23, 31), **REFINED)
    assert run.info["stages"][stage]["resumed"] >= 1
    clean = refined(SKY, tmp_path / "clean", **REFINED)
    assert digests(run.folder) == digests(clean.folder)
    assert (
        run.catalogue["n_pix"].tolist() == whole.catalogue["n_pix"].tolist()
    )  # voxels know no blocks either


def test_nothing_asked_for_is_nothing_done(tmp_path: Path) -> None:
    plain = refined(SKY, tmp_path / "plain")
    assert not [name for name in plain.info["stages"] if "dilate" in name or "deblend" in name]
    assert set(plain.catalogue["id"].tolist()) == set(
        refined(SKY, tmp_path / "r", dilation=GROWTH).catalogue["id"]
    )


def test_another_growth_is_another_run(tmp_path: Path) -> None:
    refined(SKY, tmp_path / "run", dilation=GROWTH)
    with pytest.raises(ts.errors.UsageError, match="dilation_iterations_xy was 4, now 5"):
        refined(SKY, tmp_path / "run", dilation=Dilation(5, 3))


def test_negative_detections_are_rows_like_others(tmp_path: Path) -> None:
    linker = Linker(min_size_xy=2, min_size_z=2, keep_negative=True)
    both, positive = (
        refined(SKY, tmp_path / name, linker=cuts) for name, cuts in (("b", linker), ("p", LINKER))
    )
    negative = ~np.isin(both.catalogue["id"], positive.catalogue["id"])
    assert negative.sum() == both.info["n_negative"] >= 2
    assert both.catalogue["id"].tolist() == sorted(set(both.catalogue["id"].tolist()))
    assert (both.catalogue["f_sum"][~negative] == positive.catalogue["f_sum"]).all()
    labels = labels_of(both.folder)
    for row in np.flatnonzero(negative):
        voxels = SKY.voxels[labels == row + 1]
        assert voxels.size == both.catalogue["n_pix"][row]
        assert voxels.sum() < 0
        assert both.catalogue["f_sum"][row] < 0
        assert both.catalogue["w50"][row] > 0
