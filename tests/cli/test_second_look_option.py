"""``--second-look``: one word on the command line or in a file; damaged weights are refused before a run begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_calls import SMALL, call, catalogues_in, complaint, voxels_with_sources, write_cube
from network.looks import write_look

from tessellar.challenge.sdc2.second_look import DISC_FEATURES
from tessellar.kernels.look.network import DISC_HEADS

BAD_INPUT, USAGE = 3, 2
IN_BAND = {"CRVAL3": 1.0e9, "RESTFRQ": 1.420405751786e9}


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a cube, a network, and a run that was looked at."""
    folder = tmp_path_factory.mktemp("looked")
    cube, network = (
        write_cube(folder / "cube.fits", voxels_with_sources(SMALL), **IN_BAND),
        write_look(folder),
    )
    found = call("find", "--no-report", cube, "-o", folder / "run", "--second-look", network, "-q")
    assert found.exit_code == 0, found.output
    return folder


def test_the_settings_of_the_run_repeat_it(looked: Path, tmp_path: Path) -> None:
    assert (
        call(
            "find", "--no-report", "--config", looked / "run" / "run.toml", "-o", tmp_path / "again", "-q"
        ).exit_code
        == 0
    )
    assert catalogues_in(tmp_path / "again") == catalogues_in(looked / "run")
    assert json.loads((tmp_path / "again" / "run.json").read_text())["look"]["looked_at"] == 2
    planned = call("plan", "--config", looked / "run" / "run.toml")
    assert "for each candidate that a network looks at" in planned.stdout


def test_weights_that_are_not_those_of_their_card_are_refused_at_once(looked: Path, tmp_path: Path) -> None:
    network = write_look(tmp_path)
    network.write_bytes(network.read_bytes()[:-1] + b"!")
    words = ("find", looked / "cube.fits", "-o", tmp_path / "run", "--second-look", network)
    assert "its card says" in complaint(call(*words), BAD_INPUT)
    assert not (tmp_path / "run").exists()


def test_discs_are_corrected_where_the_run_was_looked_at(
    looked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = write_look(tmp_path, DISC_HEADS, len(DISC_FEATURES))
    monkeypatch.setattr("tessellar.kernels.look.network.DISCS", str(network))
    texts = {}
    for name, *more in (("as the run",), ("asked", "--second-look"), ("off", "--no-second-look")):
        out = tmp_path / f"{name}.txt"
        words = ("export", looked / "run", out, "--format", "sdc2", "--fit", looked / "cube.fits", *more)
        done = call(*words)
        assert done.exit_code == 0, done.output
        assert ("The network random corrected the discs of 2 sources." in done.stderr) == (name != "off")
        texts[name] = out.read_text()
    assert texts["asked"] == texts["as the run"] != texts["off"]
    alone = ("export", looked / "run", tmp_path / "x.txt", "--format", "sdc2", "--second-look")
    assert "Give the cube with --fit" in complaint(call(*alone), USAGE)
