"""Weights on disk: what was written is read, and nothing that is damaged or does not fit is ever run."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from network.small import SMALL, by_tiles, meta_of, some_cube, some_weights, write_network

import tessellar as ts
from tessellar.errors import InputError, UsageError
from tessellar.kernels.look.network import look_of
from tessellar.kernels.network import design, torch_library
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.network.weights import (
    SHIPPED,
    card_path,
    check_shapes,
    read_card,
    read_weights,
    weights_bytes,
)

META = meta_of((16, 16, 16))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_network(tmp_path)


def change_card(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads(card_path(file).read_text())
    change(card)
    card_path(file).write_text(json.dumps(card))


def test_round_trip(file: Path) -> None:
    weights = read_weights(file, read_card(file))
    assert {name: array.tobytes() for name, array in weights.items()} == {
        name: array.tobytes() for name, array in some_weights().items()
    }
    assert weights_bytes(weights) == file.read_bytes()


def test_the_card_tells_everything(file: Path) -> None:
    card = read_card(file)
    assert card.architecture == {"kind": "unet"} | asdict(SMALL)
    assert (card.halo, card.stride, card.licence) == (SMALL.margin, SMALL.stride, "BSD-3-Clause")
    assert {"seed", "steps_done", "data", "settings"} <= set(card.training)
    assert "noise" in card.normalisation


def test_a_card_from_before_folding_is_that_of_a_network_that_does_not_fold(file: Path) -> None:
    change_card(file, lambda card: card.update(architecture={"kind": "unet", "base": 2, "levels": 2}))
    assert design.design_of(read_card(file), file) == SMALL


def test_other_weights_than_the_card_tells_are_refused(file: Path) -> None:
    other = some_weights(seed=2)
    file.write_bytes(weights_bytes(other))
    with pytest.raises(InputError, match="its card says"):
        UNet(weights=str(file)).prepare(META, "cpu")


def test_a_pickle_is_not_opened(file: Path) -> None:
    class Boom:
        def __reduce__(self) -> tuple[Any, ...]:
            return (pytest.fail, ("a pickle was executed",))

    file.write_bytes(pickle.dumps(Boom()))
    change_card(file, lambda card: card.update(sha256=hashlib.sha256(file.read_bytes()).hexdigest()))
    with pytest.raises(InputError, match="no safetensors file"):
        UNet(weights=str(file)).prepare(META, "cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.pop("halo"), "lacks halo"),
        (lambda card: card.update(format="other"), "this version reads"),
        (lambda card: card.update(calibration={"slope": 1}), "no card of a network"),
    ],
)
def test_a_bad_card_is_refused_when_the_kernel_is_made(
    file: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    change_card(file, change)
    with pytest.raises(InputError, match=message):
        UNet(weights=str(file))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(halo=4), "declares halo 4 and the network has 10"),
        (
            lambda card: card["architecture"].update(base=4),
            r"encoder.0.0.weight has the shape \(2, 1, 3, 3, 3\)",
        ),
        (lambda card: card["architecture"].update(layers=4), "describes the network wrongly"),
        (lambda card: card.update(architecture={"kind": "unknown"}), "no installed package has it"),
    ],
)
def test_a_card_of_another_network_is_refused_before_it_runs(
    file: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    change_card(file, change)
    with pytest.raises((InputError, UsageError), match=message):
        UNet(weights=str(file)).prepare(META, "cpu")


def test_a_card_that_changes_under_a_run_is_noticed(file: Path) -> None:
    kernel = UNet(weights=str(file))
    change_card(file, lambda card: card["calibration"].update(mask_slope=2.0))
    with pytest.raises(UsageError, match="was changed"):
        kernel.prepare(META, "cpu")


def test_missing_files_are_named(file: Path) -> None:
    with pytest.raises(UsageError, match="there are no weights 'hi-unet-xl'"):
        UNet(weights="hi-unet-xl")
    card_path(file).unlink()
    with pytest.raises(InputError, match=r"no card small\.json"):
        UNet(weights=str(file))


def test_weights_that_are_not_those_of_the_design_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="scale is missing"):
        ts.save_network(tmp_path / "x.safetensors", Mean(), {}, name="x", kind="mean", licence="MIT")
    with pytest.raises(UsageError, match="Rename it"):
        ts.save_network(tmp_path / "x.pt", Mean(), {}, name="x", kind="mean", licence="MIT")
    assert not list(tmp_path.iterdir())


def test_settings_out_of_range_are_all_named(file: Path) -> None:
    with pytest.raises(UsageError, match=r"batch is 0.*precision is 'int8'.*side is 7"):
        UNet(weights=str(file), batch=0, precision="int8", side=7)


def test_without_torch_one_sentence_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(torch_library.importlib, "import_module", absent)
    with pytest.raises(UsageError, match=r"pip install 'tessellar\[torch\]'"):
        UNet(weights=str(file)).prepare(META, "cpu")


@dataclass(frozen=True)
class Mean:
    """A network of somebody else: the mean of a neighbourhood, times a weight."""

    margin: int = 1
    radius: int = 1
    stride = 1
    maps = 2
    heads = ("denoised",)
    shapes = {"scale": (1,)}  # noqa: RUF012  # what a user would write

    def network(self, weights: Any, margin: int = 0) -> Any:
        width = 2 * self.radius + 1
        taps = weights["scale"] / width**3 * torch.ones(1, 1, width, width, width)

        def run(x: Any) -> Any:
            answer = torch.nn.functional.conv3d(x, taps, padding=self.radius)
            return answer[:, :, margin:-margin, margin:-margin, margin:-margin] if margin else answer

        return run


class Point:
    def load(self) -> type[Mean]:
        return Mean


@pytest.fixture
def somebody_elses(monkeypatch: pytest.MonkeyPatch, file: Path) -> Path:
    monkeypatch.setattr(design, "entry_points", lambda group, name: [Point()] if name == "mean" else [])
    ts.save_network(file, Mean(), {"scale": torch.ones(1)}, name="mine", kind="mean", licence="MIT")
    return file


def test_a_network_of_another_package_runs(somebody_elses: Path) -> None:
    voxels, noise = some_cube((12, 16, 14))
    kernel = UNet(weights=str(somebody_elses), side=8)
    assert kernel.outputs == ("denoised",)
    results = [by_tiles(kernel, voxels, noise, core) for core in ((12, 16, 14), (5, 7, 9))]
    assert results[0].tobytes() == results[1].tobytes()
    ratio = np.where(np.isfinite(voxels), voxels / noise, 0)
    assert results[0][0, 4, 6, 9] == pytest.approx(ratio[3:6, 5:8, 8:11].mean() * noise[4, 6, 9], rel=1e-5)


def test_a_network_of_another_package_must_be_honest(somebody_elses: Path) -> None:
    change_card(somebody_elses, lambda card: card.update(architecture={"kind": "mean", "radius": 2}))
    with pytest.raises(UsageError, match="declares a margin of 1 voxels and sees 2 voxels away"):
        UNet(weights=str(somebody_elses), side=8).prepare(META, "cpu")


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.safetensors")), ids=lambda file: file.stem)
def test_shipped_networks_are_whole(file: Path) -> None:
    card = read_card(file)
    assert card.name == file.stem
    if card.architecture["kind"] == design.LOOK:
        check_shapes(read_weights(file, card), look_of(card, file).shapes, file)
    else:
        UNet(weights=file.stem).prepare(META, "cpu")
        assert card.training["steps_done"] > 0
    assert file.stat().st_size < 2_000_000


def test_there_is_a_shipped_network() -> None:
    assert (SHIPPED / "hi-unet-s.safetensors").is_file()
