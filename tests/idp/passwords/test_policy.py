"""What may become a password: length, the lists, patterns, names; the lists are searched, never loaded."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from idjag.idp.passwords.lists import ListRefused, PasswordList, is_common
from idjag.idp.passwords.policy import Policy, Weakness

ABOUT = ("alice", "alice.example@acme.example", "Alice Example", "Acme Corporation", "idp.acme.example")
GOOD = "correct horse battery"


def hashes(passwords: list[str], *, counts: bool = True) -> bytes:
    """A list as breach collections are published."""
    digests = sorted(
        hashlib.sha1(one.encode(), usedforsecurity=False).hexdigest().upper() for one in passwords
    )
    return "".join(f"{digest}{':7' * counts}\r\n" for digest in digests).encode()


def written(folder: Path, octets: bytes) -> Path:
    file = folder / "passwords.txt"
    file.write_bytes(octets)
    return file


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "alice-demo-password",
        "dragon 7482 9911 5821",
        "パスワードではない長い文章です",
        "a" * 7 + "b c d e f g h",
    ],
)
def test_a_long_password_of_its_own_is_taken(password: str) -> None:
    """NIST SP 800-63B-4 section 3.1.1.2: no rules about kinds of characters."""
    assert Policy().weakness(password, about=ABOUT) is None


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        pytest.param("correct horse ", Weakness.SHORT, id="fourteen characters"),
        pytest.param("passwordpassword", Weakness.COMMON, id="one word twice"),
        pytest.param("PasswordPassword", Weakness.COMMON, id="in capitals"),
        pytest.param("ＰａｓｓｗｏｒｄPassword", Weakness.COMMON, id="in other letters"),
        pytest.param("password123456789", Weakness.COMMON, id="a word and a row of digits"),
        pytest.param("!!!!trustno1!!!!", Weakness.COMMON, id="a word in a frame"),
        pytest.param("aaaaaaaaaaaaaaaa", Weakness.PATTERN, id="one letter"),
        pytest.param("abcabcabcabcabcab", Weakness.PATTERN, id="three letters again and again"),
        pytest.param("abcdefghijklmnopq", Weakness.PATTERN, id="the alphabet"),
        pytest.param("098765432109876", Weakness.PATTERN, id="digits backwards"),
        pytest.param("hjklasdfghjklasdf", Weakness.PATTERN, id="a row of keys"),
        pytest.param("alice.example2026!", Weakness.ABOUT_YOU, id="the name and a year"),
        pytest.param("Acme Corporation 1", Weakness.ABOUT_YOU, id="the organisation"),
        pytest.param("alice@acme.example", Weakness.ABOUT_YOU, id="the address"),
        pytest.param("alicepassword12345", Weakness.ABOUT_YOU, id="the name and a common word"),
        pytest.param("alice likes long sentences", None, id="positive control: the name among words"),
        pytest.param("", Weakness.UNUSABLE, id="nothing"),
        pytest.param("x" * 1025, Weakness.UNUSABLE, id="too long"),
        pytest.param("a lone surrogate \udc80", Weakness.UNUSABLE, id="no text"),
    ],
)  # fmt: skip
def test_what_is_guessed_first_is_refused(password: str, weakness: Weakness | None) -> None:
    assert Policy().weakness(password, about=ABOUT) is weakness


def test_the_tenant_says_how_long_and_nobody_goes_below_eight() -> None:
    """NIST SP 800-63B-4 section 3.1.1.2: eight beside a second factor."""
    assert Policy(8).weakness("k7#vQw2x") is None
    assert Policy(9).weakness("k7#vQw2x") is Weakness.SHORT
    assert Policy(3).weakness("k7#vQw2") is Weakness.SHORT


def test_length_is_counted_in_characters_as_they_are_stored() -> None:
    """One character of eighteen counts eighteen, and letters with marks apart count once."""
    assert Policy(8).weakness("e\u0301" * 4 + "xyz") is Weakness.SHORT
    assert Policy(8).weakness("ñéüößàçø") is None


def test_the_list_of_common_passwords_is_there() -> None:
    assert all(map(is_common, ("password", "123456", "trustno1", "dragon")))
    assert not is_common(GOOD)
    assert not is_common("password,123456")


def test_the_common_list_is_read_when_it_is_needed_and_costs_little() -> None:
    """Frugal: the package's own dictionaries of a hundred thousand words are never built."""
    program = (
        "import sys, resource\n"
        "from idjag.idp.passwords.policy import Policy\n"
        "before = sys.modules.keys() & {'zxcvbn', 'zxcvbn.matching'}\n"
        "had = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "Policy().weakness('correct horse battery')\n"
        "print(sorted(before | (sys.modules.keys() & {'zxcvbn', 'zxcvbn.matching'})))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - had < 12 * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 50, 1000])
def test_every_line_of_a_hashed_list_is_found_and_nothing_else(
    tmp_path: Path, size: int, *, counts: bool
) -> None:
    """By bisection: first, last and every line between, whatever stands behind the hashes."""
    known = [f"password number {number}" for number in range(size)]
    found = PasswordList.open(written(tmp_path, hashes(known, counts=counts)))
    assert found.hashed
    assert all(found.has(one) for one in random.Random(7).sample(known, min(size, 60)))  # noqa: S311
    assert all(found.has(one) for one in (known[0], known[-1], known[0].upper()))
    assert not any(found.has(f"another {number}") for number in range(60))


def test_a_list_of_plain_lines_is_searched_line_by_line(tmp_path: Path) -> None:
    found = PasswordList.open(
        written(tmp_path, "Winter in Hamburg 26\r\nzweite Zeile, länger\nthe last line".encode())
    )
    assert not found.hashed
    assert all(
        map(found.has, ("Winter in Hamburg 26", "zweite Zeile, länger", "the last line", "THE LAST LINE"))
    )
    assert not any(map(found.has, ("Winter in Hamburg", "in Hamburg 26", "the last", "zweite Zeile", "line")))


def test_a_password_of_the_operators_list_is_refused(tmp_path: Path) -> None:
    found = PasswordList.open(written(tmp_path, hashes(["Winter in Hamburg 26"])))
    assert Policy(listed=found).weakness("Winter in Hamburg 26") is Weakness.LISTED
    assert Policy(listed=found).weakness("Winter in Hamburg 27") is None
    assert Policy().weakness("Winter in Hamburg 26") is None


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\nword\n", "begins with an empty line", id="an empty line first"),
        pytest.param(b"".join(hashes(["a", "b", "c"]).splitlines(True)[::-1]), "order", id="not sorted"),
        pytest.param(hashes(["a"]) + b"plain\n", "no SHA-1 hashes", id="mixed"),
        pytest.param(b"x" * (64 * 1024 * 1024 + 1), "too large", id="plain and huge"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_searched_is_refused_at_the_start(
    tmp_path: Path, octets: bytes, message: str
) -> None:
    with pytest.raises(ListRefused, match=message):
        PasswordList.open(written(tmp_path, octets))


def test_a_list_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ListRefused, match="cannot be read: No such file"):
        PasswordList.open(tmp_path / "nothing")


@pytest.mark.parametrize("weakness", list(Weakness))
def test_every_weakness_has_a_sentence(weakness: Weakness) -> None:
    assert Policy(12).sentence(weakness)
    assert "12" in Policy(12).sentence(Weakness.SHORT)
