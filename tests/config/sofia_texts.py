"""Parameter files to read: a full one, and short ones made from lines."""

from __future__ import annotations

from pathlib import Path

DEFAULTS = Path(__file__).parent / "sofia-2.5.par"

# parameters of versions other than 2.5, and values at which they ask for nothing
ELSEWHERE = {
    "reliability.fmin": "",
    "flag.cube": "",
    "background.enable": "false",
    "background.statistic": "median",
    "background.windowXY": "31",
    "background.windowZ": "15",
    "background.gridXY": "0",
    "background.gridZ": "0",
    "background.interpolate": "false",
    "filter.discardNegative": "true",
    "filter.minPixels": "0",
    "filter.minSNR": "0",
    "output.dataFormat": "fits",
    "output.writeDiagnosticPlot": "false",
    "output.marginCubeletsXY": "10",
    "output.marginCubeletsZ": "10",
    "output.marginAperSpec": "10",
}


def write_par(folder: Path, *lines: str, name: str = "sky.par") -> Path:
    """Write a parameter file."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def written_names(text: str) -> list[str]:
    """Return the names of the parameters in a text, in order."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [line.partition("=")[0].strip() for line in lines if "=" in line]
