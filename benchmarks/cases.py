"""The list of all benchmarks by group: the words of ``--only``."""

from __future__ import annotations

from benchmarks import (
    driver,
    engine,
    finds,
    foregrounds,
    gpu,
    kernels,
    machine,
    networks,
    peers,
    reading,
    separations,
    skies,
    storage,
)
from benchmarks.bench import Measure
from tessellar.errors import UsageError

CASES: dict[str, dict[str, Measure]] = {
    "machine": {"bandwidth": machine.bandwidth, "arithmetic": machine.arithmetic},
    "kernels": {
        "noise": kernels.noise,
        "scales": kernels.scales,
        "mask": kernels.mask,
        "components": kernels.components,
        "measure": kernels.measure,
    },
    "read": {"read-fits": reading.fits, "read-zarr": reading.zarr},
    "skies": {"made-skies": skies.made},
    "storage": {"codecs": storage.by_codec_and_chunk},
    "find": {"find-fits": finds.fits, "find-zarr": finds.zarr},
    "covariance": {"products": foregrounds.covariance},
    "spectra": {
        "fill": foregrounds.fill,
        "projection": foregrounds.projection,
        "sky-modes": foregrounds.sky_modes,
    },
    "separation": {
        "separate-fits": separations.fits,
        "separate-zarr": separations.zarr,
        "separate-power": separations.power,
    },
    "engine": {"executors": engine.executors},
    "tiles": {"tiles": engine.tiles},
    "gpu": {"gpu-rates": gpu.rates, "gpu-memory": gpu.memory, "gpu-zarr": gpu.zarr},
    "driver": {"journal": driver.journal, "stitch": driver.stitch, "tables": driver.tables},
    "networks": {"network": networks.rates},
    "peers": {"scipy": peers.scipy, "sofia": peers.sofia, "monai": networks.monai},
}


def chosen(names: list[str]) -> list[tuple[str, str, Measure]]:
    """Return group, name and function of the cases that are named by themselves or by their group; all for none.

    Raises
    ------
    UsageError
        A name is unknown.
    """
    every = [(group, name, measure) for group, cases in CASES.items() for name, measure in cases.items()]
    known = {word for group, name, _ in every for word in (group, name)}
    unknown = sorted(set(names) - known)
    if unknown:
        raise UsageError(
            f"There is no benchmark {', '.join(unknown)}. Choose among {', '.join(sorted(known))}."
        )
    return [case for case in every if not names or not {case[0], case[1]}.isdisjoint(names)]
