"""``tessellar foregrounds``: a cube without what is smooth along frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tessellar.cli import values
from tessellar.cli.bands import bands
from tessellar.cli.failures import complain
from tessellar.cli.kernel_options import config_option, recipe_of, retry_command, set_option
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.output import progress, show

if TYPE_CHECKING:
    from tessellar.kernels.foregrounds.separated import Separation

SOME_PIECES_FAILED = 1
_SHORT = ("modes", "degree")  # settings of kernels with an option of their own
_RUNNING = ("executor", "address", "workers", "device", "tile", "memory", "overwrite", "fresh")
_ASKED = (
    "foreground",
    "band",
    "fill_degree",
    "power",
    "bands",
    "field",
    "halves",
    "inject",
    "common_resolution",
)


def _pair(value: Any) -> tuple[str, str]:
    """Read the names of two cubes."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{value!r} are not two cubes")
    first, second = (values.path(name) for name in value)
    return first, second


def _resolution(value: Any) -> str | float:
    """Read a width in arcsec, or the word ``auto``."""
    return "auto" if value == "auto" else values.positive(value)


_separation_options = stacked(
    option(
        "--kernel",
        metavar="NAME",
        default="pca",
        reads=values.words,
        about="pca: principal components; poly: a polynomial in log frequency for each pixel; ica, gmca: components "
        "that are independent, or sparse; gpr: Gaussian process regression; or that of an installed package.",
    ),
    option(
        "--modes",
        metavar="N",
        reads=values.whole(0),
        about="With pca, ica, gmca: how many modes are taken out; with pca 0 counts them by the eigenvalues.  "
        "[default: 4]",
    ),
    option(
        "--degree",
        metavar="N",
        reads=values.whole(0),
        about="With poly: degree of the polynomial.  [default: 3]",
    ),
    set_option,
    option(
        "--band",
        metavar="LOW,HIGH",
        reads=values.row_of(values.positive, length=2, words="166,181 (MHz)"),
        about="Work on the channels between two frequencies only, MHz.",
    ),
    option(
        "--fill-degree",
        metavar="N",
        default=3,
        reads=values.whole(0, 10),
        about="Degree of the polynomial that stands in for blank voxels while channels are compared.",
    ),
    option(
        "--foreground",
        metavar="OUT2",
        reads=values.path,
        about="Also write what is taken out (.zarr or .fits).",
    ),
    click.option(
        "--power/--no-power",
        default=True,
        help="Measure power spectra before and after, where the cube has kelvin or a beam.  [default: power]",
    ),
    option(
        "--bands",
        metavar="MHZ-MHZ,...",
        default="sdc3a",
        reads=bands,
        about="Bands of the power spectra in MHz, 151-166,166-181; those that CUBE lacks are left out.",
    ),
    option(
        "--field",
        metavar="DEG",
        reads=values.positive,
        about="Side of the central square whose power is measured.  [default: the whole field]",
    ),
    option(
        "--halves",
        metavar="A B",
        nargs=2,
        reads=_pair,
        about="Two halves of the observation, cleaned alike: their cross power is free of the noise's.",
    ),
    option(
        "--inject",
        metavar="auto|SIGNAL",
        reads=values.path,
        about="A signal on the grid of CUBE, or auto to have one made: what is left of it once it is added is the "
        "transfer function.",
    ),
    option(
        "--common-resolution",
        metavar="auto|ARCSEC",
        reads=_resolution,
        about="Smooth all channels to one beam first: auto is the largest of the cube.  [default: as they are]",
    ),
)


@click.command("foregrounds")
@argument("cube", "CUBE")
@argument("out", "OUT")
@config_option("foregrounds")
@_separation_options
@click.option(
    "--plan", "only_plan", is_flag=True, help="Say what the run would do and need; compute nothing."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@running_options
@watching_options
def command(cube: str, out: str, **options: Any) -> int:
    """Take the foregrounds out of CUBE, and write what is left into OUT (.zarr or .fits).

    Two passes over the cube: the first learns how its channels vary together, the second cleans each pixel. The result
    does not depend on tiles, workers or interruptions; repeat the command to resume a run that was stopped. Settings,
    eigenvalues, maps, spectra and the report go into the folder NAME.foregrounds beside OUT.
    """
    from tessellar.api import plan_foregrounds, separate_foregrounds

    recipe = _recipe(options)
    asked = {name: options[name] for name in _ASKED}
    running = {name: options[name] for name in _RUNNING}
    if options["only_plan"]:
        wanted = ("executor", "address", "workers", "tile", "memory")
        show(str(plan_foregrounds(cube, recipe, **asked, **{name: options[name] for name in wanted})))
        return 0
    with progress(options) as observer:
        clean = separate_foregrounds(cube, recipe, out=out, observer=observer, **asked, **running)
    if not options["quiet"]:
        from tessellar.cli.foreground_summary import summary

        show(summary(clean))
    if clean.complete:
        return 0
    complain(
        f"{clean.info['units_failed']} pieces of work failed: voxels of OUT are blank there, or the statistics lack "
        f"them. To try again: {retry_command()}"
    )
    return SOME_PIECES_FAILED


def _recipe(options: dict[str, Any]) -> Separation:
    """Return the separation that the options describe."""
    from tessellar.kernels.foregrounds.registry import SEPARATIONS

    given = {key: options[key] for key in _SHORT if options[key] is not None}
    made: Separation = recipe_of(SEPARATIONS, options, given)
    return made
