"""The steps of the demo: a made-up sky as FITS and Zarr, three runs of the finder, one comparison with the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar import api
from tessellar.engine.memory import available_bytes
from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import refuse_address, shown

if TYPE_CHECKING:
    from tessellar.api import Run

SHAPE = (128, 192, 192)
TILE = (48, 96, 96)  # three times two times two tiles
MARKER = ".tessellar-demo"
CATALOGUES = ("catalogue.ecsv", "catalogue.parquet", "catalogue.vot")


@dataclass(slots=True)
class Demo:
    """A folder that is a run folder, with the cubes it was made from and the runs it is compared with.

    Every step returns a sentence for people and what the next step needs.
    """

    folder: Path
    runs: dict[str, Run] = field(default_factory=dict)

    @property
    def fits(self) -> Path:
        """The sky as it is simulated."""
        return self.folder / "sky" / "sky.fits"

    @property
    def zarr(self) -> Path:
        """The sky as it is searched."""
        return self.folder / "sky" / "sky.zarr"

    def prepare(self) -> None:
        """Make the folder, or take the one of an earlier demo.

        Raises
        ------
        UsageError
            The folder holds something else.
        OutputError
            It cannot be made.
        """
        from tessellar.engine.find.folder import MARKER as RUN_MARKER

        refuse_address(self.folder)
        name = shown(self.folder)
        try:
            (self.folder / "sky").parent.mkdir(parents=True, exist_ok=True)
            if any(self.folder.iterdir()) and not (self.folder / MARKER).exists():
                raise UsageError(f"{name} holds other things than a demo. Give another folder as --out.")
            (self.folder / MARKER).touch()
            (self.folder / RUN_MARKER).touch()  # from now on a run folder, though cubes are in it
            (self.folder / "sky").mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{name} cannot be written: {error.strerror}. Give another --out.") from error

    def simulate(self) -> tuple[str, None]:
        """Write the sky and its truth."""
        from tessellar.simulate.hi import HiSky

        truth = api.simulate(HiSky(SHAPE), self.fits, overwrite=True)
        return f"{len(truth)} galaxies in noise, {_times(SHAPE)} voxels: {self.fits}", None

    def convert(self) -> tuple[str, None]:
        """Copy the sky into a Zarr image."""
        api.convert(self.fits, self.zarr, overwrite=True)
        return f"from FITS to a sharded Zarr image: {self.zarr}", None

    def plan(self) -> tuple[str, None]:
        """Say what finding will need."""
        plan = api.plan(self.zarr, tile=TILE, memory=available_bytes())
        return (
            f"{len(plan.grid)} tiles of {_times(TILE)}, {plan.projected_bytes / 2**20:.0f} MiB for "
            f"{plan.workers} worker{'s' if plan.workers > 1 else ''}"
        ), None

    def find(self) -> tuple[str, None]:
        """Find the galaxies in twelve tiles."""
        run = self._run("12 tiles from Zarr, threads", self.folder, self.zarr, "threads", TILE)
        return (
            f"{run.info['n_sources']} sources in {run.info['n_tiles']} tiles, {run.info['seconds']:.1f} s, "
            f"{run.info['peak_rss_bytes'] / 2**20:.0f} MiB at the peak"
        ), None

    def check(self) -> tuple[str, str]:
        """Find them twice more, as one tile and from FITS, and compare the catalogues byte for byte."""
        self._run("1 tile from Zarr, serial", self.folder / "check" / "one-tile", self.zarr, "serial", SHAPE)
        last = self._run(
            "12 tiles from FITS, threads", self.folder / "check" / "fits", self.fits, "threads", TILE
        )
        differing = list(self._differences())
        if differing:
            return (
                "the catalogues differ",
                f"The promise is broken: {'; '.join(differing)}. Please report it.",
            )
        names = " = ".join(self.runs)
        speed = f"{last.info['seconds']:.1f} s, {last.info['voxels_per_second'] / 1e6:.1f} Mvoxel/s"
        return f"{names}:\nthe same catalogue, byte for byte (the last in {speed})", ""

    def match(self) -> tuple[str, None]:
        """Compare the catalogue with the truth, and note the figures in the run's record."""
        from tessellar.cli.match import match_record
        from tessellar.io.publish import write_text
        from tessellar.simulate.truth import truth_path

        result = api.match(self.folder, truth_path(self.fits))
        record = self.folder / "run.json"
        info = json.loads(record.read_text()) | {"match": match_record(result)}
        write_text(record, json.dumps(info, indent=1) + "\n")
        bins = ", ".join(
            f"{b.n_matched} of {b.n_reference} {'at' if b.high < 1e9 else 'above'} {b.low:g}"
            + (f"-{b.high:g}" if b.high < 1e9 else "")
            for b in result.bins
            if b.n_reference
        )
        return (
            f"completeness {result.completeness:.2f}, reliability {result.reliability:.2f} against the truth\n"
            f"found by S/N: {bins}"
        ), None

    def report(self) -> tuple[str, None]:
        """Write the report, with the comparison."""
        return f"{api.report(self.folder)} (a page for your browser, no network)", None

    def _run(self, name: str, folder: Path, cube: Path, executor: str, tile: tuple[int, int, int]) -> Run:
        from tessellar.engine.find.product_files import Products

        run = api.find_sources(
            cube,
            products=Products(report=False),
            executor=executor,
            tile=tile,
            out=folder,
            fresh=True,
            memory=available_bytes(),
        )
        self.runs[name] = run
        return run

    def _differences(self) -> Iterator[str]:
        """Yield which catalogue files are not the same in all runs."""
        (first, reference), *others = self.runs.items()
        for name, run in others:
            for file in CATALOGUES:
                if (run.folder / file).read_bytes() != (reference.folder / file).read_bytes():
                    yield f"{file} of '{name}' is not that of '{first}'"


def _times(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
