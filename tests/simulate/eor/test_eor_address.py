"""Low-frequency skies by their address: what is written comes back, and what is no address is refused in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tessellar
from tessellar.errors import InputError
from tessellar.simulate.eor.settings import MAX_SEED, PARTS, RANGES
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.procedural_address import sky_of

# What one setting may be without regard to the others.
FREE = ("signal_mk", "noise_mk", "noise_index", "synchrotron_k", "synchrotron_spread", "synchrotron_index",
        "index_spread", "curvature", "curvature_spread", "freefree_k", "freefree_spread", "points_slope",
        "points_index", "points_index_spread", "rfi_fraction", "rfi_channels")  # fmt: skip


@given(
    st.tuples(st.integers(1, 901), st.integers(1, 300), st.integers(1, 300)),
    st.integers(0, MAX_SEED),
    st.sampled_from(sorted(PARTS)),
    st.integers(0, 2),
    st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9)).map(sorted).map(tuple),
    st.dictionaries(st.sampled_from(FREE), st.floats(0, 1)).map(
        lambda shares: {
            name: RANGES[name][0] + x * (RANGES[name][1] - RANGES[name][0]) for name, x in shares.items()
        }
    ),
    st.booleans(),
    st.floats(-0.5, 0.5),
)
def test_the_address_of_any_sky_names_it(shape, seed, part, half, fluxes, settings, chromatic, sidelobe):
    beam = {"beam_arcsec": 1234.5, "chromatic": chromatic, "sidelobe": sidelobe}
    sky = EorSky(shape, seed, part, half, points_jy=fluxes, **settings, **beam)
    assert sky_of(sky.address) == sky
    assert sky_of(sky.address).identity == sky.identity
    assert tessellar.open_cube(sky.address) == sky


def test_an_address_is_short() -> None:
    assert EorSky((901, 256, 200)).address == "procedural://eor?shape=901,256,200"
    assert (
        EorSky((9, 2048, 2048), pixel_arcsec=16).address
        == "procedural://eor?shape=9,2048,2048&pixel_arcsec=16.0"
    )
    assert (
        EorSky((4, 5, 6), 7, "signal", 2, chromatic=True, beam_arcsec=300).address
        == "procedural://eor?shape=4,5,6&seed=7&part=signal&half=2&beam_arcsec=300.0&chromatic=true"
    )


def test_what_people_may_write() -> None:
    assert sky_of("procedural://eor?seed=1&part=signal&shape=901,2048,2048&pixel_arcsec=16") == EorSky(
        (901, 2048, 2048), 1, "signal", pixel_arcsec=16
    )


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("", "shape is missing"),
        ("shape=4,8,8&part=dust", "part is 'dust', needed is all, sky"),
        ("shape=4,8,8&chromatic=yes", "needed is true or false"),
        ("shape=4,8,8&rms_jy=1", "not a setting, choose from shape, seed, part"),
        ("shape=4,8,8&points_jy=3", "2 numbers"),
        ("shape=4,8,8&points_jy=3,2", "the lower first"),
        ("shape=4,8,8&half=5", "half is 5"),
        ("shape=4,8,8&gsm=%1b", "path of a file or folder"),
        ("shape=4,8,8&noise=lofar", "noise is 'lofar', needed is ska-low"),
        ("shape=4,8,8&noise_table=nowhere.txt", "nowhere.txt is no table of noise"),
        ("shape=4,8,8&noise_mk=loud", "needed is a number"),
        ("shape=4,8&seed=x&sed=3", "3 numbers.*seed is.*'sed'"),
        ("shape=901,2048,2048", "half of the sky.*pixel_arcsec"),
        ("shape=4,8,8&noise_mk=-1&signal_mk=0", "signal_mk is 0.*noise_mk is -1"),
    ],
)
def test_a_bad_address_is_refused_with_what_is_allowed(rest: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        sky_of(f"procedural://eor?{rest}")
    assert len(str(caught.value)) < 1000
