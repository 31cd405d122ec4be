"""References to secrets: where they lead, and what messages say about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from idjag.secrets_ref import MAX_BYTES, PasswordHash, Secret, SecretUnusable, resolve

HASH = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"canary\n")
    return tmp_path


def found(reference: str, base: Path, **options: Any) -> Secret | PasswordHash:
    options = {"environ": {"WIKI_SECRET": "canary", "EMPTY": ""}, "loopback": False, **options}
    return resolve(reference, base=base, **options)


def problem(reference: str, base: Path, **options: Any) -> str:
    with pytest.raises(SecretUnusable) as caught:
        found(reference, base, **options)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_variable_of_the_environment_is_read(base: Path) -> None:
    """Contract section 4: env:NAME; the environment is passed in."""
    assert found("env:WIKI_SECRET", base) == Secret("canary")


def test_a_file_is_read_from_the_folder_of_the_file_that_names_it(base: Path) -> None:
    """Contract section 4: file:PATH."""
    inner = base / "inner"
    inner.mkdir()
    assert found("file:secret", base) == Secret("canary")
    assert found("file:../secret", inner) == Secret("canary")
    assert found(f"file:{base}/secret", inner) == Secret("canary")
    assert "no such file" in problem("file:secret", inner)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"canary", "canary"),
        (b"canary\n", "canary"),
        (b"canary\r\n", "canary"),
        (b" canary \n", " canary "),
        ("cänary".encode(), "cänary"),
    ],
)
def test_the_line_end_behind_a_secret_is_not_part_of_it(base: Path, octets: bytes, expected: str) -> None:
    """Editors end files with one; spaces may be meant."""
    (base / "secret").write_bytes(octets)
    assert found("file:secret", base) == Secret(expected)


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"\n", "empty", id="a line end"),
        pytest.param(b"  \n", "empty", id="spaces"),
        pytest.param(b"canary\n\n", "line break", id="two line ends"),
        pytest.param(b"canary\ncanary\n", "line break", id="two lines"),
        pytest.param(b"canary\x00", "control character", id="NUL"),
        pytest.param(b"canary\xff", "not UTF-8", id="not UTF-8"),
        pytest.param(b"c" * (MAX_BYTES + 1), "longer than", id="too long"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(base: Path, octets: bytes, said: str) -> None:
    """Attack case 36: an empty secret is none."""
    (base / "secret").write_bytes(octets)
    message = problem("file:secret", base)
    assert message.startswith("file:secret: ")
    assert said in message


def test_what_is_not_a_file_is_not_read(base: Path) -> None:
    """A pipe without a writer would be waited for."""
    os.mkfifo(base / "pipe")
    (base / "folder").mkdir()
    (base / "link").symlink_to("secret")
    assert found("file:link", base) == Secret("canary")
    for name in ("pipe", "folder"):
        assert problem(f"file:{name}", base) == f"file:{name}: is not a file"
    assert problem("file:/dev/null", base) == "file:/dev/null: is not a file"
    assert "must be followed by a path" in problem("file:", base)
    assert "must be followed by a path" in problem("file:a\x00b", base)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("env:ABSENT", "env:ABSENT: this variable is not set"),
        ("env:EMPTY", "env:EMPTY: is empty"),
        ("env:", "env: must be followed by the name of an environment variable"),
        ("env:canary=", "env: must be followed by the name of an environment variable"),
        ("env: WIKI_SECRET", "env: must be followed by the name of an environment variable"),
        ("env:WIKI_SECRET\n", "env: must be followed by the name of an environment variable"),
        ("ENV:WIKI_SECRET", "write env: in lower case and without spaces"),
        (" file:secret", "write file: in lower case and without spaces"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named_by_its_form(
    base: Path, reference: str, expected: str
) -> None:
    """Never by what may be the secret itself; the same on loopback."""
    assert problem(reference, base) == expected
    assert problem(reference, base, loopback=True) == expected


def test_the_environment_may_not_hold_broken_text(base: Path) -> None:
    """Python shows bytes that are not UTF-8 as lone surrogates."""
    assert "not UTF-8" in problem("env:A", base, environ={"A": "canary\udcff"})
    assert "control character" in problem("env:A", base, environ={"A": "canary\n"})


@pytest.mark.parametrize("literal", ["canary", "canary:secret", "pa$$word canary", "canary env:WIKI_SECRET"])
def test_a_literal_is_for_a_loopback_issuer_alone(base: Path, literal: str) -> None:
    """Contract section 4."""
    assert found(literal, base, loopback=True) == Secret(literal)
    assert "use env:NAME or file:PATH" in problem(literal, base)


@pytest.mark.parametrize("literal", ["", " ", "\t", "canary\n"])
def test_a_literal_that_is_empty_or_has_lines_is_refused(base: Path, literal: str) -> None:
    """Attack case 36."""
    assert "the secret in the file itself" in problem(literal, base, loopback=True)


def test_a_hash_is_for_passwords_alone(base: Path) -> None:
    """Contract section 4: hash:$argon2id$..., where a password is meant."""
    assert found(f"hash:{HASH}", base, hashes=True) == PasswordHash(HASH)
    assert "for passwords of people alone" in problem(f"hash:{HASH}", base)
    assert "for passwords of people alone" in problem(f"hash:{HASH}", base, loopback=True)


def test_a_hash_as_argon2_writes_it_is_taken(base: Path) -> None:
    """The real thing, with the parameters of our own sign-in and with the library's defaults."""
    for hasher in (PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1), PasswordHasher()):
        encoded = hasher.hash("canary")
        assert found(f"hash:{encoded}", base, hashes=True) == PasswordHash(encoded)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("$argon2id", "$argon2i", id="argon2i"),
        pytest.param("$argon2id", "$2b", id="bcrypt"),
        pytest.param("v=19", "v=16", id="old version"),
        pytest.param("m=19456,t=2", "t=2,m=19456", id="parameters in another order"),
        pytest.param("m=19456", "m=262145", id="too much memory"),
        pytest.param("m=19456", "m=99999999999", id="absurd memory"),
        pytest.param("m=19456", "m=7", id="too little memory"),
        pytest.param("t=2", "t=17", id="too many passes"),
        pytest.param("t=2", "t=0", id="no pass"),
        pytest.param("p=1", "p=17", id="too many lanes"),
        pytest.param("$c2FsdHNhbHRzYWx0", "$", id="no salt"),
        pytest.param("$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo", "", id="no hash"),
        pytest.param("aGFzaGhh", "aGF_aGhh", id="another alphabet"),
        pytest.param("aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo", "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo\n", id="line end"),
    ],
)
def test_a_hash_that_is_not_argon2id_or_costs_too_much_is_refused(
    base: Path, before: str, after: str
) -> None:
    """One thing of a good hash changed."""
    assert before in HASH
    assert problem(f"hash:{HASH.replace(before, after)}", base, hashes=True).startswith("hash: ")


def test_a_secret_does_not_show(base: Path) -> None:
    """No secrets in representations."""
    for reference, hashes in (("env:WIKI_SECRET", False), (f"hash:{HASH}", True)):
        secret = found(reference, base, hashes=hashes)
        assert "canary" not in f"{secret!r} {secret!s} {[secret]}"
        assert "argon2" not in f"{secret!r} {secret!s} {[secret]}"
