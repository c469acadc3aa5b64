"""``tessellar denoise``: a cube whose every voxel a kernel has given a new value."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.failures import complain
from tessellar.cli.kernel_options import config_option, recipe_of, retry_command, set_option
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.output import progress, show

SOME_PIECES_FAILED = 1
_PLANNING = ("executor", "address", "workers", "device", "tile", "memory")
_RUNNING = (*_PLANNING, "overwrite", "fresh")

_denoising_options = stacked(
    option(
        "--kernel",
        metavar="NAME",
        default="starlet2d1d",
        reads=values.words,
        about="starlet2d1d: what stands out of the noise at scales of sky and spectrum; gaussian: smoothing; matched: "
        "the best of several templates; or that of an installed package.",
    ),
    set_option,
    option(
        "--uncertainty",
        metavar="OUT2",
        reads=values.path,
        about="Also write how uncertain each voxel is (.zarr or .fits), with a kernel that knows.",
    ),
    option(
        "--truth",
        metavar="CUBE",
        reads=values.path,
        about="The cube without its noise, where it is known: the report then tells how near the result is.",
    ),
)


@click.command("denoise")
@argument("cube", "CUBE")
@argument("out", "OUT")
@config_option("denoise")
@_denoising_options
@click.option(
    "--plan", "only_plan", is_flag=True, help="Say what the run would do and need; compute nothing."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@running_options
@watching_options
def command(cube: str, out: str, **options: Any) -> int:
    """Take the noise out of CUBE, and write what is left into OUT (.zarr or .fits).

    Every voxel gets the value that the kernel finds for it. The result does not depend on tiles, workers or
    interruptions; repeat the command to resume a run that was stopped. Settings, figures and the report go into the
    folder NAME.denoise beside OUT. Fluxes below S/N 4 must not be measured on a denoised cube.
    """
    from tessellar.api import denoise, plan_denoising
    from tessellar.kernels.denoise.registry import DENOISERS

    recipe = recipe_of(DENOISERS, options, {})
    asked: dict[str, Any] = {"out": out, "uncertainty": options["uncertainty"]}
    if options["only_plan"]:
        show(str(plan_denoising(cube, recipe, **asked, **{name: options[name] for name in _PLANNING})))
        return 0
    running = {name: options[name] for name in _RUNNING}
    with progress(options) as observer:
        quiet = denoise(cube, recipe, truth=options["truth"], observer=observer, **asked, **running)
    if not options["quiet"]:
        from tessellar.cli.denoise_summary import summary

        show(summary(quiet))
    if quiet.complete:
        return 0
    complain(
        f"{quiet.info['units_failed']} pieces of work failed: voxels of OUT are blank there, or what the report tells "
        f"lacks them. To try again: {retry_command()}"
    )
    return SOME_PIECES_FAILED
