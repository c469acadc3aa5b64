"""Power spectra of cubes: the same bits by any worker, channels that fail are missing, units become kelvin."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.executors import Executor, make_executor
from tessellar.engine.find.crew import Crew
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.power.kelvin import kelvin_per_unit
from tessellar.engine.power.stage import ModesStage, measure_modes, unit_bytes, unit_channels
from tessellar.errors import InputError, MemoryBudgetError, OutputError, UsageError
from tessellar.kernels.power.field import SkyField, field_of
from tessellar.kernels.power.modes import SkyModes
from tessellar.kernels.power.transform import ROWS
from tessellar.model import Beam, CubeMeta, FloatArray, SpectralAxis
from tessellar.tiling.box import Box

SHAPE = (24, 2 * ROWS + 10, 40)
REACH = 300.0


@dataclass
class StoppedSource(MemorySource):
    """A cube at whose fourth reading Ctrl-C is pressed."""

    def read(self, box: Box) -> FloatArray:
        voxels = super().read(box)
        if self.reads == 4:
            raise KeyboardInterrupt
        return voxels


def meta(**changes: Any) -> CubeMeta:
    frequencies = tuple(150e6 + 1e5 * i for i in range(SHAPE[0]))
    known: dict[str, Any] = {
        "unit": "K",
        "pixel_size": (0.06, 0.05),
        "spectral": SpectralAxis("freq", "Hz", frequencies),
        "beams": (),
    }
    return meta_of(SHAPE, **{**known, **changes})


def sky(seed: int = 0) -> FloatArray:
    """Return noise on a bright sky, with a hole, and a blank channel."""
    voxels = (5.0 + np.random.default_rng(seed).normal(size=SHAPE)).astype(np.float32)
    voxels[:, 30:40, 5:9] = np.nan
    voxels[7] = np.nan
    return voxels


def measured(
    source: MemorySource, folder: Path, executor: Executor | None = None, **options: Any
) -> SkyModes:
    field = options.pop("field", field_of(source.meta, REACH))
    crew = Crew(
        executor or make_executor("serial"), PartialStore(folder / "partials"), options.pop("journal", None)
    )
    return measure_modes(source, crew, field=field, **options)


def bits(modes: SkyModes) -> bytes:
    return b"".join(a.tobytes() for a in (modes.values, modes.valid, modes.squares, modes.tied))


@pytest.mark.parametrize("chunks", [None, (1, 8, 8), (5, 32, 32), (24, 8, 40)])
def test_no_executor_and_no_cut_changes_a_bit(
    executor: Executor, chunks: tuple[int, int, int] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tessellar.engine.power.stage as stage

    one = measured(MemorySource(sky(), meta()), tmp_path / "one")
    monkeypatch.setattr(stage, "_UNIT_VOXELS", 1)  # as deep as the chunks, and strips of a block
    monkeypatch.setattr(stage, "_STRIP_BYTES", 1)
    many = MemorySource(sky(), meta(), chunks=chunks)
    assert stage.unit_channels(many, field_of(meta(), REACH), SHAPE[0]) == (chunks or (1,))[0]
    assert bits(measured(many, tmp_path / "many", executor)) == bits(one)
    assert list(np.flatnonzero(one.missing)) == [7]
    assert one.valid[0] == pytest.approx(1 - 40 / (SHAPE[1] * SHAPE[2]))


def test_memory_makes_units_smaller_and_changes_no_bit(tmp_path: Path) -> None:
    source, field = MemorySource(sky(), meta()), field_of(meta(), REACH)
    little = unit_bytes(field, 3)
    assert unit_channels(source, field, 24) == 24
    assert unit_channels(source, field, 24, little) == 3
    few = measured(source, tmp_path / "a", memory=little)
    assert bits(few) == bits(measured(source, tmp_path / "b"))
    with pytest.raises(MemoryBudgetError, match=r"of 138 x 40 pixels take .* MiB, and 0 MiB are allowed"):
        unit_channels(source, field, 24, 1000)


@pytest.mark.parametrize(("shape", "taper"), [((300, 280), "none"), ((150, 500), "hann")])
def test_a_unit_takes_no_more_memory_than_promised(
    shape: tuple[int, int], taper: str, tmp_path: Path
) -> None:
    cube = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    cube[:, 3, 4] = np.nan
    source = MemorySource(cube, replace(meta(), shape=cube.shape))
    field = SkyField((0, 0), shape, (1e-3, 1e-3), REACH, taper)
    work = ModesStage(source, field, (0, 4), 4, "test").worker()
    assert callable(work)
    work(0)
    tracemalloc.start()
    try:
        work(0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.3 * unit_bytes(field, 4) < peak < unit_bytes(field, 4)


def test_the_central_field_is_read_and_nothing_else(tmp_path: Path) -> None:
    voxels = sky()
    field = field_of(meta(), REACH, 1.2)
    (l0, m0), (n_l, n_m) = field.start, field.shape
    cut = np.ascontiguousarray(voxels[4:20, l0 : l0 + n_l, m0 : m0 + n_m])
    outside = np.full_like(voxels, 1e6)
    outside[4:20, l0 : l0 + n_l, m0 : m0 + n_m] = cut
    found = measured(MemorySource(outside, meta()), tmp_path / "a", field=field, channels=(4, 20))
    assert found.frequencies[0] == 150.4e6
    alone = replace(
        meta(), shape=cut.shape, spectral=replace(meta().spectral, values=meta().spectral.values[4:20])
    )
    assert bits(found) == bits(
        measured(MemorySource(cut, alone), tmp_path / "b", field=replace(field, start=(0, 0)))
    )


def test_an_interrupted_measurement_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    source = StoppedSource(sky(), meta(), chunks=(4, 8, 8))
    memory = unit_bytes(field_of(meta(), REACH), 4)
    with Journal(tmp_path) as journal, pytest.raises(KeyboardInterrupt):
        measured(source, tmp_path, journal=journal, memory=memory)
    again = MemorySource(sky(), meta(), chunks=(4, 8, 8))
    with Journal(tmp_path) as journal:
        found = measured(again, tmp_path, journal=journal, memory=memory)
    assert again.reads < 6
    assert bits(found) == bits(measured(again, tmp_path / "anew", memory=memory))


def test_channels_that_cannot_be_read_are_missing_and_told(tmp_path: Path) -> None:
    source = MemorySource(sky(), meta(), chunks=(2, 8, 8), broken=[(10, 0, 0)])
    crew = Crew(make_executor("serial"), PartialStore(tmp_path))
    field = field_of(meta(), REACH)
    modes = measure_modes(source, crew, field=field, memory=unit_bytes(field, 2))
    assert list(np.flatnonzero(modes.missing)) == [7, 10, 11]
    assert np.isnan(modes.values[10:12]).all()
    assert "bad sector" in crew.warnings[0]


def test_flux_densities_become_temperatures_as_astropy_has_it() -> None:
    from astropy import units

    beams = (Beam(0.06, 0.04, 10.0),)
    found = kelvin_per_unit(meta(unit="mJy / beam", beams=beams))
    area = np.pi / (4 * np.log(2)) * 0.06 * 0.04 * units.deg**2
    want = [
        (1e-3 * units.Jy / area).to_value(units.K, units.brightness_temperature(f * units.Hz))
        for f in meta().spectral.values
    ]
    assert found == pytest.approx(want, rel=1e-9)
    assert kelvin_per_unit(meta(unit="mK")) == pytest.approx(1e-3)
    each = tuple(Beam(0.06 * (i != 3), 0.04, 0.0) for i in range(SHAPE[0]))
    assert np.isnan(kelvin_per_unit(meta(unit="Jy / beam", beams=each))).nonzero()[0].tolist() == [3]


def test_a_cube_in_jansky_has_the_power_of_that_in_kelvin(tmp_path: Path) -> None:
    beams = tuple(
        Beam(0.06 + 1e-4 * i, 0.04, 10.0) if i != 3 else Beam(0.0, 0.0, 0.0) for i in range(SHAPE[0])
    )
    jansky = meta(unit="Jy / beam", beams=beams)
    kelvin = sky()
    flux = kelvin / kelvin_per_unit(jansky)[:, None, None].astype(np.float32)
    one, other = (
        ts.power_spectrum(MemorySource(v, m), executor="serial")
        for v, m in ((flux.astype(np.float32), jansky), (kelvin, meta()))
    )
    (found,), (want,) = one.bands.values(), other.bands.values()
    assert (found.n_filled, want.n_filled) == (2, 1)  # one has no beam
    kelvin[3] = np.nan
    (want,) = ts.power_spectrum(MemorySource(kelvin, meta()), executor="serial").bands.values()
    assert found.power == pytest.approx(want.power, rel=1e-4, nan_ok=True)


def test_bands_that_are_not_covered_are_left_out_and_told() -> None:
    source = MemorySource(sky(), meta())
    found = ts.power_spectrum(source, bands=[(150, 151.2), (151.2, 152.4), (152.4, 160)], executor="serial")
    assert [str(band) for band in found.bands] == ["150-151.2 MHz", "151.2-152.4 MHz"]
    assert found.notes[0] == "The band 152.4-160 MHz is left out: the cube does not cover it."
    assert found.notes[1] == "In the band 150-151.2 MHz 1 missing channel was filled by a smooth spectrum."
    assert found.notes[2] == "In the band 150-151.2 MHz 90 of 100 bins have no modes and no power."
    table = found.table()
    assert len(table) == 200
    assert set(table["band_low"].to_value("MHz")) == {150.0, 151.2}
    row = table[83]
    (first, _) = found.bands.values()
    assert row["k_par"].value == pytest.approx(0.45)
    assert row["k_perp"].value == pytest.approx(0.2)
    assert row["power"].value == first.power[8, 3]


def test_a_table_is_written_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    from astropy.table import QTable

    out = tmp_path / "power.ecsv"
    source = MemorySource(sky(), meta())
    found = ts.power_spectrum(source, MemorySource(sky(1), meta(), "second"), out=out, executor="serial")
    written = QTable.read(out)
    assert np.array_equal(written["power"], found.table()["power"], equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == ["power.ecsv"]
    with pytest.raises(OutputError, match="exists already"):
        ts.power_spectrum(source, out=out)
    ts.power_spectrum(source, out=out, executor="serial", overwrite=True)
    assert not np.array_equal(QTable.read(out)["power"], written["power"], equal_nan=True)


def test_the_same_call_resumes_a_measurement_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tessellar.engine.power.stage as stage

    monkeypatch.setattr(stage, "_UNIT_VOXELS", 1)
    out = tmp_path / "power.ecsv"
    with pytest.raises(KeyboardInterrupt):
        ts.power_spectrum(StoppedSource(sky(), meta(), chunks=(4, 8, 8)), out=out, executor="serial")
    assert not out.exists()
    with pytest.raises(UsageError, match="fresh"):
        ts.power_spectrum(MemorySource(sky(), meta(), "another"), out=out, executor="serial")
    again = MemorySource(sky(), meta(), chunks=(4, 8, 8))
    found = ts.power_spectrum(again, out=out, executor="serial")
    assert again.reads < 6
    anew = ts.power_spectrum(again, executor="serial")
    assert found.table()["power"].value.tobytes() == anew.table()["power"].value.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["power.ecsv"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"unit": "Jy / pix"}, "are in Jy / pix; power in K² needs"),
        ({"unit": ""}, "in no unit that its header names"),
        ({"unit": "Jy / beam"}, "does not say what its beam is"),
        ({"pixel_size": None}, "how large its pixels are"),
        (
            {"spectral": SpectralAxis("v_rad", "m/s", tuple(1e3 * i for i in range(24)), 1.42e9)},
            "velocity axis",
        ),
        ({"spectral": SpectralAxis("channel", "", tuple(range(24)))}, "without frequencies"),
        (
            {"spectral": SpectralAxis("freq", "Hz", tuple(1.41e9 + 1e6 * i for i in range(24)))},
            "below 1420.41 MHz",
        ),
        (
            {"spectral": SpectralAxis("freq", "Hz", tuple(1e8 * 1.01**i for i in range(24)))},
            "not evenly spaced",
        ),
    ],
)
def test_cubes_without_what_is_needed_are_refused(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        ts.power_spectrum(MemorySource(sky(), meta(**changes)), executor="serial")


def test_requests_that_cannot_be_met_are_refused() -> None:
    source = MemorySource(sky(), meta())
    blank = MemorySource(np.full(SHAPE, np.nan, np.float32), meta())
    with pytest.raises(InputError, match="All voxels of cube in the field are blank"):
        ts.power_spectrum(blank, executor="serial")
    with pytest.raises(InputError, match="covers none of the bands"):
        ts.power_spectrum(source, bands="sdc3a")
    with pytest.raises(UsageError, match="names no bands"):
        ts.power_spectrum(source, bands="sdc4")
    with pytest.raises(UsageError, match="need two cubes"):
        ts.power_spectrum(source, sample_variance=False)
    small = MemorySource(sky()[:, :20], replace(meta(), shape=(24, 20, 40)), "small")
    with pytest.raises(UsageError, match="24 x 138 x 40 and 24 x 20 x 40 voxels"):
        ts.power_spectrum(source, small)
    with pytest.raises(UsageError, match="size of their pixels or in their channels"):
        ts.power_spectrum(source, MemorySource(sky(), meta(pixel_size=(0.05, 0.05)), "coarse"))
