"""A low-frequency sky of any size that is stored nowhere: foregrounds, the 21-cm signal and noise, as they are read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import Beam, CubeMeta, DoubleArray, FloatArray, SpectralAxis
from tessellar.simulate.eor.settings import PARTS, RANGES, problems_of
from tessellar.simulate.eor.signal import Signal, make_signal
from tessellar.simulate.header import REST_FREQUENCY, as_in_card, full_header, pixel_size, wcs_header
from tessellar.tiling.box import Box, Shape

CHUNK: Shape = (32, 128, 128)

_DRAWING = 2  # raised whenever a change of the code changes a voxel


@dataclass(frozen=True)
class EorSky:
    """Foregrounds, 21-cm signal and noise of a low-frequency observation; a ``Source`` of voxels made while read.

    A voxel is a pure function of its place, so cubes of terabytes open at once and any box of them, read in any
    order, has the same bits. Voxels are kelvin. The reference frequency of spectra, noise and beam, and the redshift
    at which pixels and channels are turned into lengths, are those of the middle of the band.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``.
    seed
        Chooses everything that is drawn.
    part
        ``all``; ``sky`` (foregrounds and signal), ``foregrounds``, ``signal``, ``noise``, or one foreground:
        ``synchrotron``, ``freefree``, ``points``. The parts add up to the whole, but for rounding.
    half
        0 for the whole data set, 1 or 2 for one half of the observing time: the same sky, and noise that is √2
        stronger and independent of the other half's. The whole has the mean of the halves' noise.
    first_frequency_hz, channel_hz, pixel_arcsec
        The sampling; channel 0 has the lowest frequency.
    signal_mk
        Standard deviation of the 21-cm signal in a voxel, mK.
    noise_mk, noise_index
        Noise of a voxel at the reference frequency, mK, and the power of the frequency that it follows: about -2.55
        where the sky's own brightness makes it.
    noise, hours
        ``ska-low`` for the thermal noise of SKA-Low after so many hours instead, of an image with the beam of this
        sky, or with pixels for a beam where it has none.
    noise_table
        A file that says the noise of a voxel by frequency instead: two columns of text, MHz and mK, or ECSV with the
        columns ``frequency`` and ``rms`` in units of their own (kelvin, or Jy/beam); straight lines between its rows.
    synchrotron_k, synchrotron_spread
        Mean brightness, K, and the relative standard deviation of its map; angular power ``l^-2.4``.
    synchrotron_index, index_spread, curvature, curvature_spread
        Mean and standard deviation of the maps of spectral index and curvature; angular power ``l^-2``.
    freefree_k, freefree_spread
        Median brightness, K, and the standard deviation of its logarithm; angular power ``l^-2.8``, index -2.1.
    points_per_deg2, points_jy, points_slope
        Point sources in a square degree, their fluxes (lowest and highest), and how steeply their number falls.
    points_index, points_index_spread
        Mean and standard deviation of the spectral indices of their brightness temperatures.
    gsm
        Folder with the maps of the Global Sky Model 2016, which then replace both diffuse foregrounds: they are what
        ``synchrotron`` holds, and ``freefree`` is empty. ``""`` for maps that are drawn.
    beam_arcsec
        Full width at half maximum of the beam at the reference frequency; 0 for none. It blurs the sky, not the
        noise.
    chromatic
        Whether its width is proportional to 1/frequency; else it is the same in all channels.
    sidelobe
        Height of a ring of side lobes over the peak of the beam.
    rfi_fraction, rfi_channels
        Share of the voxels, and of the channels, that are NaN in ``all`` and ``noise``.

    Raises
    ------
    UsageError
        If a setting is out of range; every problem is named.
    InputError
        If a file of noise cannot be used.
    """

    shape: Shape = (128, 64, 64)
    seed: int = 0
    part: str = "all"
    half: int = 0
    first_frequency_hz: float = 151e6
    channel_hz: float = 1e5
    pixel_arcsec: float = 225.0
    signal_mk: float = 5.0
    noise_mk: float = 2.5
    noise_index: float = 0.0
    noise: str = ""
    hours: float = 1000.0
    noise_table: str = ""
    synchrotron_k: float = 330.0
    synchrotron_spread: float = 0.1
    synchrotron_index: float = -2.55
    index_spread: float = 0.1
    curvature: float = -0.05
    curvature_spread: float = 0.02
    freefree_k: float = 3.0
    freefree_spread: float = 0.5
    points_per_deg2: float = 250.0
    points_jy: tuple[float, float] = (2.7e-4, 0.09)
    points_slope: float = 1.6
    points_index: float = -2.7
    points_index_spread: float = 0.2
    gsm: str = ""
    beam_arcsec: float = 0.0
    chromatic: bool = False
    sidelobe: float = 0.0
    rfi_fraction: float = 0.0
    rfi_channels: float = 0.0

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "shape", tuple(int(n) for n in self.shape))
        for name in ("seed", "half"):
            put(self, name, _whole(getattr(self, name)))
        for name in RANGES:
            put(self, name, float(getattr(self, name)))
        put(self, "points_jy", tuple(float(flux) for flux in self.points_jy))
        put(self, "chromatic", bool(self.chromatic))
        problems = list(problems_of(self))
        if problems:
            raise UsageError("This sky cannot be made: " + "; ".join(problems) + ".")

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube without its voxels."""
        return _describe(self)

    @property
    def name(self) -> str:
        """A short name for people."""
        half = f" half {self.half}" if self.half else ""
        return f"eor {self.part} {self.seed}{half}"

    @property
    def identity(self) -> str:
        """A text that changes with every setting and with the way voxels are made."""
        content = ""
        if self.gsm:
            from tessellar.simulate.eor.gsm import model_of

            content = f", maps {model_of(self.gsm).digest}"
        if self.noise_table:
            from tessellar.simulate.eor.noise_table import table_of

            content += f", noise {table_of(self.noise_table).digest}"
        return f"{self!r}, drawing {_DRAWING}{content}"

    @property
    def chunks(self) -> Shape:
        """A box that takes little more time than its voxels; of one channel, or one pixel, each voxel takes more."""
        depth, width, height = (min(n, c) for n, c in zip(self.shape, CHUNK, strict=True))
        return (depth, width, height)

    @property
    def stored_bytes(self) -> int:
        """Nothing is stored."""
        return 0

    @property
    def address(self) -> str:
        """The text that stands for the cube where a path does."""
        from tessellar.simulate.procedural_address import address_of

        return address_of(self)

    def frequency(self, channel: float) -> float:
        """Return the frequency of a channel, Hz."""
        return self.first_frequency_hz + self.channel_hz * channel

    @property
    def reference_hz(self) -> float:
        """The middle of the band."""
        return self.frequency((self.shape[0] - 1) / 2)

    @property
    def points_in_pixel(self) -> float:
        """How many point sources a pixel holds on average."""
        return self.points_per_deg2 * (self.pixel_arcsec / 3600.0) ** 2

    def beam_pixels(self, channel: int) -> float:
        """Return the full width of the beam at half maximum, pixels."""
        widening = self.reference_hz / self.frequency(channel) if self.chromatic else 1.0
        return self.beam_arcsec / self.pixel_arcsec * widening

    @property
    def signal(self) -> Signal:
        """The field of the 21-cm signal."""
        return make_signal(
            self.seed, self.signal_mk * 1e-3, self.pixel_arcsec, self.channel_hz, self.reference_hz
        )

    def signal_power(self, k_perp: DoubleArray, k_par: DoubleArray) -> DoubleArray:
        """Return the expected power spectrum of the 21-cm signal, before the beam: see `Signal.power`.

        Parameters
        ----------
        k_perp, k_par
            Wave numbers across and along the line of sight, h/Mpc.

        Returns
        -------
        power
            K² (Mpc/h)³; NaN beyond what the voxels can carry.
        """
        return self.signal.power(k_perp, k_par)

    def only(self, part: str, half: int = 0) -> EorSky:
        """Return a part of the same sky, in one half of the observing time or in the whole."""
        return replace(self, part=part, half=half)

    @property
    def contents(self) -> tuple[str, ...]:
        """What the cube is the sum of."""
        return PARTS[self.part]

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 array (frequency, l, m), K; NaN = lost."""
        from tessellar.simulate.eor.drawing import draw

        if box.empty or not Box.of_shape(self.shape).contains(box):
            raise UsageError(
                f"Box {box} is not inside the cube {Box.of_shape(self.shape)}; ask for a part of it."
            )
        voxels = np.empty(box.shape, dtype=np.float32)
        draw(self, box, voxels)
        return voxels

    def settings(self) -> dict[str, Any]:
        """Return all settings by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _whole(number: object) -> int:
    """Return a number as Python's own; -1 for what is no whole number."""
    return int(number) if isinstance(number, Integral) else -1


@lru_cache(maxsize=8)
def _describe(sky: EorSky) -> CubeMeta:
    pixel = sky.pixel_arcsec / 3600.0
    channels = range(sky.shape[0])
    width = as_in_card(sky.channel_hz) if len(channels) == 1 else None
    seen = () if sky.beam_arcsec == 0.0 else channels if sky.chromatic else channels[:1]
    beams = [as_in_card(sky.beam_pixels(channel) * pixel) for channel in seen]
    return CubeMeta(
        name=sky.name,
        shape=sky.shape,
        unit="K",
        spectral=SpectralAxis(
            "freq", "Hz", tuple(map(sky.frequency, channels)), REST_FREQUENCY, "BARYCENT", width
        ),
        beams=tuple(Beam(beam, beam, 0.0) for beam in beams),
        pixel_size=pixel_size(sky),
        header=full_header(sky, "K", beams),
        wcs_header=wcs_header(sky),
    )
