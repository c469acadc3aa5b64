"""The verb that measures power spectra of the 21-cm line in a cube, or in two cubes of the same sky."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, name_of, open_cube
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.engine.executors import Executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.power.measure import PowerPlan
    from tessellar.engine.power.spectra import PowerSpectra
    from tessellar.kernels.power.band import Band
    from tessellar.model import DoubleArray, Observer


def power_spectrum(
    cube: Cube,
    cross: Cube | None = None,
    *,
    bands: str | Sequence[tuple[float, float]] | None = None,
    k_par_edges: Sequence[float] | DoubleArray | None = None,
    k_perp_edges: Sequence[float] | DoubleArray | None = None,
    field: float | None = None,
    taper: str = "blackmanharris",
    sky_taper: str = "none",
    sample_variance: bool = True,
    executor: str = "threads",
    workers: int | None = None,
    memory: str | int | None = None,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> PowerSpectra:
    """Measure the power of the 21-cm line by wave number along and across the line of sight.

    Parameters
    ----------
    cube
        A cube in K or Jy / beam with a frequency axis, or the path of one.
    cross
        Another cube of the same sky with noise of its own: the cross power of two halves of the data is free of the
        noise's power. None for the power of ``cube``, noise and all.
    bands
        Pairs of frequencies in MHz, or ``sdc3a`` for those of SKA Data Challenge 3a; the whole cube as one when None.
        Bands that the cube does not cover are left out.
    k_par_edges, k_perp_edges
        Edges of the bins, h/cMpc; 0.025 to 0.525 in steps of 0.05 when None.
    field
        Side of the central square that is used, degrees; the whole field when None.
    taper
        Along frequency, in each band: ``blackmanharris``, ``hann`` or ``none``.
    sky_taper
        Along both axes of the image, of the same names.
    sample_variance
        Whether errors are to hold for all skies; False, for two cubes, gives those about the power of this very sky.
    executor, workers
        As for `find_sources`; workers of this machine only.
    memory
        What all workers together may use; fewer work where they would not fit.
    out
        A table to write (ECSV). An interrupted measurement is resumed by the same call.
    overwrite
        Whether to replace an ``out`` that exists.
    fresh
        Whether to discard what an interrupted measurement left.
    observer
        Who is told how far the measurement is, and what was left out.

    Returns
    -------
    PowerSpectra
        The power of each band, and what was left out or filled.

    Raises
    ------
    InputError
        A cube cannot be used: no frequencies, no known unit, or no data in any band.
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> spectra = power_spectrum("half1.fits", "half2.fits", bands="sdc3a", field=4.0)  # doctest: +SKIP
    >>> spectra.table()["k_par", "k_perp", "power", "sigma"]  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor, make_executor
    from tessellar.engine.power.measure import measure_spectra, plan_power
    from tessellar.engine.power.spectra import K_EDGES
    from tessellar.engine.unchanged import Unchanged
    from tessellar.io.outputs import check_outputs
    from tessellar.io.publish import check_target
    from tessellar.kernels.power.cylindrical import Bins

    check_executor(executor, workers)
    target = None if out is None else Path(fspath(out))
    if target is not None:
        check_target(target, overwrite=overwrite)
        check_outputs([target], [cube, cross])
    one, other = open_cube(cube), None if cross is None else open_cube(cross)
    if other is not None and one.identity == other.identity:
        raise UsageError(
            f"The cross power of {name_of(cube)} with itself is its power, noise included. Give another half, or none."
        )
    the_plan = plan_power(
        one,
        other,
        bands=_bands(bands),
        bins=Bins(_edges(k_par_edges, K_EDGES), _edges(k_perp_edges, K_EDGES), taper),
        degrees=field,
        sky_taper=sky_taper,
        sample_variance=sample_variance,
    )
    each, hands = _shares(the_plan, executor, workers, memory)
    settings = {"cube": name_of(cube), "cross": "off" if cross is None else name_of(cross)}
    with make_executor(executor, hands) as pool, _crew(target, settings, pool, observer, fresh=fresh) as crew:
        unchanged = Unchanged(one, other)
        spectra = measure_spectra(the_plan, crew, each)
        unchanged.check()
        if target is not None:
            _write(spectra, target)
    return spectra


def _bands(asked: str | Sequence[tuple[float, float]] | None) -> tuple[Band, ...]:
    """Return the bands that were asked for; none for the whole cube."""
    from tessellar.challenge.sdc3a.bands import BANDS
    from tessellar.kernels.power.band import Band

    if isinstance(asked, str):
        if asked != "sdc3a":
            raise UsageError(f"{asked!r} names no bands. Give pairs of frequencies in MHz, or sdc3a.")
        return BANDS
    return tuple(Band.of_mhz(low, high) for low, high in asked or ())


def _edges(asked: Sequence[float] | DoubleArray | None, default: DoubleArray) -> DoubleArray:
    import numpy as np

    return default if asked is None else np.asarray(asked, dtype=np.float64)


def _shares(
    the_plan: PowerPlan, executor: str, workers: int | None, memory: str | int | None
) -> tuple[int, int | None]:
    """Return the bytes that a worker may take, and how many may work at the same time."""
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.memory import memory_budget
    from tessellar.engine.power.stage import UNIT_BYTES

    budget = memory_budget(memory)
    each = UNIT_BYTES if memory is None else min(UNIT_BYTES, budget)
    fit = max(1, budget // the_plan.unit_bytes(each))
    return each, 1 if executor == "serial" else min(workers or usable_cores(), fit)


@contextmanager
def _crew(
    out: Path | None, settings: dict[str, Any], pool: Executor, observer: Observer | None, *, fresh: bool
) -> Iterator[Crew]:
    """Give the workers a folder: beside the table, to resume an interrupted measurement, or a temporary one."""
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.find.folder import PARTIALS, take_journal
    from tessellar.engine.partials import PartialStore

    if out is None:
        with tempfile.TemporaryDirectory(prefix="tessellar-power-") as name:
            yield Crew(pool, PartialStore(Path(name)), None, observer)
        return
    folder = out.with_name(f".{out.name}.modes")
    try:
        with take_journal(folder, settings, fresh=fresh) as journal:
            yield Crew(pool, PartialStore(folder / PARTIALS), journal, observer)
    except InputError:  # the cube gives no spectrum, so there is nothing to go on with
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _write(spectra: PowerSpectra, out: Path) -> None:
    import io

    from tessellar.io.publish import write_text

    text = io.StringIO()
    spectra.table().write(text, format="ascii.ecsv")
    write_text(out, text.getvalue())
