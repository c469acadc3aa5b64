"""The cubes of a separation as they are cleaned: a band of them, at one resolution."""

from __future__ import annotations

from dataclasses import replace

from tessellar.engine.foregrounds.band import band_of
from tessellar.engine.foregrounds.resolution import CommonResolution
from tessellar.engine.precondition.view import View
from tessellar.model import CubeMeta, FloatArray, Source
from tessellar.tiling.box import Box

AUTO = "auto"


class AsObserved(View):
    """A signal in kelvin as the instrument sees it: with the beams of the cube that it is added to.

    Parameters
    ----------
    source
        The signal.
    cube
        The cube, of which the beams are taken.
    """

    def __init__(self, source: Source, cube: CubeMeta) -> None:
        self.source = source
        self.cube = cube

    @property
    def meta(self) -> CubeMeta:
        """That of the signal, with the beams of the cube."""
        return replace(self.source.meta, beams=self.cube.beams, pixel_size=self.cube.pixel_size)

    @property
    def identity(self) -> str:
        """That of the signal."""
        return self.source.identity

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of the signal, float32 array (frequency, l, m)."""
        return self.source.read(box)


def prepared(source: Source, band: tuple[float, float] | None, resolution: str | float | None) -> Source:
    """Return a cube as it is cleaned.

    Parameters
    ----------
    source
        The cube.
    band
        MHz, or None for all channels.
    resolution
        Width of the common beam in arcsec, ``auto`` for the largest beam of the cube, None to leave it as it is.

    Raises
    ------
    InputError
        The cube has no beams, or beams that are not round.
    UsageError
        There is no channel in the band, or a beam is larger than the common one.
    """
    cut = band_of(source, band)
    if resolution is None:
        return cut
    return CommonResolution(cut, None if resolution == AUTO else float(resolution) / 3600.0)


def prepared_signal(
    signal: Source, cube: Source, band: tuple[float, float] | None, resolution: str | float | None
) -> Source:
    """Return a signal as it is injected into a cube that is prepared in the same way."""
    if resolution is None:
        return band_of(signal, band)
    return prepared(AsObserved(signal, cube.meta), band, resolution)
