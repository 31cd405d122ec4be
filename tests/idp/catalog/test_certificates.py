"""Apps that authenticate with a client certificate: what their entry says, and that it comes back out."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp import catalog
from idjag.idp.catalog import AppEntry
from idjag.idp.catalog.client_auth import certificate_subject
from idjag.idp.catalog.documents import spec_of
from idjag.protocol.client_certificate import SUBJECTS, Subject
from tests.certificates import shown
from tests.idp.catalog.parts import APP, REFS, refusal

JWKS = {"keys": [shown().jwk(x5c=True)]}
DN = "CN=Wiki,O=Acme"
TEXTS = dict(
    zip(SUBJECTS, (DN, "wiki.example", "https://wiki.example/", "2001:db8::1", "wiki@a.example"), strict=True)
)
NEEDS = f"auth: tls_client_auth needs one of {', '.join(SUBJECTS)}, and not several"


def tls(**auth: Any) -> dict[str, Any]:
    return {"auth": {"method": "tls_client_auth", **auth}}


def own(**auth: Any) -> dict[str, Any]:
    return {"auth": {"method": "self_signed_tls_client_auth", **auth}}


@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(tls(**{name: text}), id=name) for name, text in TEXTS.items()),
        pytest.param(own(jwks=JWKS), id="a certificate of its own"),
        pytest.param(own(jwks_uri="https://wiki.example/jwks"), id="published"),
    ],
)
def test_an_app_may_authenticate_with_a_certificate(change: dict[str, Any]) -> None:
    """CAU-08: what is written comes back out, and nothing beside it."""
    row = {"id": "a-wiki", **catalog.app_columns(AppEntry.model_validate({**APP, **change}), REFS)}
    assert catalog.app_entry(row, REFS)["auth"] == change["auth"]
    named = [Subject(name, text) for name, text in change["auth"].items() if name in SUBJECTS]
    assert certificate_subject(spec_of(row)["auth"]) == (named[0] if named else None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (tls(), NEEDS),
        (tls(tls_client_auth_san_dns="a.example", tls_client_auth_subject_dn=DN), NEEDS),
        (tls(tls_client_auth_subject_dn="Wiki"), "auth.tls_client_auth_subject_dn: is a name as RFC 4514"),
        (tls(tls_client_auth_subject_dn=""), "auth.tls_client_auth_subject_dn: "),
        (tls(tls_client_auth_san_dns="*.a.example"), "auth.tls_client_auth_san_dns: is a DNS name"),
        (tls(tls_client_auth_san_ip="10.0.0.0/8"), "auth.tls_client_auth_san_ip: is an IP address"),
        (tls(tls_client_auth_subject_dn=DN, secret="env:X"), "auth: tls_client_auth takes no secret"),
        (tls(tls_client_auth_subject_dn=DN, jwks=JWKS), "auth: jwks is for private_key_jwt and self_signed"),
        (own(), "auth: self_signed_tls_client_auth needs jwks or jwks_uri"),
        (
            own(jwks=JWKS, tls_client_auth_subject_dn=DN),
            "auth: tls_client_auth_subject_dn is for tls_client_auth, not for self_signed_tls_client_auth",
        ),
        (
            {"auth": {"secret": "env:X", "tls_client_auth_san_dns": "a.example"}},
            "auth: tls_client_auth_san_dns is for tls_client_auth, not for client_secret",
        ),
    ],
)
def test_one_thing_changed_is_refused(change: dict[str, Any], problem: str) -> None:
    """CAU-08, CAU-09."""
    assert refusal(AppEntry, {**APP, **change}).startswith(problem)
