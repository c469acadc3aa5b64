"""Other programs at the same sky: scikit-learn and ps_eor, each run by an interpreter that has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.finds import run_program
from benchmarks.validation.low_sky import CHANNEL_HZ, DEGREES, FIRST_HZ, LowSky
from benchmarks.validation.separations import power_of, whole, without_means
from tessellar import api
from tessellar.kernels.foregrounds.registry import separation_of
from tessellar.model import DoubleArray

WAVES = (20.0, 455.0)  # wavelengths between which ps_eor has waves; the sky has 14 to 458 along an axis
_NOTHING = 1e-3
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """Another program's way to clean, and ours that it is held against.

    Attributes
    ----------
    title
        Of the program and its method.
    library
        ``sklearn`` or ``ps_eor``.
    words
        What the program is told.
    ours, settings
        Our kernel.
    """

    title: str
    library: str
    words: tuple[str, ...]
    ours: str
    settings: dict[str, int]


PEERS = (
    Peer("scikit-learn PCA, 3 modes", "sklearn", ("pca", "3"), "pca", {"modes": 3}),
    Peer("scikit-learn PCA, 4 modes", "sklearn", ("pca", "4"), "pca", {"modes": 4}),
    Peer("scikit-learn FastICA, 3 modes", "sklearn", ("ica", "3"), "ica", {"modes": 3}),
    Peer("ps_eor PCA, 3 modes", "ps_eor", ("pca", "3"), "pca", {"modes": 3}),
    Peer("ps_eor PCA, 4 modes", "ps_eor", ("pca", "4"), "pca", {"modes": 4}),
    Peer("ps_eor polynomial, degree 3", "ps_eor", ("poly", "3"), "poly", {"degree": 3}),
)


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """What one program made of a sky; power is a float64 array (k_par, k_perp).

    Attributes
    ----------
    k_par
        Middle of the bins, h/cMpc.
    rms
        Of what is left, less signal and noise, over the rms of the signal.
    ratio
        Power of what is left, less that of the noise, which a made-up sky knows, over that of the signal.
    coherence
        Of what is left and the signal.
    """

    k_par: DoubleArray
    rms: float
    ratio: DoubleArray
    coherence: DoubleArray


def rivals(sky: LowSky, interpreters: dict[str, Path]) -> Iterator[tuple[Peer, Rival, Rival]]:
    """Yield what ours and each other program, where there is an interpreter for it, make of a sky.

    ps_eor works on the waves of the images and keeps some of them: ours is held against it on the same ones.

    Raises
    ------
    BenchmarkError
        A program failed.
    """
    for peer in PEERS:
        if peer.library in interpreters:
            theirs = _theirs(peer, sky, interpreters[peer.library])
            limits = WAVES if peer.library == "ps_eor" else None
            yield peer, _rival(_ours(peer, sky), sky, limits), _rival(theirs, sky, limits)


def between(voxels: DoubleArray, shortest: float, longest: float) -> DoubleArray:
    """Return the waves of a cube between two lengths of the baseline, wavelengths, as images."""
    waves = np.fft.fftfreq(voxels.shape[1], np.deg2rad(DEGREES / voxels.shape[1]))
    length = np.hypot(waves[:, None], waves)
    inside = (length >= shortest) & (length <= longest)
    return np.asarray(np.fft.ifft2(np.fft.fft2(voxels) * inside).real)


def _ours(peer: Peer, sky: LowSky) -> DoubleArray:
    with TemporaryDirectory() as scratch:
        recipe = separation_of(peer.ours, peer.settings)
        out = Path(scratch) / "clean.zarr"
        return whole(api.separate_foregrounds(sky.cube, recipe, out=out, power=False).cube)


def _theirs(peer: Peer, sky: LowSky, interpreter: Path) -> DoubleArray:
    program = _HERE / f"run_{peer.library}.py"
    with TemporaryDirectory() as scratch:
        given, made = (Path(scratch) / name for name in ("cube.npy", "clean.npy"))
        np.save(given, sky.cube.voxels.astype(np.float64))
        words = [str(interpreter), str(program), str(given), str(made), *peer.words]
        if peer.library == "ps_eor":
            words += map(str, (FIRST_HZ, CHANNEL_HZ, DEGREES, *WAVES))
        run_program(words)
        return np.asarray(np.load(made), dtype=np.float64)


def _rival(left: DoubleArray, sky: LowSky, limits: tuple[float, float] | None) -> Rival:
    parts = [without_means(part) for part in (left, sky.signal, sky.noise)]
    if limits is not None:
        parts = [between(part, *limits) for part in parts]
    left, signal, noise = parts
    rms = float(np.std(left - signal - noise) / np.std(signal))
    seen = {name: sky.seen(part) for name, part in (("left", left), ("signal", signal), ("noise", noise))}
    powers = [power_of(cube) for cube in seen.values()]
    own, true, faint = (power.power for power in powers)
    crossed = power_of(seen["left"], seen["signal"]).power
    true = np.where(true > _NOTHING * np.nanmedian(true), true, np.nan)  # bins beyond the longest wave
    with np.errstate(invalid="ignore", divide="ignore"):
        return Rival(powers[0].k_par, rms, (own - faint) / true, crossed / np.sqrt(own * true))
