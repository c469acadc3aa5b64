"""One made-up sky, searched by Tessellar and by SoFiA-2 with the same settings, and both held against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.bench import BenchmarkError
from benchmarks.finds import run_program
from benchmarks.sofia import NAME, parameters
from tessellar import api
from tessellar.challenge.agreement import MatchResult
from tessellar.challenge.match import match
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.score import score_sdc2
from tessellar.challenge.sdc2.submission import submission
from tessellar.challenge.tables import read_table
from tessellar.engine.find.recipes import Recipes
from tessellar.kernels.deblend import Deblending
from tessellar.simulate.truth import read_truth, sdc2_table

TRUTH = "sky.truth.ecsv"
CUBE = "sky.fits"


@dataclass(frozen=True, slots=True)
class Setting:
    """What both programs are told.

    Attributes
    ----------
    name
        In words.
    recipes
        Scales, threshold, linking and reliability.
    """

    name: str
    recipes: Recipes


@dataclass(frozen=True, slots=True)
class Entry:
    """What one program made of one sky.

    Attributes
    ----------
    program
        Who searched.
    setting
        With which settings.
    result
        Its catalogue held against the truth; None when the program failed.
    score
        That of SKA Data Challenge 2, of at most as many points as there are galaxies.
    seconds
        How long it took, from start to end of the program.
    reason
        Why it failed.
    """

    program: str
    setting: Setting
    result: MatchResult | None
    score: float
    seconds: float
    reason: str = ""


def contest(folder: Path, settings: list[Setting], sofia: Path | None, threads: int) -> Iterator[Entry]:
    """Yield what each program makes of the sky in a folder, setting by setting."""
    for setting in settings:
        for name, recipe in (("Tessellar", None), ("the same, --deblend", Deblending())):
            yield _entry_of_ours(name, folder, setting, recipe, threads)
        if sofia is not None:
            yield entry_of_sofia(sofia, folder, setting, threads)


def _entry_of_ours(
    name: str, folder: Path, setting: Setting, deblending: Deblending | None, threads: int
) -> Entry:
    with TemporaryDirectory(dir=folder) as scratch:
        start = perf_counter()
        api.find_sources(
            folder / CUBE,
            setting.recipes.finder,
            linker=setting.recipes.linker,
            reliability=setting.recipes.reliability,
            deblending=deblending,
            products=setting.recipes.products,
            executor="threads",
            workers=threads,
            out=Path(scratch) / "run",
        )
        seconds = perf_counter() - start
        return _entry(name, setting, Path(scratch) / "run", folder / TRUTH, seconds)


def entry_of_sofia(
    program: Path, folder: Path, setting: Setting, threads: int, *, local_noise: bool = False
) -> Entry:
    """Return what SoFiA-2 makes of the sky in a folder, with constant noise or with noise of a window."""
    with TemporaryDirectory(dir=folder) as scratch:
        try:
            seconds = _run_sofia(program, folder / CUBE, Path(scratch), setting.recipes, threads, local_noise)
        except BenchmarkError as error:  # it gives up where there are no negative detections
            return Entry("SoFiA-2", setting, None, 0.0, 0.0, str(error))
        return _entry("SoFiA-2", setting, Path(scratch) / f"{NAME}_cat.txt", folder / TRUTH, seconds)


def _entry(program: str, setting: Setting, made: Path, truth: Path, seconds: float) -> Entry:
    """Return what a catalogue is worth; either program's is brought to the columns of the challenge in the same way."""
    found, true = read_table(made), read_truth(truth)
    beam = float(true.meta["beam_arcsec"])
    rows, _ = submission(found, Sampling((beam, beam), 0.0, float(true.meta["pixel_arcsec"]), False))
    score = score_sdc2(rows, sdc2_table(true), beam_arcsec=beam)
    return Entry(program, setting, match(found, true), score.value, seconds)


def _run_sofia(
    program: Path, cube: Path, folder: Path, recipes: Recipes, threads: int, local_noise: bool
) -> float:
    """Run SoFiA-2 and return how long it took.

    Raises
    ------
    BenchmarkError
        It failed, or left no catalogue.
    """
    file = folder / "sofia.par"
    scales, linker, cut = recipes.scales, recipes.linker, recipes.reliability
    text = parameters(cube.resolve(), folder, threads, scales, linker, cut, local_noise)
    file.write_text(text, encoding="utf-8")
    start = perf_counter()
    run_program([str(program), str(file)], folder)
    seconds = perf_counter() - start
    if not (folder / f"{NAME}_cat.txt").exists():
        raise BenchmarkError("SoFiA-2 ended well and wrote no catalogue")
    return seconds
