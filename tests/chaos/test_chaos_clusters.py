"""Clusters that were started by hand lose workers and, once, their scheduler; another cluster goes on with the run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from campaign import Campaign, Peace
from dask_cluster import HandStarted
from orders import Order
from ray_cluster import RayCluster, tree_of

PATH = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
HEAD = ("gcs_server", "raylet")


@pytest.mark.slow
def test_dask_loses_workers_and_its_scheduler(cube: Path, catalogue: Peace, tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "campaign", cube, ".run", "dask")
    with dask(campaign, tmp_path / "first"):
        campaign.run(
            catalogue,
            Order("exception", nth=10),
            Order("kill worker", nth=25),
            Order("kill scheduler", nth=60),
        )
    with dask(campaign, tmp_path / "second"):
        campaign.finish(catalogue, Order("kill worker", nth=3, point="report"))
    assert campaign.counts == {"exception": 1, "kill worker": 2, "kill scheduler": 1}


@contextmanager
def dask(campaign: Campaign, folder: Path) -> Iterator[None]:
    """Start a scheduler and three workers, for a campaign to join."""
    with HandStarted(folder) as cluster:
        for worker in ("a", "b", "c"):
            cluster.add(worker, env={"PYTHONPATH": PATH})
        join(campaign, cluster.address, [cluster.scheduler.pid])
        yield


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'tessellar[ray]'")
@pytest.mark.slow
def test_ray_loses_workers_and_its_head(
    cube: Path, catalogue: Peace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = Campaign(tmp_path / "campaign", cube, ".run", "ray")
    with ray(campaign, monkeypatch):
        campaign.run(
            catalogue,
            Order("exception", nth=10),
            Order("kill worker", nth=25),
            Order("kill scheduler", nth=60),
        )
    with ray(campaign, monkeypatch):
        campaign.finish(catalogue, Order("kill worker", nth=3, point="partial"))
    assert campaign.counts == {"exception": 1, "kill worker": 2, "kill scheduler": 1}


@contextmanager
def ray(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start a node of Ray, with a token in a home folder of its own, for a campaign to join."""
    with tempfile.TemporaryDirectory(prefix="ray-") as home:
        token = Path(home) / ".ray" / "auth_token"
        token.parent.mkdir()
        token.write_text(64 * "0")
        for name in ("HOME", "RAY_TMPDIR"):
            monkeypatch.setenv(name, home)
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        with RayCluster(Path(home), "--num-cpus=2", path=PATH) as cluster:
            head = [process.pid for process in tree_of(cluster.nodes[0].pid) if process.name() in HEAD]
            assert len(head) == len(HEAD)
            join(campaign, cluster.address, head)
            yield


def join(campaign: Campaign, address: str, scheduler: list[int]) -> None:
    """Let the next command of a campaign work on a cluster, and say whom to shoot."""
    campaign.options = {"address": address, "workers": None}
    campaign.orders.folder.mkdir(parents=True, exist_ok=True)
    campaign.orders.put("scheduler", " ".join(map(str, scheduler)))
