"""The networks of the second look: in any company the same answer, nothing changed before they have learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from second_look.looks import SMALL, SMALL_DISCS, shown, write_look

from tessellar.errors import InputError, UsageError
from tessellar.kernels.look.architecture import LookArchitecture
from tessellar.kernels.look.network import CANDIDATES, DISCS, Look
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.network.weights import card_path
from tessellar.model import CubeMeta, SpectralAxis
from tessellar.training.look.publish import save_look


def test_a_candidate_is_told_the_same_in_any_company(tmp_path: Path) -> None:
    look = Look(str(write_look(tmp_path)))
    patches, features = shown(SMALL, 5)
    together = look.probability(patches, features)
    assert len(np.unique(together)) == len(together)
    order = np.random.default_rng(0).permutation(len(patches))
    assert np.array_equal(look.probability(patches[order], features[order]), together[order])
    alone = [look.probability(patches[n : n + 1], features[n : n + 1])[0] for n in range(3)]
    assert np.array_equal(alone, together[:3])
    assert look.probability(patches[:0], features[:0]).shape == (0,)


def test_before_it_has_learned_nothing_is_changed(tmp_path: Path) -> None:
    out = tmp_path / "new.safetensors"
    save_look(out, SMALL_DISCS, SMALL_DISCS.initial(0), name="new")
    found = Look(str(out)).corrections(*shown(SMALL_DISCS, 2))
    assert not found.values.any()
    assert (found.errors == 1.0).all()


def test_shipped_networks_are_what_their_names_say() -> None:
    candidates, discs = Look(CANDIDATES), Look(DISCS)
    some = shown(LookArchitecture(**_design(candidates)), 2)
    assert ((candidates.probability(*some) > 0) & (candidates.probability(*some) < 1)).all()
    assert (discs.corrections(*shown(LookArchitecture(**_design(discs)), 2)).errors > 0).all()
    sizes = [card_path(file).with_suffix(".safetensors").stat().st_size for file in _files()]
    assert sum(sizes) < 5e6
    with pytest.raises(UsageError, match=f"Use {DISCS} for that"):
        candidates.corrections(*some)


def test_weights_that_are_not_those_of_the_card_are_refused(tmp_path: Path) -> None:
    file = write_look(tmp_path)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="one of the two was changed"):
        Look(str(file)).probability(*shown(SMALL, 1))


def test_cards_of_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not look at candidates"):
        Look("hi-unet-s")
    meta = CubeMeta("test", (8, 8, 8), "K", SpectralAxis("freq", "Hz", tuple(map(float, range(8)))))
    with pytest.raises(UsageError, match="neither finds nor denoises"):
        UNet(weights=str(write_look(tmp_path))).prepare(meta, "cpu")
    card = card_path(tmp_path / "look.safetensors")
    told = json.loads(card.read_text())
    card.write_text(json.dumps(told | {"heads": ["wrong"]}))
    with pytest.raises(InputError, match="declares the answers wrong"):
        Look(str(tmp_path / "look.safetensors"))
    card.write_text(json.dumps(told | {"architecture": told["architecture"] | {"depth": 3}}))
    with pytest.raises(InputError, match="describes the network wrongly"):
        Look(str(tmp_path / "look.safetensors"))


def test_sizes_out_of_range_are_named() -> None:
    with pytest.raises(UsageError, match="base runs from 1 to 64"):
        LookArchitecture(("real",), 3, base=0)


def _files() -> list[Path]:
    from tessellar.kernels.network.weights import find_weights

    return [find_weights(name) for name in (CANDIDATES, DISCS)]


def _design(look: Look) -> dict[str, object]:
    return {name: value for name, value in look.card.architecture.items() if name != "kind"}
