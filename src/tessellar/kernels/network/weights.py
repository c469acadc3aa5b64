"""Weights on disk: a safetensors file and beside it a card that tells what it is; nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from tessellar.errors import InputError, UsageError
from tessellar.kernels.network.torch_library import load_safetensors
from tessellar.model import FloatArray

FORMAT = "tessellar network 1"
SHIPPED = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns the raw answers of a network into probabilities and errors.

    Attributes
    ----------
    mask_slope, mask_offset
        The probability of emission is the logistic function of slope times logit plus offset.
    mask_threshold
        The probability above which a voxel counts as detected.
    log_variance_slope, log_variance_offset
        The logarithm of the variance is slope times what the network says plus offset.
    """

    mask_slope: float = 1.0
    mask_offset: float = 0.0
    mask_threshold: float = 0.5
    log_variance_slope: float = 1.0
    log_variance_offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a network.

    Attributes
    ----------
    name
        The network.
    architecture
        ``kind`` (``unet`` or an entry point of the group ``tessellar.networks``) and its parameters.
    heads
        What the channels of its answer are, in order.
    halo, stride
        Voxels around a voxel that decide about it, and by which patches are aligned.
    maps
        Maps of a patch that it holds at once, for the memory that a run plans.
    normalisation
        What it must be shown, in words.
    calibration
        What its raw answers become.
    training
        Seed, steps and data.
    metrics
        How good it was on held-out skies.
    licence
        Of the weights.
    sha256
        Of the safetensors file.
    """

    name: str
    architecture: dict[str, Any]
    heads: tuple[str, ...]
    halo: int
    stride: int
    maps: int
    normalisation: str
    calibration: Calibration
    training: dict[str, Any]
    metrics: dict[str, Any]
    licence: str
    sha256: str
    format: str = field(default=FORMAT)

    def text(self) -> str:
        """Return the card as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"


def card_path(weights: Path) -> Path:
    """Return where the card of a weights file lies."""
    return weights.with_suffix(".json")


def find_weights(name: str) -> Path:
    """Return the file of a shipped network, or ``name`` itself as a path.

    Raises
    ------
    UsageError
        There is neither.
    """
    shipped = SHIPPED / f"{name}.safetensors"
    if shipped.is_file():
        return shipped
    path = Path(name).expanduser()
    if path.is_file():
        return path.resolve()
    names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors")))
    raise UsageError(
        f"there are no weights '{name}'. Give the path of a .safetensors file with its card beside it, or one of the "
        f"networks that come with the program: {names or 'none in this installation'}."
    )


def read_card(weights: Path) -> Card:
    """Return the card of a weights file.

    Raises
    ------
    InputError
        There is none, or it lacks something; the message names what.
    """
    path = card_path(weights)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{weights} has no card {path.name} beside it, which tells how far the network sees. "
            "`tessellar train` writes both."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no card of a network: it is not JSON ({error}).") from error
    lacking = [f.name for f in fields(Card) if not isinstance(found, dict) or f.name not in found]
    if lacking:
        raise InputError(f"{path} is no complete card of a network: it lacks {', '.join(lacking)}.")
    if found["format"] != FORMAT:
        raise InputError(
            f"{path} has the format '{found['format']}', this version reads '{FORMAT}'. Train it anew."
        )
    try:
        calibration = Calibration(**{key: float(value) for key, value in found["calibration"].items()})
        known = {f.name: found[f.name] for f in fields(Card)}
        return Card(**{**known, "heads": tuple(found["heads"]), "calibration": calibration})
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no card of a network: {error}.") from error


def digest_of_card(weights: Path) -> str:
    """Return the SHA-256 of a card, hexadecimal: with the hash of the weights in it, it stands for both."""
    return hashlib.sha256(card_path(weights).read_bytes()).hexdigest()


def read_weights(path: Path, card: Card) -> dict[str, FloatArray]:
    """Return the weights of a network by name, float32 arrays.

    Raises
    ------
    InputError
        The file is damaged or not the one that the card describes.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise InputError(
            f"{path} has the SHA-256 {found[:12]}…, its card says {card.sha256[:12]}…: one of the two was changed or "
            "damaged. Fetch both again, or train the network anew."
        )
    library = load_safetensors()
    try:
        weights: dict[str, FloatArray] = library.load(content)
    except Exception as error:  # the library raises an exception of its own, made in Rust
        raise InputError(f"{path} is no safetensors file: {error}.") from error
    return weights


def check_shapes(found: Mapping[str, FloatArray], needed: Mapping[str, tuple[int, ...]], path: Path) -> None:
    """Refuse weights that do not fit a network.

    Raises
    ------
    InputError
        They do not; every difference is named.
    """
    problems = [f"{name} is missing" for name in needed if name not in found]
    problems += [f"{name} is unknown" for name in found if name not in needed]
    problems += [
        f"{name} has the shape {found[name].shape}, needed is {shape}"
        for name, shape in needed.items()
        if name in found and tuple(found[name].shape) != tuple(shape)
    ]
    if problems:
        raise InputError(
            f"the weights in {path} do not fit the network that its card names: {'; '.join(problems)}."
        )


def weights_bytes(weights: Mapping[str, FloatArray]) -> bytes:
    """Return the content of a safetensors file; equal weights give equal bytes."""
    content: bytes = load_safetensors().save({name: weights[name] for name in sorted(weights)})
    return content
