"""A cube is told in words that a person can check against its header."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tessellar.model import Beam, CubeMeta, FloatArray, SpectralAxis
from tessellar.report.describe import describe
from tessellar.report.quantities import angle_words, size_words, spectral_words
from tessellar.report.sample import MAD_TO_RMS, sample, windows
from tessellar.tiling.box import Box, Shape

SKY = "\n".join(
    card.ljust(80)
    for card in (
        "WCSAXES =                    3", "CTYPE1  = 'RA---SIN'", "CTYPE2  = 'DEC--SIN'", "CTYPE3  = 'FREQ'",
        "CRVAL1  =                187.5", "CRVAL2  =                -30.5", "CRVAL3  =            1.42E+09",
        "CRPIX1  =                  3.0", "CRPIX2  =                  2.0", "CRPIX3  =                  1.0",
        "CDELT1  =                -0.01", "CDELT2  =                 0.01", "CDELT3  =              1.0E+04",
        "CUNIT1  = 'deg'", "CUNIT2  = 'deg'", "CUNIT3  = 'Hz'", "RADESYS = 'ICRS'",
    )
)  # fmt: skip
META = CubeMeta(
    name="toy.fits",
    shape=(4, 5, 3),
    unit="Jy / beam",
    spectral=SpectralAxis("freq", "Hz", (1.42e9, 1.42001e9, 1.42002e9, 1.42003e9), 1420405752.0, "BARYCENT"),
    beams=(Beam(0.03, 0.02, 12.5),),
    pixel_size=(0.01, 0.01),
    header="OBJECT  = 'NGC 42'".ljust(80),
    wcs_header=SKY,
    missing=(),
)


class Voxels:
    """A cube in memory that counts what is read."""

    identity = "memory"

    def __init__(self, meta: CubeMeta, voxels: FloatArray, chunks: Shape | None = None) -> None:
        self.meta, self.voxels, self.chunks = meta, voxels, chunks
        self.stored_bytes = voxels.nbytes
        self.read_voxels = 0

    def read(self, box: Box) -> FloatArray:
        self.read_voxels += box.size
        return self.voxels[box.slices()]


def toy(chunks: Shape | None = None, **changes: object) -> Voxels:
    meta = replace(META, **changes)
    return Voxels(meta, np.linspace(-1, 2, 60, dtype=np.float32).reshape(4, 5, 3), chunks)


def line(text: str, label: str) -> str:
    (found,) = (row for row in text.split("\n") if row.startswith(label + " "))
    return found.removeprefix(label).strip()


def test_every_line_says_what_the_header_says():
    text = describe(toy())
    assert line(text, "Cube") == "toy.fits (object NGC 42)"
    assert line(text, "Shape") == "4 channels x 5 x 3 pixels (frequency, l, m), 60 voxels"
    assert line(text, "Stored") == "240 bytes, as float32 in memory 240 bytes"
    assert line(text, "Unit") == "Jy / beam"
    assert line(text, "Centre") == "12:30:00.00 -30:30:00.0 (ICRS; 187.50000, -30.50000 deg)"
    assert line(text, "Extent") == "180 arcsec x 108 arcsec, pixels of 36 arcsec x 36 arcsec"
    assert line(text, "Frame") == "ICRS, projection SIN"
    assert line(text, "Spectral") == "frequency, 1.42 GHz to 1.42003 GHz, BARYCENT"
    assert line(text, "Channels") == "10 kHz wide"
    assert line(text, "Rest freq.") == "1.420405752 GHz"
    assert line(text, "Beam") == "108 arcsec x 72 arcsec, PA 12.5 deg, area 6.799 pixels"
    assert line(text, "Noise").startswith("0.766 Jy / beam (1.4826 x median of |negative|) in 60")
    assert "Missing" not in text


def test_labels_are_aligned():
    rows = describe(toy()).split("\n")
    starts = {len(row) - len(row[row.index("  ") :].lstrip()) for row in rows}
    assert starts == {12}


def test_what_is_missing_is_listed():
    text = describe(toy(missing=("No BUNIT.", "No beam."), unit="", beams=(), wcs_header="", pixel_size=None))
    assert text.endswith("\n\nMissing or assumed\n- No BUNIT.\n- No beam.")
    assert line(text, "Unit") == "unknown"
    assert line(text, "Beam") == "unknown"
    assert line(text, "Sky") == "unknown"
    assert line(text, "Noise").startswith("0.766 (1.4826")


def test_chunks_are_said():
    assert line(describe(toy(chunks=(1, 5, 3))), "Stored").endswith(", chunks 1 x 5 x 3")


def test_beams_that_vary_are_said():
    beams = tuple(Beam(major, 0.01, 0.0) for major in (0.02, 0.03, 0.04, 0.05))
    text = describe(toy(beams=beams))
    assert "area 4.532 pixels (middle channel)" in line(text, "Beam")
    assert "varies by channel: major axis 72 arcsec to 180 arcsec" in text


def test_channels_that_vary_are_said():
    axis = SpectralAxis("v_opt", "m/s", (0.0, 1000.0, 2100.0, 3300.0))
    text = describe(toy(spectral=axis))
    assert line(text, "Spectral") == "optical velocity, 0 m/s to 3.3 km/s, frame unknown"
    assert line(text, "Channels") == "1 km/s to 1.2 km/s wide"
    assert line(text, "Rest freq.") == "unknown"


def test_narrow_channels_at_high_frequency_are_told_apart():
    values = tuple(9e10 + 1e3 * n for n in range(4))
    text = describe(toy(spectral=SpectralAxis("freq", "Hz", values)))
    assert line(text, "Spectral").startswith("frequency, 90 GHz to 90.000003 GHz")


def test_bare_channels_have_no_unit():
    axis = SpectralAxis("channel", "", (0.0, 1.0, 2.0, 3.0))
    assert line(describe(toy(spectral=axis)), "Spectral") == "bare channels"


def test_a_single_channel():
    meta = replace(META, shape=(1, 5, 3), spectral=SpectralAxis("freq", "Hz", (1.42e9,)))
    text = describe(Voxels(meta, np.ones((1, 5, 3), np.float32)))
    assert line(text, "Shape").startswith("1 channel x")
    assert "no negative voxel" in line(text, "Noise")


def test_blank_voxels_are_counted():
    source = toy()
    source.voxels[0] = np.nan
    assert "25.0% blank" in line(describe(source), "Noise")
    source.voxels[:] = np.nan
    assert "no negative voxel" in line(describe(source), "Noise")


def test_noise_is_measured_below_zero_only():
    rng = np.random.default_rng(1)
    voxels = rng.normal(0, 0.5, (60, 200, 200)).astype(np.float32)
    voxels[:, 80:120, 80:120] += 50
    source = Voxels(replace(META, shape=voxels.shape), voxels)
    found = sample(source)
    assert found.rms == pytest.approx(0.5, rel=0.01)
    assert found.voxels == source.read_voxels == 27 * 8 * 48 * 48


def test_the_estimate_by_hand():
    source = toy()
    source.voxels[:] = 1
    source.voxels[0, 0] = (-1, -2, -5)
    assert sample(source).rms == pytest.approx(2 * MAD_TO_RMS)


@pytest.mark.parametrize("shape", [(1, 1, 1), (25, 145, 10), (6668, 5851, 5851)])
def test_windows_lie_in_the_cube_and_apart(shape):
    found = list(windows(shape))
    assert all(Box.of_shape(shape).contains(box) for box in found)
    assert sum(box.size for box in found) < 500_000
    assert all((a & b).empty for n, a in enumerate(found) for b in found[:n])
    assert found[0].start == (0, 0, 0)
    assert found[-1].stop == shape


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (size_words(0), "0 bytes"), (size_words(1536), "1.5 KiB"), (size_words(10**13), "9.09 TiB"),
        (angle_words(2.0), "2 deg"), (angle_words(1 / 3600), "1 arcsec"), (angle_words(1e-5), "36 mas"),
        (spectral_words(-12.5, "m/s"), "-12.5 m/s"), (spectral_words(0.0, "Hz"), "0 Hz"),
        (spectral_words(5e15, "Hz"), "5,000,000 GHz"), (spectral_words(1.5e8, "m/s"), "150,000 km/s"),
    ],
)  # fmt: skip
def test_numbers_in_words(words, expected):
    assert words == expected
