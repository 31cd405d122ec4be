"""Clients with certificates in ras.yaml: how they are written, and what they need around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from idjag.forwarded import CertificateHeaders
from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_certificate import SUBJECTS, Subject
from idjag.ras.callers import Callers, Revoker
from idjag.ras.config import SettingsWrong, build, load
from idjag.ras.model import RasConfig
from idjag.yaml_file import FileError, FileErrors
from tests.asgi_parts import Exchange, chunk
from tests.certificates import shown
from tests.ras.test_config import CONTRACT, write
from tests.ras.test_two_secrets import ENVIRON, file
from tests.ras.world import CLIENT, IDP, NOW, World, client, config, request

NAMED = {
    **ENVIRON,
    "IDJAG_CLIENT_CERTIFICATE_HEADER": "Client-Cert",
    "IDJAG_TRUSTED_PROXIES": "10.0.0.1",
}
JWKS = json.dumps({"keys": [shown().jwk()]})
BY_SUBJECT = '{method: tls_client_auth, tls_client_auth_subject_dn: "CN=Wiki,O=Acme"}'
BY_KEY = f"{{method: self_signed_tls_client_auth, jwks: {JWKS}}}"


def registered(tmp_path: Path, auth: str, environ: Mapping[str, str] = NAMED) -> Registration:
    found = load(file(tmp_path, auth), environ).config.clients[0].registration
    assert found is not None
    return found


def test_a_client_is_known_by_the_subject_of_its_certificate(tmp_path: Path) -> None:
    """CAU-08."""
    found = registered(tmp_path, BY_SUBJECT)
    assert found == Registration(
        CLIENT, "tls_client_auth", subject=Subject("tls_client_auth_subject_dn", "CN=Wiki,O=Acme")
    )


def test_a_client_is_known_by_its_key(tmp_path: Path) -> None:
    """CAU-08: written here, or published."""
    found = registered(tmp_path, BY_KEY)
    assert found.method == "self_signed_tls_client_auth"
    assert found.keys is not None
    published = registered(
        tmp_path, '{method: self_signed_tls_client_auth, jwks_uri: "https://wiki.example/jwks"}'
    )
    assert published.jwks_uri == "https://wiki.example/jwks"


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ("{method: tls_client_auth}", "needs one of tls_client_auth_subject_dn"),
        (
            '{method: tls_client_auth, tls_client_auth_san_ip: "::1", tls_client_auth_san_dns: a.example}',
            "needs one of",
        ),
        (BY_SUBJECT.replace("}", ', secret: "env:OLD"}'), "and nothing else"),
        (BY_SUBJECT.replace("}", f", jwks: {JWKS}}}"), "and nothing else"),
        (BY_SUBJECT.replace("CN=Wiki,", "Wiki,"), "tls_client_auth_subject_dn is a name as RFC 4514"),
        (BY_KEY.replace("method: self_signed_tls_client_auth", "method: private_key_jwt, x: y"), "x: "),
        ("{method: self_signed_tls_client_auth}", "needs jwks or jwks_uri"),
        (BY_KEY[:-1] + ", tls_client_auth_san_ip: '::1'}", "is for tls_client_auth"),
        ('{secret: "env:OLD", tls_client_auth_san_ip: "::1"}', "is for tls_client_auth, not for client_sec"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, auth: str, problem: str) -> None:
    """CAU-08, CAU-09; positive controls above."""
    with pytest.raises((FileError, FileErrors), match=problem):
        load(file(tmp_path, auth), NAMED)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"IDJAG_TRUSTED_PROXIES": ""}, "needs IDJAG_TRUSTED_PROXIES"),
        ({"IDJAG_TRUSTED_PROXIES": "0.0.0.0/0"}, "believed from everybody"),
        ({"IDJAG_CLIENT_CERTIFICATE_HEADER": "Cookie"}, "must be the name of a header"),
        ({"IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER": "client-cert"}, "must not be the header"),
    ],
)
def test_headers_that_could_not_be_believed_are_refused(
    tmp_path: Path, changes: dict[str, str], problem: str
) -> None:
    """CAU-08; the positive control is every test above."""
    with pytest.raises(SettingsWrong, match=problem):
        load(file(tmp_path, BY_SUBJECT), {**NAMED, **changes})


def test_a_client_that_could_never_come_in_is_refused_at_the_start(tmp_path: Path) -> None:
    """CAU-08: its header has no name here, or nobody verifies chains for it."""
    unverified = {
        **ENVIRON,
        "IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER": "x-any-cert",
        "IDJAG_TRUSTED_PROXIES": "10.0.0.1",
    }
    for auth, environ in ((BY_SUBJECT, ENVIRON), (BY_KEY, ENVIRON), (BY_SUBJECT, unverified)):
        with pytest.raises(FileError, match="needs certificate_headers"):
            load(file(tmp_path, auth), environ)
    assert registered(tmp_path, BY_KEY, unverified).keys is not None


def with_revoker(method: str) -> RasConfig:
    subject = Subject("tls_client_auth_san_dns", "idp.example") if method == "tls_client_auth" else None
    caller = Registration("acme-idp", method, secret_hashes=(b"x",), subject=subject)
    return config(
        callers=Callers(revokers=(Revoker(caller, frozenset({IDP})),)),
        certificate_headers=CertificateHeaders("client-cert", "x-any-cert"),
    )


@pytest.mark.parametrize("method", names.MUTUAL_TLS)
def test_who_ends_everything_of_people_cannot_say_its_name_beside_a_certificate(method: str) -> None:
    """CAU-08: that endpoint takes JSON alone, and so advertises no certificates."""
    with pytest.raises(ValueError, match="must sign"):
        with_revoker(method)
    document = World(config=with_revoker(names.CLIENT_SECRET)).ras.metadata(
        endpoints=("introspect", "global-token-revocation")
    )
    methods = document["global_token_revocation_endpoint_auth_methods_supported"]
    assert methods == ["client_secret_basic", "private_key_jwt"]
    assert method in str(document["introspection_endpoint_auth_methods_supported"])


def test_pages_of_browsers_have_no_certificates() -> None:
    """CAU-08: a browser shows one whoever asks it to, so no page may ask for such a client."""
    subject = Subject(SUBJECTS[1], "wiki.example")
    registration = Registration(CLIENT, names.TLS_CLIENT_AUTH, subject=subject)
    assert client(registration=registration).origins == frozenset()
    with pytest.raises(ValueError, match="origins are for clients that have no secret"):
        replace(client(registration=registration), origins=frozenset({"https://wiki.example"}))


def test_the_program_takes_what_its_proxy_tells(tmp_path: Path) -> None:
    """CAU-08: from the file and the environment to a token; what is missing stands in test_certificates."""
    subject = '{method: tls_client_auth, tls_client_auth_subject_dn: "CN=Wiki,O=Acme\\\\, Inc."}'
    text = CONTRACT.replace('{method: client_secret, secret: "env:WIKI_CHAT_SECRET"}', subject)
    good = request({"client_id": CLIENT}, authorization=None)
    headers = [(b"host", b"acme.chat.example"), *good.headers, (b"client-cert", shown().byte_sequence)]
    with build(load(write(tmp_path, text), NAMED), clock=lambda: NOW) as built:
        statuses = []
        for peer in ("192.0.2.1", "10.0.0.1"):
            sent = Exchange(headers=headers, client=(peer, 1), messages=[chunk(good.body)])
            statuses.append(sent.through(built.app).status)
        assert statuses == [401, 200]
        document = Exchange(
            method="GET", path="/.well-known/oauth-authorization-server", headers=headers[:1]
        ).through(built.app)
        assert {*names.MUTUAL_TLS} <= {*document.json["token_endpoint_auth_methods_supported"]}
