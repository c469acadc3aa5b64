"""The report of a separation is one offline page that reads well whatever the separation left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from html_page import HOSTILE, Page
from memory_cube import MemorySource, meta_of
from separation_files import BAND, fill, gpr_record, record

import tessellar as ts
from tessellar.api import report
from tessellar.cli.program import program
from tessellar.errors import InputError, OutputError
from tessellar.model import SpectralAxis
from tessellar.report.foregrounds.html import write_foreground_report
from tessellar.report.foregrounds.kernel import kernel
from tessellar.report.foregrounds.modes import modes
from tessellar.report.foregrounds.power import power
from tessellar.report.foregrounds.separation_folder import SeparationFolder, read_separation
from tessellar.report.foregrounds.spectra import eigenvalues, spectra
from tessellar.report.foregrounds.verdict import headlines, verdict, warnings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything."""
    return fill(tmp_path_factory.mktemp("runs") / "sky.foregrounds")


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    """The report of it."""
    return Page(write_foreground_report(folder))


def told(tmp_path: Path, summary: dict[str, Any]) -> SeparationFolder:
    """Return a folder that has a ``run.json`` only."""
    (tmp_path / "run.json").write_text(json.dumps(summary))
    return read_separation(tmp_path)


def test_a_whole_separation_fills_every_panel(page: Page) -> None:
    assert page.count("svg") == 1 + 3 + 2 * 2 + 6  # emblem; eigenvalues, rms, mean; modes; power
    assert "absent" not in {attributes.get("class") for _, attributes in page.elements}
    for said in (
        "Eigenvalues", "Rms by channel", "Mean spectrum", "Mode 2", "Right ascension (deg)", "amplitude (K)",
        "5 channels without data shaded.", "eigenvalue (K²)", "taken out", "tail", "150-154 MHz, z = 8.34",
        "mK² h⁻³ cMpc³", "corrected", "transfer function", "error / power", "by the eigenvalues", "moments",
        "768 MiB", "of 1 GiB planned", "set.modes", "150 MHz to 153.9 MHz", "36 arcsec × 36 arcsec",
    ):  # fmt: skip
        assert said in page.text


def test_the_page_loads_nothing_and_names_its_files(page: Page) -> None:
    page.check_offline()
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["components.fits", "separation.npz", "power.ecsv", "run.json"]
    assert ("span", {"class": "state complete"}) in page.elements


def test_the_same_folder_gives_the_same_page(folder: Path, page: Page) -> None:
    assert write_foreground_report(folder).read_text(encoding="utf-8") == page.source


def test_the_verdict_has_the_numbers_of_the_files(folder: Path) -> None:
    run = read_separation(folder)
    assert verdict(run).replace("\N{NO-BREAK SPACE}", " ") == (
        "Principal components took 2 modes out of 40 channels; the median rms of the channels fell from 40 K to 5 mK, "
        "a factor of 8,000. Of an injected signal's power there is left 25 % at k∥ up to 0.1 h/cMpc and 90 % at k∥ "
        "above 0.1 h/cMpc (median of the bins)."
    )
    assert [number for number, _ in headlines(run)] == ["2", "8,000 ×", "25 %", "90 %", "12.3 s", "768 MiB"]
    assert warnings(run) == ["Without data: 5 channels of the cube.", "The tail is short.", "No beam."]


def test_a_bare_record_is_enough(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"kernel": "own", "separation": {}}')
    page = Page(write_foreground_report(tmp_path))
    assert "own took 0 modes out. What is left of a signal was not measured." in page.text
    assert page.count("svg") == 1
    assert sum(attributes.get("class") == "absent" for _, attributes in page.elements) == 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tiles_failed": 1, "units_failed": 1}, "1 of 4 pieces could not be cleaned: they are blank"),
        ({"units_failed": 2}, "2 units of work failed: what was learned or measured lacks"),
        ({}, "This run is partial: some of the cube was not cleaned, or not learned from."),
    ],
)
def test_a_partial_run_says_so(tmp_path: Path, changes: dict[str, int], said: str) -> None:
    run = told(tmp_path, record(partial=True, **changes))
    assert verdict(run).endswith(" The result is partial.")
    assert warnings(run)[0].startswith(said)
    page = Page(write_foreground_report(tmp_path))
    assert ("span", {"class": "state partial"}) in page.elements
    assert ("aside", {"class": "warnings alarm"}) in page.elements


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    cube = {"name": HOSTILE, "shape": [40, 30, 20], "unit": "<b>$x^2$", "missing": [HOSTILE]}
    changes = {
        "kernel": HOSTILE,
        "warnings": [HOSTILE],
        "separation": {HOSTILE: HOSTILE},
        "settings": {HOSTILE: HOSTILE},
    }
    fill(tmp_path, record(cube=cube, **changes), bands=())
    page = Page(write_foreground_report(tmp_path))
    assert "<script" not in page.source
    assert page.text.count(HOSTILE) >= 8
    assert "rms (<b>$x^2$)" in page.text  # no markup and no mathematics is made of a unit


