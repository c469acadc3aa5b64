"""Procedural cubes by their address: what is written comes back, and what is no address is refused in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.errors import InputError
from tessellar.simulate.procedural import MAX_SEED, ProceduralSky
from tessellar.simulate.procedural_address import address_of, sky_of

positive = st.floats(1e-9, 1e9)


@given(
    st.sampled_from(["hi", "noise"]),
    st.tuples(st.integers(1, 1000), st.integers(1, 10_000), st.integers(1, 10_000)),
    st.integers(0, MAX_SEED),
    positive,
    st.floats(0, 7.6),
    st.tuples(positive, positive).map(sorted).map(tuple),
    st.floats(2.0, 11.9),
    st.floats(1e-3, 4.0),
    positive,
    positive,
)
def test_the_address_of_any_cube_names_it(
    kind, shape, seed, rms, density, fluxes, beam, pixel, channel, first
):
    sources = {"sources_per_mvoxel": density, "flux_range": fluxes} if kind == "hi" else {}
    sky = ProceduralSky(
        kind,
        shape,
        seed,
        rms,
        beam_arcsec=beam * pixel,
        pixel_arcsec=pixel,
        channel_hz=channel,
        first_frequency_hz=first,
        **sources,
    )
    assert sky_of(sky.address) == sky
    assert sky_of(sky.address).identity == sky.identity


def test_an_address_is_short() -> None:
    sky = ProceduralSky("hi", (1024, 512, 256))
    assert address_of(sky) == "procedural://hi?shape=1024,512,256"
    assert (
        ProceduralSky("noise", (4, 5, 6), 7, rms_jy=1).address
        == "procedural://noise?shape=4,5,6&seed=7&rms_jy=1.0"
    )


@pytest.mark.parametrize(
    ("address", "sky"),
    [
        ("hi?shape=4,8,8", ProceduralSky("hi", (4, 8, 8))),
        ("hi?seed=12&shape=4,8,9", ProceduralSky("hi", (4, 8, 9), 12)),
        ("noise?shape=4%2C8%2C8&rms_jy=1e-3", ProceduralSky("noise", (4, 8, 8), rms_jy=1e-3)),
        (
            "hi?shape=4,8,8&first_frequency_hz=1.4e+09",
            ProceduralSky("hi", (4, 8, 8), first_frequency_hz=1.4e9),
        ),
        ("hi?shape=4,8,8&flux_range=10,20", ProceduralSky("hi", (4, 8, 8), flux_range=(10, 20))),
        ("hi?shape=65536,8192,8192", ProceduralSky("hi", (65536, 8192, 8192))),
    ],
)
def test_what_people_may_write(address: str, sky: ProceduralSky) -> None:
    assert sky_of(f"procedural://{address}") == sky


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("", "shape is missing"),
        ("hi", "shape is missing"),
        ("hi?", "shape is missing"),
        ("hi?seed=1", "shape is missing"),
        ("hi?xshape=4,8,8", "shape is missing"),
        ("HI?shape=4,8,8", "hi or noise"),
        ("dust?shape=4,8,8", "hi or noise or eor or sdc2"),
        ("?shape=4,8,8", "hi or noise"),
        ("hi/?shape=4,8,8", "hi or noise"),
        ("hi?shape", "shape has no value"),
        ("hi?shape=", "shape has no value"),
        ("hi?shape=4,8", "3 numbers"),
        ("hi?shape=4,8,8,1", "3 numbers"),
        ("hi?shape=4;8;8", "3 numbers"),
        ("hi?shape=4,8,x", "whole number"),
        ("hi?shape=4,8,-8", "whole number"),
        ("hi?shape=4,8,8.0", "whole number"),
        ("hi?shape=4,8,1_0", "whole number"),
        ("hi?shape=4,8,\u0664", "whole number"),
        ("hi?shape=4,8,", "whole number"),
        ("hi?shape=0,8,8", "1 to 1048576 channels"),
        (f"hi?shape=4,8,{10**15}", "4194304 pixels"),
        (f"hi?shape=4,8,{'9' * 5000}", "whole number"),
        ("hi?shape=4,90000,90000&pixel_arcsec=28&beam_arcsec=112", "half of the sky"),
        ("hi?shape=4,8,8&shape=4,8,8", "more than once"),
        ("hi?shape=4,8,8&seed=1&seed=1", "seed stands there more than once"),
        ("hi?shape=4,8,8&sed=1", "choose from shape, seed, rms_jy"),
        ("hi?shape=4,8,8&rms=1", "choose from"),
        ("hi?shape=4,8,8&&seed=1", "choose from"),
        ("hi?shape=4,8,8&seed=-1", "whole number"),
        (f"hi?shape=4,8,8&seed={2**64}", "2\\^64"),
        ("hi?shape=4,8,8&rms_jy=loud", "needed is a number"),
        ("hi?shape=4,8,8&rms_jy=.", "needed is a number"),
        ("hi?shape=4,8,8&rms_jy=nan", "needed is a number"),
        ("hi?shape=4,8,8&rms_jy=1e999", "positive"),
        ("hi?shape=4,8,8&rms_jy=-1", "positive"),
        ("hi?shape=4,8,8&flux_range=5", "2 numbers"),
        ("hi?shape=4,8,8&flux_range=5,1", "the lower first"),
        ("hi?shape=4,8,8&sources_per_mvoxel=9", "0 to 7.63"),
        ("hi?shape=4,8,8&beam_arcsec=1", "2 to 12"),
        ("noise?shape=4,8,8&sources_per_mvoxel=1", "no sources"),
    ],
)
def test_a_bad_address_is_refused_with_what_is_allowed(rest: str, word: str) -> None:
    with pytest.raises(InputError, match=word) as caught:
        sky_of(f"procedural://{rest}")
    assert len(str(caught.value)) < 700


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(InputError, match=r"shape is missing.*dust.*seed is.*'sed'"):
        sky_of("procedural://dust?seed=x&sed=1")


@pytest.mark.parametrize(
    "text",
    [
        "\n\x1b[31m",
        "%0a%1b",
        "a" * 10**6,
        "\ud800",
        "%ff%fe",
        "?" * 50,
        "&=&=",
        "".join(f"&a{n}" for n in range(10_000)),
    ],
)
def test_a_hostile_address_stays_on_one_short_printable_line(text: str) -> None:
    for address in (
        f"procedural://{text}",
        f"procedural://hi?shape=4,8,8&{text}",
        f"procedural://hi?shape={text}",
    ):
        with pytest.raises(InputError) as caught:
            sky_of(address)
        assert str(caught.value).isprintable()
        assert str(caught.value).isascii()
        assert len(str(caught.value)) < 2500
