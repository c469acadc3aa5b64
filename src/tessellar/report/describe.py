"""A cube in words: what its header says, what it does not say, and how noisy a few of its voxels are."""

from __future__ import annotations

from math import ceil, log10, prod

import numpy as np

from tessellar.io.cards import Cards
from tessellar.io.schema import SCHEMA_VERSION
from tessellar.io.schema_check import schema_faults
from tessellar.io.wcs import frame_name, projection_name, sky_position
from tessellar.io.zarr_read import ZarrSource
from tessellar.model import Beam, CubeMeta, SpectralAxis
from tessellar.model import Source as CubeSource
from tessellar.report.quantities import angle_words, size_words, spectral_words
from tessellar.report.sample import MAD_TO_RMS, sample
from tessellar.tiling.box import Shape

KIND_WORDS = {
    "freq": "frequency",
    "v_rad": "radio velocity",
    "v_opt": "optical velocity",
    "v_app": "velocity (radio or optical not said)",
    "channel": "bare channels",
}
EVEN = 1e-6  # channels whose widths differ by less than this fraction are equally wide


def describe(source: CubeSource) -> str:
    """Return a cube in words, some fifteen aligned lines; reads its header and a few small windows."""
    meta = source.meta
    rows = [
        ("Cube", _name(meta)),
        ("Shape", _shape(meta.shape)),
        ("Stored", _stored(source)),
        *_schema(source),
        ("Unit", meta.unit or "unknown"),
        *_sky(meta),
        *_spectral(meta.spectral),
        *_beam(meta),
        ("Noise", _noise(source)),
    ]
    width = max(len(label) for label, _ in rows)
    lines = [f"{label:<{width}}  {text}" for label, text in rows]
    if meta.missing:
        lines += ["", "Missing or assumed", *(f"- {sentence}" for sentence in meta.missing)]
    return "\n".join(lines)


def _name(meta: CubeMeta) -> str:
    cards = Cards.from_text(meta.header)
    found = {"object": cards.word("OBJECT"), "telescope": cards.word("TELESCOP", "INSTRUME")}
    words = [f"{label} {word}" for label, word in found.items() if word]
    return f"{meta.name} ({', '.join(words)})" if words else meta.name


def _shape(shape: Shape) -> str:
    channels, x, y = shape
    word = "channel" if channels == 1 else "channels"
    return f"{channels} {word} x {x} x {y} pixels (frequency, l, m), {prod(shape):,} voxels"


def _stored(source: CubeSource) -> str:
    text = (
        f"{size_words(source.stored_bytes)}, as float32 in memory {size_words(4 * prod(source.meta.shape))}"
    )
    pieces = {"chunks": source.chunks, "shards": getattr(source, "shards", None)}
    return text + "".join(
        f", {name} {' x '.join(map(str, shape))}" for name, shape in pieces.items() if shape
    )


def _schema(source: CubeSource) -> list[tuple[str, str]]:
    """Return whether a Zarr store is a valid image for other programs; nothing of other cubes."""
    if not isinstance(source, ZarrSource):
        return []
    faults = schema_faults(source.files)
    image = f"xradio image {SCHEMA_VERSION}"
    return [("Schema", f"no valid {image}: {'; '.join(faults)}" if faults else f"a valid {image}")]


def _sky(meta: CubeMeta) -> list[tuple[str, str]]:
    rows = []
    _, nx, ny = meta.shape
    if meta.wcs_header:
        sky = sky_position(meta, [(nx - 1) / 2], [(ny - 1) / 2], [0.0])
        ra, dec = float(sky["ra"][0]), float(sky["dec"][0])
        centre = f"{_sexagesimal(ra, dec)} (ICRS; {ra:.5f}, {dec:+.5f} deg)"
        if "l" in sky:
            centre += f", l {sky['l'][0]:.5f}, b {sky['b'][0]:+.5f} deg"
        rows.append(("Centre", centre))
    if meta.pixel_size:
        dx, dy = meta.pixel_size
        extent = f"{angle_words(nx * dx)} x {angle_words(ny * dy)}"
        rows.append(("Extent", f"{extent}, pixels of {angle_words(dx)} x {angle_words(dy)}"))
    if meta.wcs_header:
        rows.append(("Frame", f"{frame_name(meta)}, projection {projection_name(meta)}"))
    return rows or [("Sky", "unknown")]


def _sexagesimal(ra: float, dec: float) -> str:
    from astropy import units
    from astropy.coordinates import Angle

    if not (np.isfinite(ra) and np.isfinite(dec)):
        return "outside the projection"
    hours = Angle(ra, units.deg).to_string(unit=units.hour, sep=":", precision=2, pad=True)
    degrees = Angle(dec, units.deg).to_string(sep=":", precision=1, alwayssign=True, pad=True)
    return f"{hours} {degrees}"


def _spectral(axis: SpectralAxis) -> list[tuple[str, str]]:
    kind = KIND_WORDS[axis.kind]
    if not axis.unit:
        return [("Spectral", kind)]
    digits = _digits(axis)
    first, last = (spectral_words(value, axis.unit, digits) for value in (axis.values[0], axis.values[-1]))
    frame = axis.frame or "frame unknown"
    rows = [("Spectral", f"{kind}, {first} to {last}, {frame}")]
    rows.append(("Channels", _widths(axis)))
    rest = spectral_words(axis.rest_frequency, "Hz", 10) if axis.rest_frequency else "unknown"
    return [*rows, ("Rest freq.", rest)]


def _digits(axis: SpectralAxis) -> int:
    """Return the digits that tell a tenth of a channel."""
    width = float(axis.widths().min())
    largest = max(abs(axis.values[0]), abs(axis.values[-1]))
    return min(12, max(6, ceil(log10(largest / width)) + 1)) if largest and width > 0 else 6


def _widths(axis: SpectralAxis) -> str:
    widths = axis.widths() if len(axis.values) == 1 else np.abs(np.diff(axis.values))
    if np.isnan(widths).any():
        return "of unknown width"
    low, high = float(widths.min()), float(widths.max())
    if high - low <= EVEN * high:
        return f"{spectral_words(float(np.median(widths)), axis.unit)} wide"
    return f"{spectral_words(low, axis.unit)} to {spectral_words(high, axis.unit)} wide"


def _beam(meta: CubeMeta) -> list[tuple[str, str]]:
    if not meta.beams:
        return [("Beam", "unknown")]
    middle = meta.beams[len(meta.beams) // 2]
    areas = meta.beam_areas()
    text = _ellipse(middle)
    if areas is not None:
        text += f", area {areas[len(areas) // 2]:.4g} pixels"
    if len(set(meta.beams)) == 1:
        return [("Beam", text)]
    majors = [beam.major for beam in meta.beams]
    across = f"varies by channel: major axis {angle_words(min(majors))} to {angle_words(max(majors))}"
    return [("Beam", f"{text} (middle channel)"), ("", across)]


def _ellipse(beam: Beam) -> str:
    return f"{angle_words(beam.major)} x {angle_words(beam.minor)}, PA {beam.pa:.1f} deg"


def _noise(source: CubeSource) -> str:
    found = sample(source)
    blank = f"{found.blank:.1%} blank" if found.blank else "none blank"
    looked = f"in {found.voxels:,} sampled voxels, {blank}"
    if found.rms is None:
        return f"no negative voxel to tell it from, {looked}"
    return f"{found.rms:.3g} {source.meta.unit}".rstrip() + f" ({MAD_TO_RMS} x median of |negative|) {looked}"