@pytest.mark.parametrize("content", [None, b"", b"PK broken", {"used": np.ones(3, bool)}])
def test_without_spectra_the_panels_say_so(tmp_path: Path, content: bytes | dict[str, Any] | None) -> None:
    fill(tmp_path)
    (tmp_path / "separation.npz").unlink()
    if isinstance(content, bytes):
        (tmp_path / "separation.npz").write_bytes(content)
    elif content:
        np.savez(tmp_path / "separation.npz", **content)
    run = read_separation(tmp_path)
    said = "This folder has no separation.npz that can be read."
    assert (eigenvalues(run) + spectra(run)).count(said) == 3
    assert "median rms" not in verdict(run)


def test_arrays_that_do_not_fit_together_are_none(tmp_path: Path) -> None:
    fill(tmp_path)
    with np.load(tmp_path / "separation.npz") as arrays:
        kept = dict(arrays)
    np.savez(tmp_path / "separation.npz", **{**kept, "rms_after": kept["rms_after"][1:]})
    assert read_separation(tmp_path).spectra is None


def test_a_covariance_that_was_not_made_whole_has_no_tail_and_no_shares(tmp_path: Path) -> None:
    fill(tmp_path)
    with np.load(tmp_path / "separation.npz") as arrays:
        kept = dict(arrays)
    np.savez(tmp_path / "separation.npz", **{**kept, "eigenvalues": kept["eigenvalues"][:12]})
    shown = eigenvalues(read_separation(tmp_path))
    assert "The leading 12 only" in shown
    assert "tail" not in shown
    everything = {"used": np.ones(40, bool), "modes": np.ones((40, 2)), "eigenvalues": np.empty(0)}
    np.savez(tmp_path / "separation.npz", **{**kept, **everything})
    run = read_separation(tmp_path)
    assert "The covariance of the channels was not made" in eigenvalues(run)
    assert "5 channels without data shaded." in spectra(run)


@pytest.mark.parametrize("content", [None, b"", b"SIMPLE  =                    T"])
def test_without_maps_there_are_spectra_and_the_reason(tmp_path: Path, content: bytes | None) -> None:
    fill(tmp_path, record(modes=30), modes=1)
    (tmp_path / "components.fits").unlink()
    if content is not None:
        (tmp_path / "components.fits").write_bytes(content)
    shown = modes(read_separation(tmp_path))
    assert "Spectra of 1 of 30 modes. There are no maps: they are kept of 16 modes at most." in shown
    assert "amplitude" not in shown


def test_without_sky_coordinates_the_maps_have_pixels(tmp_path: Path) -> None:
    shown = modes(read_separation(fill(tmp_path, modes=1, wcs=False)))
    assert "x (pixel)" in shown
    assert "Right ascension" not in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {"power": False}}, "Power was not measured: --no-power was given."),
        ({"warnings": ["The power is not measured: no beam."]}, "The power is not measured: no beam."),
        ({}, "Power was not measured."),
    ],
)
def test_without_power_the_panel_says_why(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    assert f'<p class="absent">{said}</p>' in power(told(tmp_path, record(**changes)))


@pytest.mark.parametrize("content", ["", "# %ECSV 1.0\n# ---\nband_low\n1\n", "no table at all"])
def test_a_broken_table_of_power_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "power.ecsv").write_text(content)
    assert "power.ecsv cannot be read." in power(told(tmp_path, record()))


