"""The demo's requesting app speaks HTTP as a careful client does."""

from __future__ import annotations

import pytest

from idjag.demo.wiki import basic
from idjag.protocol import client_auth
from idjag.protocol.form import parse


@pytest.mark.parametrize("secret", ["plain-secret", "a+b%41:c d&e=f/g", "pass wörd"])
def test_its_credentials_are_read_as_they_were_meant(secret: str) -> None:
    """CAU-01: RFC 6749 section 2.3.1 form-encodes both parts."""
    presented = client_auth.present(parse(b""), basic(("wiki:1+1", secret)).encode())
    assert (presented.claimed_client, presented.secret) == ("wiki:1+1", secret)
