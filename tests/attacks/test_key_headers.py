"""Attack case 122: a header that says where a key is, or brings one, at every door that takes a signed text.

Whatever is fetched is fetched from what an administrator entered: a listener sees nobody.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.jose import PrivateKey, jws
from idjag.trust.fetch import PinnedFetcher
from idjag.trust.jwks import Jwks
from idjag.trust.outbound import OutboundAllow
from idjag.trust.publications import Publications
from tests.idp.grants.acme import NOW, Acme, acme, app, state
from tests.idp.grants.published import KEY, Client, assertion, key_set
from tests.ras import world as ras
from tests.trust.pages import Pages
from tests.trust.servers import Server, response

_JTI = itertools.count()


@dataclass
class Doors:
    """Both servers with real fetchers, keys of clients and issuers at ``pages``, and the listener."""

    pages: Pages
    listener: Server
    idp: Acme
    client: Client
    server: ras.World

    def headers(self, name: str) -> dict[str, Any]:
        """A header that leads to a key of the attacker."""
        there = f"http://127.0.0.1:{self.listener.port}/keys"
        key = ras.key("evil").public.to_dict()
        return {name: {"jku": there, "x5u": there, "jwk": key, "x5c": ["MAA="]}[name]}


@pytest.fixture
def doors() -> Iterator[Doors]:
    fetcher = PinnedFetcher(OutboundAllow(loopback=True))
    evil = {"keys": [ras.key("evil").public.to_dict()]}
    with Pages() as pages, Server(response(str(evil).encode())) as listener:
        pages.documents |= {
            "/app": key_set(KEY),
            "/idp": {"keys": [ras.key("idp").public.to_dict()]},
            "/client": {"keys": [ras.key("app").public.to_dict()]},
        }
        auth = {"method": "private_key_jwt", "jwks": key_set(KEY)}
        with acme(state(apps=[app("wiki", auth=auth), app("notes")])) as idp:
            trusted = ras.trusted(jwks_uri=pages.url("/idp"))
            there = Registration("app", names.PRIVATE_KEY_JWT, jwks_uri=pages.url("/client"))
            clients = (ras.client(), ras.client("app", registration=there))
            server = ras.World(
                keys=Jwks(fetcher),
                config=ras.config(trusted_issuers=(trusted,), clients=clients),
                publications=Publications(fetcher, loopback=True),
            )
            yield Doors(pages, listener, idp, Client(idp, fetcher), server)


Change = Callable[[str, PrivateKey], str]
"""What becomes of a text that this key has signed."""
Door = Callable[[Doors, Change], int]


def bent(text: str, extra: dict[str, Any], signer: PrivateKey) -> str:
    """The same claims with further headers."""
    jwt = jws.parse(text, max_bytes=16_384)
    return ras.raw_token({**jwt.header, **extra}, dict(jwt.claims), signer)


def subject_token(doors: Doors, change: Change) -> int:
    """The ID token of an exchange at the IdP."""
    token = change(doors.idp.sign_in(), doors.idp.snapshot.keys.signing("RS256", now=NOW))
    by = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": assertion("wiki")}
    return doors.idp.post(doors.idp.form(token, **by), credentials=None).status


def idp_client(doors: Doors, change: Change) -> int:
    """The client assertion of an exchange at the IdP."""
    return doors.client.exchange(text=change(assertion("wiki"), KEY)).status


def ras_assertion(doors: Doors, change: Change) -> int:
    """The ID-JAG at the RAS."""
    return doors.server.post({"assertion": change(ras.grant(), ras.key("idp"))}).status


def ras_client(doors: Doors, change: Change) -> int:
    """The client assertion at the RAS."""
    claims: dict[str, Any] = {"iss": "app", "sub": "app", "aud": ras.RAS}
    claims |= {"jti": f"j-{next(_JTI)}", "exp": ras.NOW + 60}
    text = jws.sign(claims, key=ras.key("app"), typ=names.CLIENT_AUTHENTICATION_TYP)
    form = {
        "grant_type": names.JWT_BEARER,
        "assertion": ras.grant(client_id="app"),
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": change(text, ras.key("app")),
    }
    return doors.server.post(urlencode(form).encode(), authorization=None).status


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c"])
@pytest.mark.parametrize("door", [subject_token, idp_client, ras_assertion, ras_client])
def test_a_header_never_says_where_a_key_is(doors: Doors, door: Door, name: str) -> None:
    """XCH-40, RAS-43, attack case 122: refused, and nobody came to the place that it names."""
    evil, extra = ras.key("evil"), doors.headers(name)
    assert door(doors, lambda text, key: bent(text, {}, key)) == 200
    assert door(doors, lambda text, _: bent(text, {}, evil)) in (400, 401)
    assert door(doors, lambda text, _: bent(text, extra, evil)) in (400, 401)
    assert door(doors, lambda text, key: bent(text, extra, key)) in (400, 401)  # even if it is not needed
    assert doors.listener.connections == 0
