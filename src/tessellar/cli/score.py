"""``tessellar score``: what a submission to a data challenge is worth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tessellar.cli.options import argument, option
from tessellar.cli.output import show
from tessellar.cli.values import path, positive


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
@option("--json", "json_file", metavar="F", reads=path, about="Also write the figures to this file.")
def sdc2(result: str, truth: str, beam_arcsec: float, json_file: str | None) -> None:
    """Score the sources of RESULT against TRUTH as SKA Data Challenge 2 did.

    RESULT is the folder of a run or a catalogue with the columns of the challenge, TRUTH such a catalogue or the truth
    of a made-up sky.

    One point for each source that is found and measured perfectly, one off for each that is not there. Only the band
    of the challenge counts, 950 to 1150 MHz, and a row beyond it is a false one.
    """
    from tessellar.api import score

    made = score("sdc2", result, truth, beam_arcsec=beam_arcsec)
    if json_file is not None:
        from tessellar.io.publish import write_text

        write_text(Path(json_file), json.dumps(made.record(), indent=1) + "\n")
    show(str(made))
