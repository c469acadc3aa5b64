"""A band of frequencies: the slice of the universe that one power spectrum is of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.model import DoubleArray

_SLACK = 1e-3  # of a channel: how far a channel may miss the edge of a band by rounding
_UNEVEN = 1e-3  # of a channel: by how much steps may differ


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """Channels with ``low <= frequency < high``, in Hz: a channel at the border belongs to the upper band.

    Raises
    ------
    UsageError
        ``low`` is not below ``high``, or not above zero.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise UsageError(
                f"A band from {self.low / 1e6:g} to {self.high / 1e6:g} MHz is none: "
                "the first frequency must be above 0 and below the second."
            )

    @classmethod
    def of_mhz(cls, low: float, high: float) -> Band:
        """Return the band between two frequencies in MHz."""
        return cls(low * 1e6, high * 1e6)

    def channels(self, frequencies: DoubleArray) -> slice:
        """Return which channels of an evenly spaced axis, in Hz, lie in the band; an empty slice where none do."""
        slack = _SLACK * channel_width(frequencies)
        inside = np.flatnonzero((frequencies >= self.low - slack) & (frequencies < self.high - slack))
        return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)

    def is_covered(self, frequencies: DoubleArray) -> bool:
        """Return whether the axis has a channel wherever the band has room for one, but for one at an edge."""
        found = self.channels(frequencies)
        room = (self.high - self.low) / channel_width(frequencies)
        return int(found.stop - found.start) >= room - 1.0 - _SLACK

    def __str__(self) -> str:
        """Return the band in MHz, as people write it."""
        return f"{self.low / 1e6:g}-{self.high / 1e6:g} MHz"


def channel_width(frequencies: DoubleArray) -> float:
    """Return the width of the channels in Hz.

    Raises
    ------
    InputError
        There are fewer than two channels, or their steps differ.
    """
    if len(frequencies) < 2:
        raise InputError(
            f"The cube has {len(frequencies)} channel; a power spectrum along the line of sight needs two or more."
        )
    steps = np.diff(frequencies)
    width = float(np.abs(steps).mean())
    if not width > 0 or np.abs(np.abs(steps) - width).max() > _UNEVEN * width or np.ptp(np.sign(steps)):
        raise InputError(
            "The channels are not evenly spaced in frequency, and a Fourier transform along frequency needs that. "
            "Regrid the cube to channels of one width in Hz."
        )
    return width
