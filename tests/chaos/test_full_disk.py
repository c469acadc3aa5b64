"""A disk that is full at every stage of a run: one sentence, exit code 2, and the same command goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign import Campaign, Peace
from small_disk import SmallDisk, small_disk

from tessellar.engine.watching import watching

KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "campaign", 8) as disk:
        if disk is None:
            pytest.skip("only root may mount a small file system")
        yield disk


def complains(campaign: Campaign, peace: Peace, disk: SmallDisk, leave: int) -> None:
    """Assert that the command ends with one sentence about a disk that has so much room."""
    disk.fill(leave)
    campaign.run(peace, wanted=2)
    disk.free()
    (sentence,) = [
        line for line in campaign.log.read_text().splitlines() if line.startswith("tessellar: error")
    ]
    assert "Free " in sentence, sentence


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_catalogue_is_found_in_spite_of_a_disk_that_fills(
    executor: str, cube: Path, catalogue: Peace, disk: SmallDisk
) -> None:
    campaign = Campaign(disk.folder, cube, ".run", executor)
    done = []
    for leave in (0, 64 * KIB, 200 * KIB, 700 * KIB):
        complains(campaign, catalogue, disk, leave)
        done.append(len(campaign.recorded()))
    assert sorted(done) == done
    assert 0 < done[-1] < len(set(catalogue.units.values()))
    campaign.finish(catalogue)


@pytest.mark.parametrize("suffix", [".zarr", ".fits"])
def test_a_copy_is_made_in_spite_of_a_disk_that_fills(
    suffix: str, cube: Path, stores: dict[str, Peace], disk: SmallDisk
) -> None:
    campaign = Campaign(disk.folder, cube, suffix, "processes")
    for leave in (0, 64 * KIB, 400 * KIB):
        complains(campaign, stores[suffix], disk, leave)
    campaign.finish(stores[suffix])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_log_on_a_full_disk_is_lost_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    with watching(quiet=True, run_log=Path("/dev/full")) as observer:
        observer.say("Nobody will read this.")
    assert capfd.readouterr() == ("", "")
