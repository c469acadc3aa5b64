"""The files of SKA Data Challenge 3a: for each band a text of ten by ten powers and one of their errors.

Rows are k_par, columns k_perp, in K² h⁻³ cMpc³, as `numpy.savetxt` writes them; NaN stands for a bin without estimate.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.challenge.sdc3a.bands import BANDS, K_CENTRES, band_in, band_name
from tessellar.errors import InputError, OutputError, UsageError
from tessellar.io.naming import shown
from tessellar.io.publish import check_target, make_folder, output_errors, write_text
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.model import DoubleArray

ERRORS = "_errors"
SUFFIX = ".data"

_EXAMPLE = "Team_106MHz-121MHz.data"
_SHAPE = (len(K_CENTRES), len(K_CENTRES))


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What a team says of a band: power and its error, K² h⁻³ cMpc³, float64 arrays (k_par, k_perp)."""

    power: DoubleArray
    sigma: DoubleArray


def write_submission(
    spectra: Mapping[Band, CylindricalPower], folder: Path, team: str, *, overwrite: bool = False
) -> str:
    """Write the two files of each band, and return in a sentence what is missing; each file appears whole.

    Parameters
    ----------
    spectra
        The power of bands of the challenge in its bins, `PowerSpectra.bands`; any of the six.
    folder
        Where the files go, made if need be.
    team
        What the names of the files begin with.
    overwrite
        Whether to replace files of the team that are there.

    Returns
    -------
    str
        Empty where every bin of all six bands has an estimate.

    Raises
    ------
    UsageError
        The name is no team's, or a spectrum is not one of the challenge.
    OutputError
        Files are in the way or cannot be written.
    """
    check_team(team)
    if not spectra:
        raise UsageError("There is no power spectrum to write. Measure one with the bands sdc3a.")
    for band, power in spectra.items():
        _check_spectrum(band, power)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{shown(folder)} is a file; the output is a folder. Choose another name.")
    with output_errors(folder):
        make_folder(folder)
    names = {band: f"{team}_{band_name(band)}" for band in sorted(spectra)}
    for stem in names.values():
        for file in (folder / f"{stem}{ERRORS}{SUFFIX}", folder / f"{stem}{SUFFIX}"):
            check_target(file, overwrite=overwrite)
    for band, stem in names.items():  # errors first: where there is a power, there is its error
        write_text(folder / f"{stem}{ERRORS}{SUFFIX}", _text(spectra[band].sigma))
        write_text(folder / f"{stem}{SUFFIX}", _text(spectra[band].power))
    return _missing(spectra)


def check_team(team: str) -> None:
    """Refuse a name that cannot begin the name of a file.

    Raises
    ------
    UsageError
        It is empty, or holds path separators or characters that do not print.
    """
    odd = [c for c in team if c in "/\\" or not c.isprintable()]
    if not team.strip() or odd or team.startswith("."):
        raise UsageError(
            f"{team!r} cannot be the name of a team: files are called after it. "
            "Give a word without / or \\ that does not begin with a dot."
        )


def read_submission(folder: Path) -> dict[Band, Estimate]:
    """Return what a team handed in: any of the six bands.

    Raises
    ------
    InputError
        There are no files of the challenge, files of several teams, a band without errors, or a file that holds
        something else than ten by ten numbers.
    """
    powers, errors = _files(folder)
    for band, file in powers.items():
        if band not in errors:
            raise InputError(
                f"{shown(file)} comes without errors; needed is {file.stem}{ERRORS}{SUFFIX} beside it."
            )
    return {band: Estimate(_matrix(file), _matrix(errors[band])) for band, file in powers.items()}


def read_truth(folder: Path) -> dict[Band, DoubleArray]:
    """Return the true power of the bands that a folder has, K² h⁻³ cMpc³, float64 arrays (k_par, k_perp).

    Raises
    ------
    InputError
        There are no files of the challenge, files of several teams, or one that holds something else than ten by ten
        numbers.
    """
    return {band: _matrix(file) for band, file in _files(folder)[0].items()}


def _files(folder: Path) -> tuple[dict[Band, Path], dict[Band, Path]]:
    """Return the files of powers and those of errors by band."""
    if not folder.is_dir():
        raise InputError(f"{shown(folder)} is no folder; needed is one with files like {_EXAMPLE}.")
    powers: dict[Band, Path] = {}
    errors: dict[Band, Path] = {}
    teams: dict[str, Path] = {}
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        stem = file.stem.removesuffix(ERRORS)
        band = band_in(stem)
        if band is None:
            continue
        teams.setdefault(stem[: stem.rindex("MHz-")].rpartition("_")[0], file)
        kind = errors if file.stem.endswith(ERRORS) else powers
        if band in kind:
            raise InputError(
                f"{shown(folder)} holds two files of the band {band}, {shown(kind[band].name)} and "
                f"{shown(file.name)}. Keep one of them."
            )
        kind[band] = file
        if len(teams) > 1:
            names = " and ".join(shown(example.name) for example in teams.values())
            raise InputError(
                f"{shown(folder)} holds files of more than one team, {names}. Give a folder for each."
            )
    if not powers:
        raise InputError(f"{shown(folder)} holds no power spectrum; needed are files like {_EXAMPLE}.")
    return powers, errors


def _matrix(file: Path) -> DoubleArray:
    """Return the ten by ten numbers of a file."""
    try:
        text = file.read_text(encoding="utf-8")
        matrix = (
            np.loadtxt(io.StringIO(text), dtype=np.float64, ndmin=2) if text.strip() else np.empty((0, 0))
        )
    except OSError as error:
        raise InputError(f"{shown(file)} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{shown(file)} holds something else than numbers ({reason}); needed are 10 rows of 10 numbers."
        ) from error
    if matrix.shape != _SHAPE:
        rows, columns = matrix.shape
        raise InputError(
            f"{shown(file)} has {rows} rows of {columns} numbers; needed are 10 rows (k_par) of 10 numbers (k_perp)."
        )
    return matrix


def _check_spectrum(band: Band, power: CylindricalPower) -> None:
    """Refuse a spectrum that is not one of the challenge."""
    if band not in BANDS:
        raise UsageError(f"The band {band} is none of the challenge. Measure the bands sdc3a.")
    for name, centres in (("k_par", power.k_par), ("k_perp", power.k_perp)):
        if centres.shape != K_CENTRES.shape or not np.allclose(centres, K_CENTRES):
            raise UsageError(
                f"The bins of {name} are not those of the challenge, 0.05 to 0.5 h/cMpc in steps of 0.05. "
                "Measure with the default bins."
            )


def _text(matrix: DoubleArray) -> str:
    text = io.StringIO()
    np.savetxt(text, matrix)
    return text.getvalue()


def _missing(spectra: Mapping[Band, CylindricalPower]) -> str:
    """Return in a sentence which bands and bins have no estimate."""
    parts = []
    absent = [str(band) for band in BANDS if band not in spectra]
    if absent:
        parts.append(f"the bands {', '.join(absent)} are not among the files")
    empty = sum(int(np.count_nonzero(~np.isfinite(power.power))) for power in spectra.values())
    if empty:
        parts.append(f"{empty} of {len(spectra) * _SHAPE[0] * _SHAPE[1]} bins have no modes and hold NaN")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""
