"""A few blows for every executor: after each the same command goes on, and ends with what peace gives."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from random import Random

import pytest
from campaign import Campaign, Peace
from damage import damage_partial, damage_piece
from orders import Order

TILE_FAILS = [Order("exception", nth=20), Order("out of memory", nth=30, point="kernel")]
SCRIPTS: dict[str, list[list[Order]]] = {
    "serial": [
        [*TILE_FAILS, Order("SIGTERM", nth=60)],
        [Order("kill driver", nth=2, point="report")],
        [Order("SIGINT", nth=1, stage="measure")],
    ],
    "threads": [
        [*TILE_FAILS, Order("SIGINT", nth=60)],
        [Order("straggle", nth=20)],
    ],
    "processes": [
        [*TILE_FAILS, Order("kill worker", nth=5, stage="scales"), Order("SIGTERM", nth=60)],
        [Order("kill worker", nth=2, point="partial"), Order("kill driver", nth=3, point="record")],
        [Order("hang", nth=10)],
    ],
    "dask": [[*TILE_FAILS, Order("kill worker", nth=50), Order("kill driver", nth=80)]],
    "ray": [[*TILE_FAILS, Order("kill worker", nth=50), Order("kill driver", nth=80)]],
}
CLUSTERS = ("dask", "ray")
PATIENT = {"hang": 3.0, "straggle": 3.0}


@pytest.mark.parametrize(
    "executor",
    ["serial", "threads", "processes", *(pytest.param(name, marks=pytest.mark.slow) for name in CLUSTERS)],
)
def test_after_every_blow_the_catalogue_is_that_of_peace(
    executor: str, cube: Path, catalogue: Peace, tmp_path: Path
) -> None:
    if executor in CLUSTERS and find_spec(executor) is None:
        pytest.skip(f"{executor} is not installed")
    campaign, rng = Campaign(tmp_path / "campaign", cube, ".run", executor), Random(1)
    for number, orders in enumerate(SCRIPTS[executor]):
        patience = max(PATIENT.get(order.kind, 0.0) for order in orders) or 60.0
        campaign.run(catalogue, *orders, patience=patience)
        if number == 0:
            damage_partial(campaign, rng, "changed")
    campaign.finish(catalogue)
    wanted = sum(map(len, SCRIPTS[executor])) + 1
    assert campaign.counts.total() == wanted, campaign.counts


@pytest.mark.parametrize(("suffix", "executor"), [(".zarr", "processes"), (".fits", "threads")])
def test_after_every_blow_the_copy_is_that_of_peace(
    suffix: str, executor: str, cube: Path, stores: dict[str, Peace], tmp_path: Path
) -> None:
    campaign, rng = Campaign(tmp_path / "campaign", cube, suffix, executor), Random(2)
    peace = stores[suffix]
    campaign.run(peace, Order("exception", "copy", 5), Order("SIGTERM", "copy", 20))
    damage_piece(campaign, rng, "torn")
    # Up to four leases are out at a time: by the tenth report at least six are recorded, enough for two blows.
    campaign.run(peace, Order("kill driver", "copy", 10, "report"))
    damage_piece(campaign, rng, "changed")
    damage_partial(campaign, rng, "torn")
    campaign.finish(peace)
    assert campaign.counts.total() == 6, campaign.counts
