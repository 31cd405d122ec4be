"""What a configuration must say of itself, whoever makes it: a file or an embedding host."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.ras import TrustedIssuer
from tests.ras.world import World, config, rules, trusted


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "chat",
        "urn:acme:chat",
        "http://chat.example/",
        "http://localhost.chat.example/",
        "https://chat.example/?tenant=acme",
        "https://chat.example/?",
        "https://chat.example/#top",
        "https://acme@chat.example/",
        'https://chat.example/"',
        "https://chat.example/\r\nx: y",
    ],
)
def test_what_cannot_be_an_issuer_is_refused(issuer: str) -> None:
    """MET-02: for hosts too, which have no file that is checked."""
    with pytest.raises(ValueError, match="issuer: an https URL"):
        config(issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    ["https://chat.example", "https://chat.example/ras/acme", "http://127.0.0.1:1/", "http://[::1]/"],
)
def test_an_issuer_is_kept_as_it_is_written(issuer: str) -> None:
    """MET-02: positive control."""
    assert World(config=config(issuer=issuer)).ras.metadata()["issuer"] == issuer


@pytest.mark.parametrize("by", [("iss_sub", "email"), ("iss_sub", "aud_sub"), ("email",)])
def test_one_tenant_of_an_issuer_does_not_name_the_people_of_another(by: Any) -> None:
    """RAS-24, TEN-10: nobody said which of the issuer's customers speaks for a mail domain."""
    two, one = frozenset({"t-1", "t-2"}), frozenset({"t-1"})
    with pytest.raises(ValueError, match="not built: several tenants"):
        trusted(tenants=two, subject=rules(by=by))
    assert trusted(tenants=one, subject=rules(by=by)).tenants == one
    assert TrustedIssuer("https://idp.example", tenants=two).tenants == two
