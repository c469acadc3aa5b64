"""What SoFiA's parameters become: every one of them is used, already done, or named with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sofia_texts import DEFAULTS, ELSEWHERE, write_par, written_names

from tessellar.config import SofiaFile, read_sofia
from tessellar.config.par_values import switch
from tessellar.config.sofia_parameters import MISSING, PARAMETERS, SAME, USED
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sofia-users.md"

# for every parameter that is not supported, a value that asks for it
ASKED = {
    "input.mask": "mask.fits",
    "scaleNoise.statistic": "gauss",
    "scaleNoise.fluxRange": "full",
    "scaleNoise.scfind": "true",
    "background.enable": "True",
    "scfind.statistic": "std",
    "scfind.fluxRange": "full",
    "threshold.statistic": "std",
    "threshold.fluxRange": "positive",
    "linker.enable": "false",
    "reliability.fmin": "6.0",
    "reliability.parameters": "peak, sum, mean, pix",
    "reliability.autoKernel": "true",
    "reliability.catalog": "known.txt",
    "parameter.prefix": "WALLABY",
    "output.writeCatSQL": "true",
    "output.writeKarma": "true",
    "output.writeNoise": "true",
    "output.writeFiltered": "true",
    "output.writeMask2d": "true",
    "output.writeRawMask": "true",
}

# for every parameter that is used, a value and what it becomes
BECOMES: dict[str, tuple[str, dict[str, Any]]] = {
    "input.data": ("sky cubes/a.fits", {"cube": "sky cubes/a.fits"}),
    "input.region": ("0, 9, 10, 19,20,29", {"region": [0, 9, 10, 19, 20, 29]}),
    "input.invert": ("true", {"invert": True}),
    "flag.region": ("0, 9, 0, 9, 0, 9, 5, 6, 5, 6, 5, 6", {"flag_region": [0, 9] * 3 + [5, 6] * 3}),
    "flag.catalog": ("continuum.txt", {"flag_catalog": "continuum.txt"}),
    "contsub.enable": ("true", {"contsub_order": 0}),
    "contsub.order": ("1", {"contsub_order": 1}),
    "contsub.threshold": ("3", {"contsub_order": 0, "contsub_threshold": 3}),
    "contsub.shift": ("5", {"contsub_order": 0, "contsub_shift": 5}),
    "contsub.padding": ("2", {"contsub_order": 0, "contsub_padding": 2}),
    "rippleFilter.enable": ("true", {"ripple_filter": "median"}),
    "rippleFilter.statistic": ("mean", {"ripple_filter": "mean"}),
    "rippleFilter.windowXY": ("41", {"ripple_filter": "median", "ripple_window_xy": 41}),
    "rippleFilter.windowZ": ("21", {"ripple_filter": "median", "ripple_window_z": 21}),
    "rippleFilter.gridXY": ("5", {"ripple_filter": "median", "ripple_grid_xy": 5}),
    "rippleFilter.gridZ": ("3", {"ripple_filter": "median", "ripple_grid_z": 3}),
    "rippleFilter.interpolate": ("true", {"ripple_filter": "median", "ripple_interpolate": True}),
    "input.gain": ("gain.fits", {"gain": "gain.fits"}),
    "input.noise": ("noise.fits", {"noise": "noise.fits"}),
    "input.weights": ("weights.fits", {"weights": "weights.fits"}),
    "input.primaryBeam": ("beam.fits", {"gain": "beam.fits"}),
    "flag.cube": ("flags.fits", {"flag_cube": "flags.fits"}),
    "scaleNoise.mode": ("local", {"scale_noise": "local"}),
    "scaleNoise.windowXY": ("41", {"scale_noise_window_xy": 41}),
    "scaleNoise.windowZ": ("21", {"scale_noise_window_z": 21}),
    "scaleNoise.gridXY": ("5", {"scale_noise_grid_xy": 5}),
    "scaleNoise.gridZ": ("3", {"scale_noise_grid_z": 3}),
    "scaleNoise.interpolate": ("true", {"scale_noise_interpolate": True}),
    "flag.auto": ("True", {"flag_auto": "true"}),
    "flag.threshold": ("4", {"flag_threshold": 4}),
    "flag.radius": ("7", {"flag_radius": 7}),
    "scfind.enable": ("true", {}),
    "scfind.kernelsXY": ("0,4.5 ,  8", {"kernels_xy": [0, 4.5, 8]}),
    "scfind.kernelsZ": ("0, 3, 31.0", {"kernels_z": [0, 3, 31]}),
    "scfind.threshold": ("3.8", {"threshold": 3.8}),
    "scfind.replacement": ("1.5", {"replacement": 1.5}),
    "threshold.enable": ("true", {}),
    "threshold.threshold": ("6", {}),
    "threshold.mode": ("relative", {}),
    "linker.radiusXY": ("2", {"linker_radius_xy": 2}),
    "linker.radiusZ": ("3", {"linker_radius_z": 3}),
    "linker.minSizeXY": ("4", {"linker_min_size_xy": 4}),
    "linker.minSizeZ": ("6", {"linker_min_size_z": 6}),
    "linker.maxSizeXY": ("50", {"linker_max_size_xy": 50}),
    "linker.maxSizeZ": ("60", {"linker_max_size_z": 60}),
    "linker.maxPixels": ("10000", {"linker_max_pixels": 10000}),
    "linker.minFill": ("0.1", {"linker_min_fill": 0.1}),
    "linker.maxFill": ("0.9", {"linker_max_fill": 0.9}),
    "linker.keepNegative": ("true", {"keep_negative": True}),
    "filter.discardNegative": ("false", {"keep_negative": True}),
    "linker.minPixels": ("0", {"linker_min_pixels": 1}),
    "filter.minPixels": ("300", {"linker_min_pixels": 300}),
    "filter.minSNR": ("4", {"reliability": 0.9, "reliability_min_snr": 4}),
    "dilation.enable": ("true", {"dilation": True}),
    "dilation.iterationsXY": ("4", {"dilation": True, "dilation_iterations_xy": 4}),
    "dilation.iterationsZ": ("3", {"dilation": True, "dilation_iterations_z": 3}),
    "dilation.threshold": ("-1", {"dilation": True, "dilation_threshold": -1.0}),
    "reliability.enable": ("true", {"reliability": 0.9}),
    "reliability.threshold": ("0.5", {"reliability": 0.5}),
    "reliability.scaleKernel": ("0.3", {"reliability": 0.9, "reliability_scale_kernel": 0.3}),
    "reliability.minSNR": ("1.5", {"reliability": 0.9, "reliability_min_snr": 1.5}),
    "reliability.minPixels": ("20", {"reliability": 0.9, "linker_min_pixels": 20}),
}


def read(folder: Path, *lines: str) -> SofiaFile:
    return read_sofia(write_par(folder, *lines))


def with_its_switch(name: str, value: str) -> list[str]:
    """Return the lines that give a parameter an effect."""
    within = {"filter.minSNR": "reliability.enable"}.get(name, PARAMETERS[name].within)
    return [f"{name} = {value}", *([f"{within} = true"] if within and within != name else [])]


def test_every_parameter_is_known_and_tried_here() -> None:
    written = written_names(DEFAULTS.read_text())
    assert len(written) == len(set(written))
    assert {*written, *ELSEWHERE} == PARAMETERS.keys()
    fates = {fate: {p.name for p in PARAMETERS.values() if p.fate == fate} for fate in (USED, SAME, MISSING)}
    assert fates[USED] == BECOMES.keys()
    assert fates[MISSING] == ASKED.keys()
    assert sum(map(len, fates.values())) == len(PARAMETERS)


def test_switches_are_switches() -> None:
    for parameter in PARAMETERS.values():
        assert not parameter.within or PARAMETERS[parameter.within].read is switch
        assert (parameter.fine is not None) == (parameter.fate == MISSING)


def test_sofia_s_defaults_are_ours_and_need_no_remark(tmp_path: Path) -> None:
    more = [f"{name} = {value}" for name, value in ELSEWHERE.items()]
    found = read(tmp_path, *DEFAULTS.read_text().splitlines(), *more)
    assert found.remarks == ()
    settings = dict(found.settings)
    finder = {name: settings.pop(name) for name in ("kernels_xy", "kernels_z", "threshold", "replacement")}
    assert SmoothAndClip(**finder) == SmoothAndClip()
    assert settings.pop("dilation") is False
    conditions = {name: settings.pop(name) for name in Preconditioning().settings() if name in settings}
    assert Preconditioning(**conditions).does_nothing
    assert Linker(**{name.removeprefix("linker_"): value for name, value in settings.items()}) == Linker()

    text = DEFAULTS.read_text().replace("reliability.enable         =  false", "reliability.enable = true")
    rated = read(tmp_path, *text.splitlines(), *more)
    assert rated.remarks == ()
    assert (
        Reliability(
            rated.settings["reliability"],
            rated.settings["reliability_scale_kernel"],
            rated.settings["reliability_min_snr"],
        )
        == Reliability()
    )


@pytest.mark.parametrize(("name", "value", "settings"), [(n, v, s) for n, (v, s) in BECOMES.items()])
def test_what_is_used_becomes_a_setting(
    name: str, value: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = read(tmp_path, *with_its_switch(name, value))
    assert found.settings == settings
    assert found.remarks == ()
    assert found.names.keys() == settings.keys()
    assert set(found.names.values()) <= {
        name,
        "reliability.threshold",
        "dilation.enable",
        "contsub.enable",
        "rippleFilter.enable",
    }


@pytest.mark.parametrize("name", ASKED)
def test_what_is_not_supported_is_said_once_with_the_reason(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, *with_its_switch(name, ASKED[name]))
    (remark,) = found.remarks
    assert f"{name} = {ASKED[name]} is not supported: " in remark
    assert remark.endswith(f"{PARAMETERS[name].text}.")
    assert not {key for key in found.settings if key != "reliability"}


@pytest.mark.parametrize("name", [name for name in ASKED if PARAMETERS[name].within])
def test_what_has_no_effect_needs_no_remark(name: str, tmp_path: Path) -> None:
    within = PARAMETERS[name].within
    lines = [f"{name} = {ASKED[name]}", f"{within} = false"]
    other = ["threshold.enable = true"] if within == "scfind.enable" else []
    assert read(tmp_path, *lines, *other).remarks == ()


@given(names=st.sets(st.sampled_from(sorted(ASKED)), min_size=1))
def test_each_reason_is_given_once(names: set[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    lines = {line for name in names for line in with_its_switch(name, ASKED[name])}
    remarks = read(tmp_path_factory.mktemp("par"), *sorted(lines)).remarks
    assert len(remarks) == len({PARAMETERS[name].text for name in names})
    for name in names:
        assert sum(f"{name} = {ASKED[name]}" in remark for remark in remarks) == 1


def test_long_values_are_cut_in_remarks(tmp_path: Path) -> None:
    (remark,) = read(tmp_path, f"input.mask = {', '.join(['7'] * 6000)}").remarks
    assert len(remark) < 250
    assert "…" in remark


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["threshold.threshold = 6"],
            {"kernels_xy": [0], "kernels_z": [0], "threshold": 6, "replacement": 0},
        ),
        ([], {"kernels_xy": [0], "kernels_z": [0], "threshold": 5, "replacement": 0}),
        (
            ["scfind.kernelsXY = 0, 9", "scfind.threshold = 3", "scfind.replacement = 9"],
            {"kernels_xy": [0], "kernels_z": [0], "threshold": 5, "replacement": 0},
        ),
    ],
)
def test_a_threshold_alone_is_the_unsmoothed_scale(
    lines: list[str], expected: dict[str, Any], tmp_path: Path
) -> None:
    found = read(tmp_path, "scfind.enable = false", "threshold.enable = true", *lines)
    assert (found.settings, found.remarks) == (expected, ())
    SmoothAndClip(**found.settings)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["threshold.threshold = 5"], False),
        (["threshold.threshold = 4.9"], True),
        (["scfind.kernelsXY = 3"], True),
        (["scfind.kernelsZ = 3, 7"], True),
        (["threshold.mode = absolute"], True),
    ],
)
def test_both_finders_are_one_where_the_threshold_adds_nothing(
    lines: list[str], said: bool, tmp_path: Path
) -> None:
    remarks = read(tmp_path, "threshold.enable = true", *lines).remarks
    assert any("threshold.enable" in remark for remark in remarks) == said
    assert len(remarks) == said


@pytest.mark.parametrize(("value", "threshold"), [("-1", "5"), ("6", "5"), ("2", "1.5")])
def test_a_replacement_that_ours_cannot_have_is_the_nearest(
    value: str, threshold: str, tmp_path: Path
) -> None:
    found = read(tmp_path, f"scfind.replacement = {value}", f"scfind.threshold = {threshold}")
    assert found.settings == {"threshold": float(threshold), "replacement": float(threshold)}
    (remark,) = found.remarks
    assert f"scfind.replacement = {value}" in remark
    SmoothAndClip(**found.settings)


def test_a_low_threshold_lowers_the_default_replacement(tmp_path: Path) -> None:
    found = read(tmp_path, "scfind.threshold = 1.5")
    assert found.settings["replacement"] == 1.5
    assert len(found.remarks) == 1


def test_the_largest_of_several_cuts_holds(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "linker.minPixels = 30",
        "filter.minPixels = 50",
        "reliability.minPixels = 70",
        "reliability.enable = true",
        "reliability.minSNR = 2",
        "filter.minSNR = 4",
    )
    assert (found.settings["linker_min_pixels"], found.settings["reliability_min_snr"]) == (70, 4)
    assert found.names["reliability_min_snr"] == "filter.minSNR"
    (remark,) = read(tmp_path, "filter.minSNR = 3.0").remarks
    assert "filter.minSNR = 3" in remark
    assert "snr" in remark


@pytest.mark.parametrize("line", ["linker.keepNegative = true", "filter.discardNegative = false"])
def test_negative_detections_cannot_be_listed_and_judged_by(line: str, tmp_path: Path) -> None:
    found = read(tmp_path, line, "reliability.enable = true")
    (remark,) = found.remarks
    assert line in remark
    assert "beside reliability.enable" in remark
    assert "keep_negative" not in found.settings


def test_the_order_of_parameters_does_not_matter(tmp_path: Path) -> None:
    """What a switch turns on may stand before it."""
    lines = [
        "reliability.threshold = 0.5",
        "scfind.threshold = 4",
        "linker.radiusXY = 2",
        "reliability.enable = true",
    ]
    assert read(tmp_path, *lines).settings == read(tmp_path, *reversed(lines)).settings


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["scfind.threshold = five"], "scfind.threshold is five, not a number"),
        (["scfind.threshold = nan"], "scfind.threshold is nan, not a number"),
        (["scfind.kernelsXY = 0, 3,"], "scfind.kernelsXY is 0, 3,, not a number"),
        (["scfind.kernelsZ = 0, 3.5"], "not a whole number"),
        (["scfind.enable = yes"], "scfind.enable is yes, neither true nor false"),
        (["linker.radiusXY = 1.5"], "linker.radiusXY is 1.5, not a whole number"),
        (["contsub.enable = 1"], "neither true nor false"),
        (["scfind.enable = false"], "no finder is enabled"),
        (["scfind.enable = false", "threshold.enable = true", "threshold.mode = absolute"], "only relative"),
        (
            ["linker.radiusXY = a", "linker.radiusZ = b"],
            "linker.radiusXY is a, not a number; linker.radiusZ is b",
        ),
        (["scfind.treshold = 4", "linker.radiusZ = 2"], "perhaps scfind.threshold is meant."),
        (["scfind.kernelsxy = 4", "linker.radiusZ = 2"], "perhaps scfind.kernelsXY is meant."),
        (["zzz = 4", "linker.radiusZ = 2"], "set pipeline.pedantic to false"),
        (["import.inFile = a.fits", "steps.doFlag = true"], "no parameter of SoFiA 2"),
    ],
)
def test_what_is_wrong_is_refused(lines: list[str], expected: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"sky\.par") as error:
        read(tmp_path, *lines)
    assert expected in str(error.value)


ODD_LINES = st.tuples(
    st.sampled_from([*PARAMETERS, "x.y", "", "#"]),
    st.sampled_from([" = ", "=", " "]),
    st.one_of(
        st.sampled_from(["true", "false", "0, 3", "5", "1e999", "-1", ",", "peak"]), st.text(max_size=9)
    ),
).map("".join)


@given(lines=st.lists(ODD_LINES, max_size=8), end=st.binary(max_size=9))
def test_any_file_is_read_or_refused_in_a_sentence(
    lines: list[str], end: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.par"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + end)
    try:
        sentences = list(read_sofia(path).remarks)
    except UsageError as error:
        sentences = [str(error).removeprefix(str(path))]
    assert all(sentence.isprintable() and sentence.endswith(".") for sentence in sentences)


def test_unknown_parameters_are_ignored_where_the_file_allows_it(tmp_path: Path) -> None:
    found = read(tmp_path, "pipeline.pedantic = false", "scfind.treshold = 4", "scfind.threshold = 4.5")
    assert found.settings == {"threshold": 4.5}
    assert found.remarks == ("Not known as SoFiA parameters and ignored: scfind.treshold.",)
    many = read(tmp_path, "pipeline.pedantic = False", *[f"new.p{i} = {i}" for i in range(300)])
    assert many.remarks[0].endswith("new.p4 and 295 more.")


def test_a_primary_beam_is_a_gain_unless_there_is_one(tmp_path: Path) -> None:
    both = read(tmp_path, "input.primaryBeam = beam.fits", "input.gain = gain.fits")
    assert both.settings == {"gain": "gain.fits"}
    assert "input.primaryBeam = beam.fits is not supported beside input.gain" in both.remarks[0]


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing", "", "input.gain =") == SofiaFile({}, {}, ())


def test_the_page_for_sofia_s_users_says_what_the_program_does() -> None:
    rows = [f"| `{p.name}` | {p.fate} | {p.text} |" for p in PARAMETERS.values()]
    lines = PAGE.read_text().splitlines()
    first = lines.index("| parameter | fate | what it becomes, or why not |") + 2
    assert lines[first : first + len(rows) + 1] == [*rows, ""]


def test_a_file_of_a_real_search_is_read(data_dir: Path) -> None:
    found = read_sofia(data_dir / "cubes" / "empty_corner_sofia" / "sofia.par")
    assert found.settings == {
        "cube": "interim/subcubes/subcube_0.fits",
        "kernels_xy": [0, 4, 8],
        "kernels_z": [0, 5, 11, 21, 41],
        "threshold": 3.5,
        "replacement": 2.0,
        "linker_radius_xy": 4,
        "linker_radius_z": 5,
        "linker_min_size_xy": 5,
        "linker_min_size_z": 3,
        "linker_max_size_xy": 0,
        "linker_max_size_z": 0,
        "dilation": False,
        "reliability": 0.4,
        "reliability_scale_kernel": 0.3,
        "scale_noise": "product",
        "scale_noise_window_xy": 99,
        "scale_noise_window_z": 5,
        "scale_noise_grid_xy": 0,
        "scale_noise_grid_z": 0,
        "scale_noise_interpolate": True,
        "flag_auto": "off",
        "flag_threshold": 3.5,
        "invert": False,
    }
    assert len(found.remarks) == 2
