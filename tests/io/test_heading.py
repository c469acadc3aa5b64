"""Headers that are written many thousand times hold the cards that astropy would write."""

from __future__ import annotations

from astropy.io.fits import Header
from hypothesis import given
from hypothesis import strategies as st

from tessellar.io.heading import Heading

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)


def as_astropy(header: Header) -> str:
    return str(header.tostring(endcard=False, padding=False))


@given(st.dictionaries(st.sampled_from(["CRPIX1", "BUNIT", "OBJECT", "KIN_OK", "BMAJ"]), VALUES))
def test_cards_are_those_of_astropy(values: dict[str, str | int | float | bool]) -> None:
    header = Header()
    header.update(values)
    assert Heading(values).text() == as_astropy(header)


def test_zero_keeps_its_sign_whatever_was_written_before() -> None:
    texts = [Heading({"CRVAL1": value}).text() for value in (0.0, -0.0, 0, False)]
    assert [text[10:30].strip() for text in texts] == ["0.0", "-0.0", "0", "F"]


def test_cards_that_were_there_stay_as_they_stand_until_they_change() -> None:
    text = ["CRVAL1  =                 180. / degrees", "COMMENT  one", "COMMENT  two"]
    heading = Heading.of(Header.fromstring("".join(line.ljust(80) for line in text)))
    assert heading.text() == "".join(line.ljust(80) for line in text)
    heading["CRVAL1"] = 1.5
    assert heading.text().startswith("CRVAL1  =                  1.5 / degrees")
    heading.comment("CRVAL1", "of arc")
    assert heading.text().startswith("CRVAL1  =                  1.5 / of arc")
    assert "CRVAL1" not in heading.without(["CRVAL1"])
    assert heading["CRVAL1"] == 1.5
