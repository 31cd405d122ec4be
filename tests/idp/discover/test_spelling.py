"""Near misses and look-alikes of addresses."""

from __future__ import annotations

import pytest

from idjag.idp.discover.spelling import difference, foreign_letters, look_alike, written_in_ascii

HERE = "https://chat.example/a"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (HERE, ""),
        ("https://chat.example/a/", "a final slash"),
        ("http://chat.example/a", "http and https"),
        ("https://Chat.example/a", "upper and lower case"),
        ("https://chat.example/A", "upper and lower case"),
        ("https://chat.example:443/a", "a port that is written although it is the usual one"),
        ("HTTP://CHAT.example/a/", "http and https and upper and lower case and a final slash"),
        ("https://chat.example:8443/a", ""),
        ("https://chat.example/b", ""),
        ("https://chat.example.evil.example/a", ""),
        ("https://chat.example/a?x", ""),
        ("", ""),
    ],
)
def test_a_near_miss_is_named_and_another_address_is_none(other: str, expected: str) -> None:
    assert difference(HERE, other) == expected
    assert difference(other, HERE) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("xn--cht-7cd.example", "chat.example", True),
        ("rnicrosoft.example", "microsoft.example", True),
        ("g00gle.example", "google.example", True),
        ("xn--caf-dma.example", "cafe.example", True),
        ("chat.example", "chat.example", False),
        ("chat.example", "chad.example", False),
        ("xn--\udcff.example", "chat.example", False),
    ],
)
def test_hosts_that_look_the_same_are_known(one: str, other: str, *, same: bool) -> None:
    """Cyrillic letters in punycode, pairs that read as one letter, digits, accents."""
    assert look_alike(one, other) is same
    assert look_alike(other, one) is same


def test_the_letters_of_an_international_name_are_called_by_their_names() -> None:
    assert foreign_letters("xn--cht-7cd.example") == "CYRILLIC SMALL LETTER A"
    assert foreign_letters("chat.example") == ""


def test_an_international_address_is_told_as_it_goes_over_the_wire() -> None:
    assert written_in_ascii("https://ch\u0430t.example/a") == "https://xn--cht-7cd.example/a"
    assert written_in_ascii("ch\u0430t") == ""
    assert written_in_ascii("https://[\u0430/") == ""
