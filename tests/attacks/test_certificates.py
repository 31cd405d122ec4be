"""Clients with certificates at every entry of both servers, and who only looks like one (CAU-08)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from idjag.asgi import ASGIApp
from idjag.idp.app import assemble
from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_certificate import Subject
from idjag.protocol.jose import KeySet
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.callers import Callers, ResourceServer
from idjag.ras.standalone import standalone
from tests.attacks import ras_entries
from tests.attacks.entries import EVERY, TARGETS, Attacked, Entry, assert_granted, assert_refused
from tests.attacks.mutual_tls import (
    BENT,
    HEADERS,
    OTHERS,
    OWN,
    PROXY,
    SELF,
    SUBJECT,
    TLS,
    WRONG,
    Bent,
    certified,
)
from tests.attacks.ras_entries import Gate, RasEntry
from tests.attacks.target import Target, Wire
from tests.idp.grants.acme import SECRETS, acme, app, connection, rule, state
from tests.idp.grants.offline import OFFLINE
from tests.proofs import proof
from tests.ras.inquiries import site_config
from tests.ras.world import ALICE, API, IDP, World, client

PROXIES = (PROXY,)
DN = Subject("tls_client_auth_subject_dn", SUBJECT)
KEYS: dict[str, Any] = {"keys": [OWN.jwk()]}


class Certified(Target):
    """An IdP whose clients are known by their certificates."""

    def wire(self, client: str, form: Mapping[str, str], path: str = "/token") -> Wire:
        """Without credentials."""
        headers = [(b"host", b"idp.acme.example"), (b"content-type", b"application/x-www-form-urlencoded")]
        return Wire(client, [*form.items()], headers, path)


class CertifiedGate(Gate):
    """A RAS whose clients are known by their certificates."""

    def wire(self, name: str, form: dict[str, str], path: str) -> Wire:
        """Through the proxy."""
        headers = [(b"host", b"acme.chat.example"), (b"content-type", b"application/x-www-form-urlencoded")]
        return certified(Wire(name, [*form.items()], headers, path))


@dataclass(frozen=True)
class Door:
    """One entry of one of the servers, for one client."""

    server: str
    entry: Entry | RasEntry
    client: str

    def wire(self, idp: Certified, ras: CertifiedGate) -> tuple[Attacked, Wire]:
        """A fresh valid request, and where it goes."""
        if isinstance(self.entry, RasEntry):
            return ras, self.entry.wire(ras, self.client)
        return idp, certified(self.entry.wire(idp, self.client))

    def __str__(self) -> str:
        return f"{self.server}: {self.entry}, {self.client}"


def _pushed(idp: Target, client: str) -> dict[str, str]:
    del idp
    return {
        "response_type": "code",
        "redirect_uri": f"https://{client}.example/callback",
        "scope": "openid",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }


PAR = Entry("par", "/par", "code_challenge", _pushed, public=False, proofs=True)
DOORS = [
    *(Door("IdP", entry, client) for entry in (*EVERY, PAR) for client in (TLS, SELF)),
    *(Door("RAS", entry, client) for entry in ras_entries.ENTRIES for client in (TLS, SELF)),
]


@contextmanager
def _acme() -> Iterator[Certified]:
    by_subject = {"method": "tls_client_auth", "tls_client_auth_subject_dn": SUBJECT}
    by_key = {"method": "self_signed_tls_client_auth", "jwks": KEYS}
    apps = [app(TLS, auth=by_subject, **OFFLINE), app(SELF, auth=by_key, **OFFLINE), app("wiki", **OFFLINE)]
    connections = [
        connection(id=f"{name}-chat", **{"from": name}, client_id=f"{name}-at-chat", rules=[rule()])
        for name in (TLS, SELF, "wiki")
    ]
    with acme(state(apps=apps, connections=connections)) as running:
        services = replace(running.services, certificate_headers=HEADERS)
        made = Certified(running, assemble(services, trusted_proxies=PROXIES))
        for name in (TLS, SELF, "wiki"):
            made.tokens[name] = running.sign_in(client=name)
        yield made


@pytest.fixture(scope="module")
def idp() -> Iterator[Certified]:
    """In memory; nothing here changes its rules."""
    with _acme() as made:
        yield made


@pytest.fixture(scope="module")
def ras() -> CertifiedGate:
    """In memory, with an API that introspects with a certificate, too."""
    by_key = Registration(SELF, names.SELF_SIGNED_TLS_CLIENT_AUTH, keys=KeySet.parse(KEYS)[0])
    by_subject = Registration(TLS, names.TLS_CLIENT_AUTH, subject=DN)
    api = ResourceServer(replace(by_subject, client_id="api"), frozenset({API}))
    trusted = tuple(
        replace(each, profiles=frozenset({"id-jag", "jwt-bearer"}))
        for each in site_config().trusted_issuers
        if each.issuer == IDP
    )
    config = site_config(
        clients=(client(TLS, registration=by_subject), client(SELF, registration=by_key), client()),
        trusted_issuers=tuple(
            replace(each, subject=replace(each.subject, joins=frozenset())) for each in trusted
        ),
        callers=Callers(resource_servers=(api,)),
        certificate_headers=HEADERS,
    )
    people = [Account("u-alice", email="alice@acme.example")]
    world = World(store=MemoryStore(people, [(Link(IDP, "", ALICE), "u-alice")]), config=config)
    return CertifiedGate(world, standalone(world.ras, trusted_proxies=PROXIES))


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_client_with_its_certificate_comes_in(door: Door, idp: Certified, ras: CertifiedGate) -> None:
    """CAU-08: the positive control; twice, since a certificate is not used up."""
    for _ in range(2):
        where, wire = door.wire(idp, ras)
        if door.entry is PAR:
            assert wire.exchange().through(where.app).status == 201
        else:
            assert_granted(where, wire)


def _cases() -> Iterator[Any]:
    """Everything at the exchange and the redemption, a few things everywhere; the rest is long."""
    for door, bent in itertools.product(DOORS, [*BENT, *OTHERS]):
        if bent in OTHERS and door.client == SELF:
            continue
        first = door.entry in (EVERY[2], ras_entries.ENTRIES[0]) or bent in (*BENT[:2], WRONG)
        yield pytest.param(door, bent, id=f"{door}: {bent}", marks=() if first else pytest.mark.soak)


@pytest.mark.parametrize(("door", "bent"), [*_cases()])
def test_nobody_else_does(door: Door, bent: Bent, idp: Certified, ras: CertifiedGate) -> None:
    """CAU-08, CAU-09, attack cases 20, 38 and 174."""
    where, wire = door.wire(idp, ras)
    bent.bend(wire)
    assert_refused(where, wire, bent.status, bent.error)


def test_the_log_says_why_and_holds_no_certificate(idp: Certified) -> None:
    """Attack case 199: one event a source, reason and minute, with the true address."""
    wire = certified(EVERY[2].wire(idp, TLS))
    WRONG.bend(wire)
    event = assert_refused(idp, wire, 401, "invalid_client")
    assert (event["event"], event["reason"]) == ("refused.before_authentication", "client_certificate_wrong")
    assert event["ip"] not in (PROXY, None)
    assert wire.headers[-1][1][100:160].decode() not in repr(event)


def test_whoever_comes_with_a_secret_needs_no_certificate_and_may_have_one(idp: Certified) -> None:
    """CAU-08, CAU-09: a network that wants certificates changes nothing for other clients."""
    for text in (None, OWN.byte_sequence, b"garbage"):
        wire = idp.wire("wiki", EVERY[2].form(idp, "wiki"))
        wire.form += [("client_id", "wiki"), ("client_secret", SECRETS["wiki"])]
        wire.source = PROXY
        if text is not None:
            wire.headers.append((b"client-cert", text))
        assert_granted(idp, wire)


def test_what_is_advertised_is_what_the_headers_can_tell(idp: Certified, ras: CertifiedGate) -> None:
    """CAU-08, MET-01, MET-08, attack case 235: at every endpoint, and without headers nowhere."""
    services = idp.acme.services
    every = [("tls_client_auth", "self_signed_tls_client_auth"), ("self_signed_tls_client_auth",), ()]
    for headers, expected in zip(
        (HEADERS, replace(HEADERS, verified=""), type(HEADERS)()), every, strict=True
    ):
        app_ = assemble(replace(services, certificate_headers=headers))
        for endpoint in ("token", "revocation", "introspection"):
            said = _metadata(app_)[f"{endpoint}_endpoint_auth_methods_supported"]
            assert tuple(each for each in said if "tls" in each) == expected
    document = ras.world.ras.metadata(endpoints=("introspect", "revoke"))
    for endpoint in ("token", "revocation", "introspection"):
        said = document[f"{endpoint}_endpoint_auth_methods_supported"]
        assert isinstance(said, list)
        assert {*names.MUTUAL_TLS} <= {*said}
    assert "mtls_endpoint_aliases" not in document


def test_where_certificates_are_asked_for_is_advertised_and_proofs_may_name_it(idp: Certified) -> None:
    """CAU-08, DPOP-02, MET-01, RFC 8705 section 5: the other place of the endpoints, and no third one."""
    base = "https://idp.acme.example:8443"
    services = replace(idp.acme.services, certificate_headers=HEADERS, mtls_base=base)
    app_ = assemble(services, trusted_proxies=PROXIES)
    assert _metadata(app_)["mtls_endpoint_aliases"] == {
        name: base + _metadata(app_)[name].removeprefix("https://idp.acme.example")
        for name in (
            "token_endpoint",
            "revocation_endpoint",
            "introspection_endpoint",
            "pushed_authorization_request_endpoint",
            "token_exchange_target_service_discovery_endpoint",
        )
    }

    def status(door: Entry, uri: str) -> int:
        wire = certified(door.wire(idp, TLS))
        wire.headers.append((b"dpop", proof(uri, now=idp.acme.clock()).encode()))
        return wire.exchange().through(app_).status

    for door in (EVERY[2], TARGETS):
        places = (
            f"https://idp.acme.example{door.path}",
            base + door.path,
            f"https://evil.example{door.path}",
        )
        assert [status(door, uri) for uri in places] == [200, 200, 400]


def _metadata(app_: ASGIApp) -> dict[str, Any]:
    headers = [(b"host", b"idp.acme.example")]
    wire = Wire("", [], headers, "/.well-known/openid-configuration", method="GET")
    return dict(wire.exchange().through(app_).json)
