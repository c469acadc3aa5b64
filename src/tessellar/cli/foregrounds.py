"""``tessellar foregrounds``: a cube without what is smooth along frequency."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tessellar.cli import values
from tessellar.cli.bands import bands
from tessellar.cli.defaults import make_defaults
from tessellar.cli.failures import complain
from tessellar.cli.options import argument, option, running_options, stacked, watching_options
from tessellar.cli.output import progress, show
from tessellar.cli.values import reader

if TYPE_CHECKING:
    from tessellar.kernels.foregrounds.separated import Separation

SOME_PIECES_FAILED = 1
_NOT_IN_FILES = frozenset({"config", "out", "only_plan", "overwrite", "fresh", "quiet", "log_json", "help"})
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


def _read_config(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Make the settings of a TOML file the defaults of the command's other options."""
    from tessellar.config import read_settings

    file = reader(values.path)(context, parameter, value)
    if file is not None:
        known = {str(param.name).rstrip("_") for param in context.command.params} - _NOT_IN_FILES
        settings = read_settings(Path(file), "foregrounds", known)
        if isinstance(settings.get("set"), dict):
            settings["set_"] = list(settings.pop("set").items())
        make_defaults(context, settings, {name: f"{file}, {name.rstrip('_')}" for name in settings})


def _setting(context: click.Context, parameter: click.Parameter, value: Any) -> dict[str, Any]:
    """Return settings of the kernel, as text from the command line or typed from a file."""
    found = {}
    for item in value or ():
        key, equals, setting = item.partition("=") if isinstance(item, str) else (item[0], "=", item[1])
        if not equals:
            raise click.BadParameter(f"'{item}' is no setting. Write it like modes=4.", context, parameter)
        found[key.strip().replace("-", "_")] = setting
    return found


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
    click.option(
        "--set",
        "set_",
        metavar="KEY=VALUE",
        multiple=True,
        type=click.UNPROCESSED,
        callback=_setting,
        help="Another setting of the kernel; may be given again. What there is: tessellar kernels NAME.",
    ),
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
        about="A signal in K on the grid of CUBE, or auto to have one made: what is left of it once it is added is the "
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
@click.option(
    "--config",
    metavar="F.toml",
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="Settings of an earlier run (its run.toml); options given here win over it.",
)
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
    words = click.get_current_context().obj
    again = shlex.join(
        ["tessellar", *(word for word in words if word != "--fresh"), "--overwrite", "--fresh"]
    )
    complain(
        f"{clean.info['units_failed']} pieces of work failed: voxels of OUT are blank there, or the statistics lack "
        f"them. To try again: {again}"
    )
    return SOME_PIECES_FAILED


def _recipe(options: dict[str, Any]) -> Separation:
    """Return the separation that the options describe."""
    from tessellar.kernels.foregrounds.registry import separation_of, setting_of

    name = options["kernel"]
    given = {key: options[key] for key in _SHORT if options[key] is not None}
    typed = {
        key: setting_of(name, key, value) if isinstance(value, str) else value
        for key, value in options["set_"].items()
    }
    return separation_of(name, {**typed, **given})
