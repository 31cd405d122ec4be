"""References become secrets and password hashes, and no message repeats either."""

from __future__ import annotations

from pathlib import Path

import pytest

from idjag.idp.state.credentials import Credentials, credentials_of

GOOD_HASH = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxMjM$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
CHEAP_HASH = GOOD_HASH.replace("m=19456", "m=64")


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    (tmp_path / "secret").write_text("from-a-file-0123456789\n")
    environ = {"SECRET": "from-the-environment-0123"}
    return credentials_of(
        environ=environ, base=tmp_path, loopback=False, hash_password=lambda password: f"hashed {password}"
    )


@pytest.mark.parametrize(
    ("reference", "secret"),
    [("env:SECRET", "from-the-environment-0123"), ("file:secret", "from-a-file-0123456789")],
)
def test_a_reference_leads_to_its_secret(credentials: Credentials, reference: str, secret: str) -> None:
    assert credentials.secret(reference) == secret
    assert credentials.password_hash(reference) == f"hashed {secret}"


def test_a_hash_is_for_passwords_alone(credentials: Credentials) -> None:
    assert credentials.password_hash(f"hash:{GOOD_HASH}") == GOOD_HASH
    with pytest.raises(ValueError, match="hash: is for passwords of people alone"):
        credentials.secret(f"hash:{GOOD_HASH}")


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("env:ABSENT", "this variable is not set"),
        ("file:absent", "no such file"),
        (f"hash:{CHEAP_HASH}", "cost no less than"),
        ("hash:$2b$12$abcdefghijklmnopqrstuv", "hash: must be followed by"),
        ("a-literal-secret-0123456789", "for a loopback issuer alone"),
    ],
)
def test_what_leads_nowhere_is_said_without_the_secret(
    credentials: Credentials, reference: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        credentials.password_hash(reference)
    assert "literal" not in str(caught.value)
    assert "$" not in str(caught.value).replace("$argon2id$v=19$m=...,t=...,p=...$salt$hash", "")


def test_a_literal_is_for_loopback_alone(tmp_path: Path) -> None:
    here = credentials_of(environ={}, base=tmp_path, loopback=True, hash_password=str)
    assert here.secret("a-literal-secret-0123456789") == "a-literal-secret-0123456789"
