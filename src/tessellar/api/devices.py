"""Where a run computes, from the word that somebody gave for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.engine.devices import Device


def device_of(word: str, kernel: object, address: str | None = None) -> Device:
    """Return the device that a kernel will work on.

    Parameters
    ----------
    word
        ``auto`` for whatever is known to serve best, which is the CPU until the way over a GPU has been measured;
        ``cpu``; ``cuda`` for all GPUs; ``cuda:1`` for one, counted from 0.
    kernel
        The recipe; one that can work on a GPU tells by ``memory_on_gpu`` what it needs there.
    address
        Of a running cluster: its machines are not this one, and nobody knows their GPUs yet.

    Raises
    ------
    UsageError
        There is no such device, or the kernel cannot use it.
    """
    from tessellar.engine.devices import ON_CPU, Device, gpus_here
    from tessellar.kernels.devices import CPU, TORCH_CPU, is_device

    if word in ("auto", CPU):
        return ON_CPU
    if not is_device(word):
        raise UsageError(
            f"There is no device {word!r}. Choose auto, cpu, cuda, or cuda:1 for one of several GPUs."
        )
    if not hasattr(kernel, "memory_on_gpu"):
        name = getattr(kernel, "name", "chosen")
        raise UsageError(f"The kernel {name} computes on the CPU alone. Use --device auto.")
    _check_torch(word)
    if word == TORCH_CPU or address is not None:
        return Device(word)
    return gpus_here(word)


def slow_arithmetic(kernel: object, place: str) -> tuple[str, ...]:
    """Return a warning if this processor takes very long for the network of a kernel, or of a training.

    Parameters
    ----------
    kernel
        It, or its network, may have a precision.
    place
        The device: ``cpu``, or another, which has its own arithmetic.
    """
    from tessellar.kernels.devices import CPU
    from tessellar.kernels.network.torch_library import multiplies_bfloat16

    precision = getattr(getattr(kernel, "network", kernel), "precision", None)
    if precision != "bfloat16" or place != CPU or multiplies_bfloat16():
        return ()
    return (
        "This processor has no fast products of bfloat16 (it lacks AVX-512): the network takes some 200 times as long "
        "as in float32. Choose float32.",
    )


def _check_torch(word: str) -> None:
    """Refuse a device where torch, which brings a kernel there, is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise UsageError(
            f"device {word} needs torch, which is not installed. Try: pip install 'tessellar[torch]', or --device cpu."
        )
