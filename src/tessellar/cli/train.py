"""``tessellar train``: a network of one's own, from simulated skies."""

from __future__ import annotations

from typing import Any

import click

from tessellar.cli import values
from tessellar.cli.options import argument, option, watching_options
from tessellar.cli.output import progress, show


@click.command("train")
@argument("name", "NAME", values.words)
@option("--out", metavar="FILE", required=True, reads=values.path, about="The .safetensors file to write.")
@option(
    "--minutes",
    metavar="N",
    reads=values.positive,
    about="About how long to train; a few steps are timed to know how many there will be.  [default: 10]",
)
@option(
    "--steps",
    metavar="N",
    reads=values.whole(1),
    about="How many steps, in place of --minutes: the same number gives the same weights.",
)
@option("--seed", metavar="N", default=0, reads=values.whole(0), about="Chooses first weights and skies.")
@click.option(
    "--n2n",
    nargs=2,
    metavar="A B",
    type=click.UNPROCESSED,
    help="Two cubes of one sky with independent noise, to learn from as well (Noise2Noise).",
)
@option(
    "--threads",
    metavar="N",
    default=1,
    reads=values.whole(1, 1024),
    about="Cores to use; small patches are trained fastest on one.",
)
@option(
    "--device",
    metavar="auto|cpu|cuda[:N]",
    default="auto",
    reads=values.device,
    about="Where the network learns: on a GPU, on GPU N, or on the CPU, which is auto.",
)
@option(
    "--workers",
    metavar="N",
    reads=values.whole(0, 1024),
    about="Processes that make skies meanwhile, which changes nothing but the time.  [default: 0, and the other "
    "cores with a GPU]",
)
@option(
    "--precision",
    metavar="NAME",
    reads=values.one_of("bfloat16", "float32"),
    about="Of the arithmetic in the layers; bfloat16 is faster where the processor has it.  [default: bfloat16, and "
    "float32 for hi-look-s and hi-disc-s]",
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@watching_options
def command(name: str, **options: Any) -> None:
    """Train the network NAME on simulated skies, and write its weights and a card.

    hi-unet-s and hi-unet-m find sources and denoise; hi-look-s tells real candidates from false ones, and
    hi-disc-s corrects fitted discs. Repeat the command to go on with a training that was stopped. The weights
    are used by find --finder unet --network FILE, and by denoise --kernel unet --set weights=FILE.
    """
    from tessellar.api import train

    with progress(options) as observer:
        settings = {key: value for key, value in options.items() if key not in ("quiet", "log_json")}
        network = train(name, observer=observer, **settings)
    if not options["quiet"]:
        card = network.card
        error = card.metrics.get("calibration_error")
        calibrated = "" if error is None else f", probabilities wrong by {error:.2g} on average"
        show(
            f"{network.path}: {card.training['steps_done']} steps, loss on held-out skies "
            f"{card.metrics['held_out_loss']:.4g}{calibrated}."
        )
