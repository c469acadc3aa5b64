"""What a network must tell of itself to be run: how far it sees, how it is aligned, what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tessellar.errors import InputError, UsageError
from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.weights import Card

if TYPE_CHECKING:
    from torch import Tensor

ENTRY_POINTS = "tessellar.networks"
UNET, LOOK = "unet", "look"


class Design(Protocol):
    """A network without its weights; `Architecture` is one.

    The network must be translation invariant in steps of ``stride``, and take nothing from the patch as a whole: no
    instance, group or batch statistics, no global pooling, no attention.
    """

    @property
    def margin(self) -> int:
        """Voxels to each side of a voxel that decide about it, a multiple of the stride."""

    @property
    def stride(self) -> int:
        """Voxels by which patches must be aligned: the product of all pooling."""

    @property
    def maps(self) -> int:
        """Maps at full resolution that are held at once, for the memory that a run plans."""

    @property
    def heads(self) -> tuple[str, ...]:
        """Channels of the answer: ``denoised``, and any of ``mask`` (logit) and ``log_variance``."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by name."""

    def network(self, weights: Mapping[str, Tensor], margin: int = 0) -> Callable[[Tensor], Tensor]:
        """Return what takes a tensor (patch, 1, frequency, l, m) and returns (patch, head, frequency, l, m).

        The answer lacks ``margin`` voxels at each side.
        """


def design_of(card: Card, file: Path) -> Design:
    """Return the network that a card names.

    Raises
    ------
    UsageError
        No installed package has a network of that kind.
    InputError
        The card's parameters are not those of the network, or it declares another halo, stride or answer.
    """
    settings: dict[str, Any] = dict(card.architecture)
    kind = settings.pop("kind", None)
    made = _make(kind, settings, file)
    needed = {"halo": made.margin, "stride": made.stride, "heads": tuple(made.heads)}
    declared = {"halo": card.halo, "stride": card.stride, "heads": card.heads}
    wrong = [
        f"{name} {declared[name]} and the network has {needed[name]}"
        for name in needed
        if needed[name] != declared[name]
    ]
    if wrong:
        raise InputError(f"the card of {file} declares {'; '.join(wrong)}. Make the card anew.")
    return made


def _make(kind: object, settings: dict[str, Any], file: Path) -> Design:
    if kind == LOOK:
        raise UsageError(
            f"{file} looks at candidates one by one; it neither finds nor denoises. Use one that does, "
            "such as hi-unet-s."
        )
    if kind == UNET:
        maker: Any = Architecture
    else:
        points = list(entry_points(group=ENTRY_POINTS, name=str(kind)))
        if not points:
            raise UsageError(
                f"{file} needs a network of the kind '{kind}', and no installed package has it (entry points "
                f"'{ENTRY_POINTS}'). Install the package that the network came with."
            )
        maker = points[0].load()
    try:
        made: Design = maker(**settings)
    except TypeError as error:
        raise InputError(f"the card of {file} describes the network wrongly: {error}.") from error
    return made
