"""The verb that proves a finished cube: nothing in it was lost or altered since it was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tessellar.api.cubes import Cube, open_cube

if TYPE_CHECKING:
    from tessellar.engine.verify_cube import Verdict
    from tessellar.model import Observer


def verify(
    cube: Cube,
    *,
    executor: str = "threads",
    workers: int | None = None,
    observer: Observer | None = None,
) -> Verdict:
    """Compare every file of a Zarr cube that Tessellar wrote with its digest; read all of any other cube.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    executor, workers
        As for `find_sources`; workers of this machine only.
    observer
        Who is told how far the check is.

    Returns
    -------
    Verdict
        Whether there were digests, and a sentence for each damaged piece.

    Raises
    ------
    InputError
        When the cube cannot be opened.
    UsageError
        When the request cannot be met.

    Examples
    --------
    >>> verify("cube.zarr").damage  # doctest: +SKIP
    ()
    """
    from tessellar.engine.executors import check_executor, make_executor
    from tessellar.engine.verify_cube import verify_cube

    check_executor(executor, workers)
    source = open_cube(cube)
    with make_executor(executor, workers) as pool:
        return verify_cube(source, executor=pool, observer=observer)
