"""Clients that publish the keys of their certificates: changed over there, they count here (CAU-08)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from idjag.asgi import ASGIApp
from idjag.idp.app import assemble
from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.client_certificate import Told
from idjag.ras.standalone import standalone
from idjag.trust.memory import MemoryFetcher
from idjag.trust.publications import Publications
from tests.attacks.mutual_tls import HEADERS, PROXY
from tests.attacks.target import Wire, exchange_of
from tests.certificates import Shown, shown
from tests.idp.grants.acme import acme, app, state
from tests.ras.world import World, client, config, grant, request
from tests.trust.parts import LIMITS, Clock

PLACE = "https://wiki.example/jwks"
OLD, NEW, STRANGER = (shown(key=name) for name in ("old", "new", "stranger"))
FORM = b"application/x-www-form-urlencoded"


@dataclass
class Published:
    """What the client says about itself, and how long ago it was looked at."""

    clock: Clock = field(default_factory=Clock)
    fetcher: MemoryFetcher = field(default_factory=lambda: MemoryFetcher({PLACE: keys(OLD)}))

    def __post_init__(self) -> None:
        self.publications = Publications(self.fetcher, self.clock, limits=LIMITS)


def keys(*certificates: Shown) -> dict[str, Any]:
    """A set, in which keys have no names: nothing in a certificate would name one."""
    return {"keys": [each.jwk() for each in certificates]}


def assert_it_changes_over(published: Published, status: Callable[[Shown], int]) -> None:
    """The new key at once, the old one until it is gone, a stranger's never."""
    assert [status(OLD), status(NEW), status(STRANGER)] == [200, 401, 401]
    published.fetcher.documents[PLACE] = keys(OLD, NEW)
    published.clock.now += LIMITS.cooldown
    assert [status(NEW), status(OLD), status(STRANGER)] == [200, 200, 401]
    published.fetcher.documents[PLACE] = keys(NEW)
    published.clock.now += LIMITS.ttl
    assert [status(STRANGER), status(NEW), status(OLD)] == [401, 200, 401]


def through(app_: ASGIApp, form: dict[str, str], *, host: bytes) -> Callable[[Shown], int]:
    """The status of the same request with one certificate or another."""

    def status(certificate: Shown) -> int:
        told = (b"x-any-client-cert", certificate.byte_sequence)
        headers = [(b"host", host), (b"content-type", FORM), told]
        wire = Wire("wiki", [*form.items()], headers, source=PROXY)
        return wire.exchange().through(app_).status

    return status


def test_an_app_of_the_idp_changes_its_key() -> None:
    """CAU-08, CAU-06, attack case 161: while it serves."""
    published = Published()
    auth = {"method": "self_signed_tls_client_auth", "jwks_uri": PLACE}
    with acme(state(apps=[app("wiki", auth=auth), app("notes")])) as idp:
        services = replace(idp.services, publications=published.publications, certificate_headers=HEADERS)
        app_ = assemble(services, trusted_proxies=(PROXY,))
        form = exchange_of(idp.sign_in()) | {"client_id": "wiki"}
        assert_it_changes_over(published, through(app_, form, host=b"idp.acme.example"))


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def world(published: Published) -> World:
    registration = Registration("wiki", names.SELF_SIGNED_TLS_CLIENT_AUTH, jwks_uri=PLACE)
    known = config(clients=(client("wiki", registration=registration),), certificate_headers=HEADERS)
    return World(config=known, publications=published.publications)


def test_a_client_of_the_ras_changes_its_key(published: Published, world: World) -> None:
    """CAU-08, CAU-06: through its door, which is asynchronous."""
    app_ = standalone(world.ras, trusted_proxies=(PROXY,))

    def status(certificate: Shown) -> int:
        form = {"grant_type": names.JWT_BEARER, "assertion": grant(client_id="wiki"), "client_id": "wiki"}
        return through(app_, form, host=b"acme.chat.example")(certificate)

    assert_it_changes_over(published, status)


def test_a_host_tells_certificates_itself(published: Published, world: World) -> None:
    """CAU-08: without our door; ``Ras.token`` takes what it is given."""

    def status(certificate: Shown) -> int:
        form = {"client_id": "wiki", "assertion": grant(client_id="wiki")}
        told = Told(certificate.escaped)
        return world.ras.token(request(form, authorization=None, certificate=told)).status

    assert_it_changes_over(published, status)
    form = {"client_id": "wiki", "assertion": grant(client_id="wiki")}
    assert world.ras.token(request(form, authorization=None)).status == 401
