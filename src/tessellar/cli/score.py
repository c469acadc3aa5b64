"""``tessellar score``: what a submission to a data challenge is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tessellar.cli.options import argument, option, quiet_option
from tessellar.cli.output import show
from tessellar.cli.values import path, positive

if TYPE_CHECKING:
    from tessellar.challenge.sdc2.score import Sdc2Score
    from tessellar.challenge.sdc3a.score import Sdc3aScore

_json_option = option(
    "--json", "json_file", metavar="F", reads=path, about="Also write the figures to this file."
)


@click.group("score")
def command() -> None:
    """Score a submission to a data challenge of the SKA, as the challenge did."""


@command.command("sdc2")
@argument("result", "RESULT")
@argument("truth", "TRUTH")
@option(
    "--beam-arcsec",
    metavar="ARCSEC",
    default=7.0,
    reads=positive,
    about="FWHM of the beam; that of the challenge unless the field is another one.",
)
@option(
    "--plot",
    metavar="FILE",
    reads=path,
    about="Also draw completeness, reliability and points by flux, size and S/N: a PNG, PDF or SVG.",
)
@_json_option
@quiet_option
def sdc2(
    result: str, truth: str, beam_arcsec: float, plot: str | None, json_file: str | None, *, quiet: bool
) -> None:
    """Score the sources of RESULT against TRUTH as SKA Data Challenge 2 did.

    RESULT is the folder of a run or a catalogue with the columns of the challenge, TRUTH such a catalogue or the truth
    of a made-up sky.

    One point for each source that is found and measured perfectly, one off for each that is not there. Only the band
    of the challenge counts, 950 to 1150 MHz, and a row beyond it is a false one. Told are also completeness,
    reliability and points by flux and by size, and by S/N where TRUTH tells it.
    """
    from tessellar.api import score
    from tessellar.io.outputs import FIGURES, JSON, check_outputs, check_small_file

    check_small_file(json_file, JSON)
    check_small_file(plot, FIGURES)
    check_outputs([json_file, plot], [result, truth])
    _tell(score("sdc2", result, truth, beam_arcsec=beam_arcsec, plot=plot), json_file, quiet=quiet)


@command.command("sdc3a")
@argument("result", "RESULT")
@argument("truth", "TRUTH")
@_json_option
@quiet_option
def sdc3a(result: str, truth: str, json_file: str | None, *, quiet: bool) -> None:
    """Score the power spectra in RESULT against those in TRUTH, of SKA Data Challenge 3a.

    RESULT is a folder with files like Team_106MHz-121MHz.data and Team_106MHz-121MHz_errors.data of any of the six
    bands, the folder of a separation, NAME.foregrounds, or a table of `tessellar power`; TRUTH is such a table, or a
    folder with such files, which need no errors. Told are the median residual, how many true powers the error bars
    cover, and a log score, by band and over all; bins without an estimate are counted.
    """
    from tessellar.api import score
    from tessellar.io.outputs import JSON, check_outputs, check_small_file

    check_small_file(json_file, JSON)
    check_outputs([json_file], [result, truth])
    _tell(score("sdc3a", result, truth), json_file, quiet=quiet)


def _tell(made: Sdc2Score | Sdc3aScore, json_file: str | None, *, quiet: bool) -> None:
    if json_file is not None:
        from tessellar.io.publish import write_text

        write_text(Path(json_file), json.dumps(made.record(), indent=1) + "\n")
    if not quiet:
        show(str(made))
