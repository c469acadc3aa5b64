"""Without torch a network is refused at once, and nothing else is missed."""

from __future__ import annotations

import pytest

import tessellar as ts
from tessellar.errors import UsageError
from tessellar.kernels.network import torch_library


@pytest.mark.parametrize("library", ["torch", "safetensors"])
def test_a_network_is_refused_before_anything_is_computed(tmp_path, monkeypatch, library):
    known = torch_library.find_spec
    monkeypatch.setattr(torch_library, "find_spec", lambda name: None if name == library else known(name))
    cube = "procedural://hi?shape=16,32,32"
    said = rf"{library} is not installed.*pip install 'tessellar\[torch\]'"
    with pytest.raises(UsageError, match=said):
        ts.find_sources(cube, ts.NetworkFinder(ts.UNet()), out=tmp_path / "run")
    with pytest.raises(UsageError, match=said):
        ts.denoise(cube, ts.UNet(), out=tmp_path / "quiet.zarr")
    assert not list(tmp_path.iterdir())
