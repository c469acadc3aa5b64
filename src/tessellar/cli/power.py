"""``tessellar power``: power spectra of the 21-cm line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.bands import bands
from tessellar.cli.failures import complain
from tessellar.cli.options import argument, option, watching_options
from tessellar.cli.output import progress, show
from tessellar.engine.executors import EXECUTORS

SOME_PIECES_FAILED = 1

_TAPERS = ("blackmanharris", "hann", "none")
_edges = values.row_of(values.number(0), words="0.025,0.075,0.125")


@click.command("power")
@argument("cube", "CUBE")
@option(
    "--cross", metavar="CUBE2", reads=values.path, about="Another cube of the same sky, for the cross power."
)
@option("-o", "--out", metavar="FILE", required=True, reads=values.path, about="The table to write, ECSV.")
@option(
    "--bands",
    metavar="MHZ-MHZ,...",
    reads=bands,
    about="Bands in MHz, 106-121,121-136, or sdc3a for the six of the challenge.  [default: the whole cube as one]",
)
@option(
    "--field",
    metavar="DEG",
    reads=values.positive,
    about="Side of the central square that is used.  [default: the whole field]",
)
@option(
    "--k-par-edges",
    metavar="K,K,...",
    reads=_edges,
    about="Edges of the bins along the line of sight, h/cMpc.  [default: 0.025,0.075,...,0.525]",
)
@option(
    "--k-perp-edges",
    metavar="K,K,...",
    reads=_edges,
    about="Edges of the bins across the line of sight, h/cMpc.  [default: 0.025,0.075,...,0.525]",
)
@option(
    "--taper",
    metavar="NAME",
    default="blackmanharris",
    reads=values.one_of(*_TAPERS),
    about="Along frequency: blackmanharris, hann or none.",
)
@option(
    "--sky-taper",
    metavar="NAME",
    default="none",
    reads=values.one_of(*_TAPERS),
    about="Across the image: blackmanharris, hann or none.",
)
@click.option(
    "--no-sample-variance",
    "sample_variance",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Errors about the power of this very sky; with --cross.",
)
@option(
    "--executor",
    metavar="NAME",
    default="threads",
    reads=values.one_of(*EXECUTORS),
    about="Who works: serial, threads, processes, dask or ray.",
)
@option(
    "--workers",
    metavar="N",
    reads=values.whole(1, 100_000),
    about="Pieces in work at the same time.  [default: the cores]",
)
@option(
    "--memory",
    metavar="SIZE",
    reads=values.memory,
    about="Memory that the run may use: 4GiB.  [default: half of what is free]",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@watching_options
def command(cube: str, out: str, **options: Any) -> int:
    """Measure the power of the 21-cm line in CUBE by wave number along and across the line of sight.

    CUBE is in K or Jy/beam, with a frequency axis. The cross power of two cubes with the same sky and noise of their
    own is free of the power of the noise. The table does not depend on workers or interruptions; repeat the command to
    resume. The bins are those of SKA Data Challenge 3a unless others are given.
    """
    from tessellar.api import power_spectrum

    with progress(options) as observer:
        settings = {name: value for name, value in options.items() if name not in ("quiet", "log_json")}
        spectra = power_spectrum(cube, out=out, observer=observer, **settings)
    if not options["quiet"]:
        n_bins = sum(int((power.n_modes > 0).sum()) for power in spectra.bands.values())
        bands = ", ".join(map(str, spectra.bands))
        show(f"{n_bins} bins with power in {bands}: {Path(out)}")
    if not spectra.n_failed:
        return 0
    complain(
        f"{spectra.n_failed} pieces of the cube could not be read; their channels were filled or left out."
    )
    return SOME_PIECES_FAILED