def test_what_was_measured_of_the_power_is_said(tmp_path: Path, page: Page) -> None:
    assert "the cross power of two halves of the observation" in page.text
    assert "--inject" not in page.text
    summary = record(settings={"power": True, "halves": None})
    shown = power(read_separation(fill(tmp_path, summary, transfer=False)))
    assert "with the power of its noise" in shown
    assert "No transfer function was measured" in shown
    assert "(--inject SIGNAL)" in shown
    assert "corrected" not in shown.lower()
    assert shown.count("<svg") == 4


def test_a_band_without_modes_is_one_sentence(tmp_path: Path) -> None:
    fill(tmp_path)
    run = read_separation(tmp_path)
    assert run.power is not None
    for column in run.power[BAND].values():
        column[:] = np.nan
    shown = power(run)
    assert "none holds a mode" in shown
    assert "<svg" not in shown


def test_gaussian_processes_show_every_end_of_the_search_and_what_is_at_a_bound(tmp_path: Path) -> None:
    run = told(tmp_path, gpr_record())
    assert verdict(run).startswith("Gaussian process regression took 3.59 effective modes out of 40 channels")
    (tmp_path / "kernel.html").write_text(kernel(run))
    page = Page(tmp_path / "kernel.html")
    for said in ("foreground scale", "MHz", "K²", "5 to 12", "from the cube", "1, 3", "2.5", "7.25", "1234"):
        assert said in page.text
    assert page.text.count("at its upper end") == 1


def test_eigenvectors_are_not_called_what_was_taken_out_where_they_were_not(tmp_path: Path) -> None:
    fill(tmp_path, gpr_record(), modes=1)
    (tmp_path / "components.fits").unlink()
    run = read_separation(tmp_path)
    assert "Leading eigenvectors of the cube" in modes(run)
    assert "This method takes out other spectra" in eigenvalues(run)


def test_a_large_separation_is_a_small_page(tmp_path: Path) -> None:
    written = write_foreground_report(fill(tmp_path, n_channels=3000, modes=16, side=(300, 250), bands=()))
    assert Page(written).count("figure") == 16
    assert written.stat().st_size < 3_000_000


@pytest.mark.parametrize("content", [None, "", "[1, 2]", '{"n_sources": 3}'])
def test_what_is_no_separation_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError) as error:
        write_foreground_report(tmp_path)
    assert "\n" not in str(error.value)


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"kernel": "pca", "separation": {}}')
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html cannot be written"):
        write_foreground_report(tmp_path)


def test_the_report_of_either_kind_of_run_is_written_anew(tmp_path: Path) -> None:
    for name, summary in (("find", {}), ("sky.foregrounds", {"kernel": "pca", "separation": {}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(summary))
        assert report(tmp_path / name) == tmp_path / name / "report.html"
    assert "No source." in Page(tmp_path / "find" / "report.html").text
    assert "modes out" in Page(tmp_path / "sky.foregrounds" / "report.html").text


def test_the_command_tells_in_one_line_what_is_no_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(program, ["report", str(tmp_path)])
    assert result.exit_code != 0
    assert result.stderr.strip().count("\n") == 0
    assert "NAME.foregrounds" in result.stderr


def test_a_separation_leaves_its_report(tmp_path: Path) -> None:
    shape = (24, 14, 12)
    rng = np.random.default_rng(1)
    hertz = 150e6 + 1e5 * np.arange(shape[0])
    smooth = 100 * (1 + 0.1 * rng.normal(size=shape[1:])) * (hertz / 150e6)[:, None, None] ** -2.5
    axis = SpectralAxis("freq", "Hz", tuple(hertz.tolist()), 1.42e9, "LSRK")
    meta = meta_of(shape, unit="K", spectral=axis, beams=())
    cube = MemorySource((smooth + 1e-3 * rng.normal(size=shape)).astype(np.float32), meta)
    process = ts.GaussianProcess(degree=-1, foreground_scale=(0.5, 1.0))
    clean = ts.separate_foregrounds(
        cube, process, out=tmp_path / "clean.zarr", power=False, executor="serial"
    )
    page = Page(clean.folder / "report.html")
    assert "at its upper end" in page.text  # found in the very words of the warning
    assert "--no-power was given" in page.text
    assert report(clean).read_text(encoding="utf-8") == page.source
