"""``tessellar train``: a network on disk, a sentence about it, and mistakes that cost nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.cli_calls import call, complaint
from network.small import SMALL

from tessellar.kernels.network.weights import read_card
from tessellar.training import recipe
from tessellar.training.skies import SkyRecipe

TINY = recipe.Training(SMALL, SkyRecipe(side=16), batch=2, held_out=2)


def test_it_trains_and_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "NETWORKS", {"hi-unet-s": TINY})
    out = tmp_path / "mine.safetensors"
    result = call("train", "hi-unet-s", "--out", out, "--steps", "1", "--seed", "3", "--precision", "float32")
    assert result.exit_code == 0, result.output
    assert "mine.safetensors: 1 steps, loss on held-out skies" in result.stdout
    told = read_card(out).training
    assert (told["seed"], told["settings"]["precision"]) == (3, "float32")
    assert "bfloat16" not in result.output
    assert "exists already" in complaint(call("train", "hi-unet-s", "--out", out, "--steps", "1"), 2)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["yolo", "--out", "x.safetensors"], "Choose hi-unet-s, hi-unet-m, hi-look-s or hi-disc-s"),
        (["hi-unet-s", "--out", "x.pt"], "Rename it"),
        (["hi-unet-s", "--out", "x.safetensors", "--precision", "int8"], "int8"),
        (["hi-look-s", "--out", "x.safetensors", "--precision", "bfloat16"], "learns in float32 alone"),
        (["hi-unet-s", "--out", "x.safetensors", "--minutes", "0"], "not above 0"),
        (["hi-unet-s", "--out", "x.safetensors", "--n2n", "nowhere.fits", "either.fits"], "nowhere.fits"),
    ],
)
def test_mistakes(words: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("train", *words)
    assert sentence in complaint(result, result.exit_code)
    assert result.exit_code in (2, 3)
    assert not list(tmp_path.iterdir())
