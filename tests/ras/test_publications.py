"""Clients that publish how they authenticate: documents at their client_id, key sets at their jwks_uri."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Registration
from idjag.protocol.http import Reply
from idjag.protocol.jose import KeySet, jws
from idjag.ras.callers import Callers, ResourceServer
from idjag.ras.model import Client
from idjag.trust.fetch import Fetcher
from idjag.trust.kept import Limits
from idjag.trust.memory import MemoryFetcher
from idjag.trust.outbound import FetchFailed
from idjag.trust.publications import Publications
from tests.ras.world import API, NOW, RAS, World, body, client, config, grant, key, request, token_claims
from tests.trust.pages import Pages, fetcher_to
from tests.trust.servers import Authority

URL = "https://wiki.example/app.json"
KEYS_URL = "https://wiki.example/keys"
LIMITS = Limits(max_stale=3600, patience=30, brief=30)
_JTI = itertools.count()


def key_set(*names_: str) -> dict[str, Any]:
    return dict(KeySet(key(name).public for name in names_).to_dict())


def document(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "client_id": URL,
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": key_set("app"),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def by_document(client_id: str = URL) -> Client:
    """A client as ras.yaml has it: its address, and that the document there says the rest."""
    return client(client_id, registration=Registration(client_id, names.CLIENT_ID_METADATA_DOCUMENT))


def by_keys(jwks_uri: str = KEYS_URL) -> Client:
    registration = Registration(URL, names.PRIVATE_KEY_JWT, jwks_uri=jwks_uri)
    return client(URL, registration=registration)


@dataclass
class There:
    """A server with one such client, and the cache's own clock."""

    fetcher: Fetcher
    client: Client
    seconds: float = 1000.0

    def __post_init__(self) -> None:
        self.publications = Publications(self.fetcher, lambda: self.seconds, limits=LIMITS)
        self.world = World(config=config(clients=(self.client, client())), publications=self.publications)

    def parameters(self, signer: str = "app", **changes: Any) -> dict[str, Any]:
        """What the client sends, signed by it."""
        who = self.client.client_id
        claims: dict[str, Any] = {
            "iss": who,
            "sub": who,
            "aud": RAS,
            "jti": f"a-{next(_JTI)}",
            "exp": NOW + 60,
        }
        return {
            "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
            "client_assertion": jws.sign(claims, key=key(signer), typ=names.CLIENT_AUTHENTICATION_TYP),
            "assertion": grant(client_id=who),
        } | changes

    def post(self, signer: str = "app", **changes: Any) -> Reply:
        return self.world.post(self.parameters(signer, **changes), authorization=None)

    def refused(self, reply: Reply, reason: str, error: str = "invalid_client") -> str:
        """The one text for strangers; why is for the audit log."""
        answer = body(reply)
        assert answer["error"] == error
        assert "access_token" not in answer
        event = self.world.event()
        assert event.fields["reason"] == reason
        return str(event.fields.get("inputs", {}).get("facts", {}).get("problem", ""))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["document", "jwks_uri"])
def there(request: pytest.FixtureRequest) -> tuple[There, MemoryFetcher]:
    """Both ways of publishing, in memory."""
    fetcher = MemoryFetcher({URL: document(), KEYS_URL: key_set("app")})
    return There(fetcher, by_document() if request.param == "document" else by_keys()), fetcher


def publish(fetcher: MemoryFetcher, *names_: str) -> None:
    fetcher.documents |= {URL: document(jwks=key_set(*names_)), KEYS_URL: key_set(*names_)}


def test_a_client_that_is_an_address_redeems_by_its_document(authority: Authority) -> None:
    """CAU-10, JAG-09: over real TLS; the grant names the same URL, and so does the token."""
    with Pages(tls=authority.context("wiki.example")) as pages:
        url = pages.url("/app.json", "wiki.example")
        keys = pages.url("/keys", "wiki.example")
        pages.documents |= {
            "/app.json": document(client_id=url, jwks=None, jwks_uri=keys),
            "/keys": key_set("app"),
        }
        server = There(fetcher_to(authority), by_document(url))
        replies = [server.post() for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 200], body(replies[0])
        assert token_claims(replies[0])["client_id"] == url
        assert pages.paths == ["/app.json", "/keys"]
        other = grant(client_id="https://wiki.example/other.json")
        server.refused(server.post(assertion=other), "client_mismatch", "invalid_grant")


def test_keys_are_fetched_once_and_kept(there: tuple[There, MemoryFetcher]) -> None:
    """CAU-06: the positive control, in both colours."""
    server, fetcher = there
    assert [server.post().status for _ in range(3)] == [200] * 3
    asked = list(fetcher.asked)

    async def again() -> Reply:
        return await server.world.ras.atoken(request(server.parameters(), authorization=None))

    assert asyncio.run(again()).status == 200
    assert len(asked) == 1
    assert fetcher.asked == asked


def test_another_key_authenticates_nobody(there: tuple[There, MemoryFetcher]) -> None:
    """CAU-06: the keys of the registration, and no others."""
    server, _ = there
    server.refused(server.post("stranger"), "client_assertion_invalid")
    assert server.post().status == 200


def test_a_rotated_key_is_found_and_invented_ones_are_no_lever(there: tuple[There, MemoryFetcher]) -> None:
    """CAU-06: unknown kid, one throttled refresh."""
    server, fetcher = there
    assert server.post().status == 200
    publish(fetcher, "app", "next")
    server.seconds += LIMITS.cooldown
    assert server.post("next").status == 200
    for _ in range(5):
        server.refused(server.post("invented"), "client_assertion_invalid")
    assert len(fetcher.asked) == 2


def test_an_outage_is_bridged_and_then_closes(there: tuple[There, MemoryFetcher]) -> None:
    """Promise P19; the client's own fault is invalid_client, with the cause in the audit log."""
    server, fetcher = there
    assert server.post().status == 200
    fetcher.documents |= dict.fromkeys((URL, KEYS_URL), FetchFailed("wiki.example: connection refused"))
    server.seconds += LIMITS.max_stale
    assert server.post().status == 200
    server.seconds += LIMITS.retry
    by_document_ = server.client.registration is not None and server.client.registration.jwks_uri is None
    reason = "client_metadata_unavailable" if by_document_ else "client_keys_unavailable"
    assert "connection refused" in server.refused(server.post(), reason)
    publish(fetcher, "app")
    server.seconds += LIMITS.retry
    assert server.post().status == 200


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (document(client_id=f"{URL}/"), "only by a slash"),
        (document(token_endpoint_auth_method="client_secret_post"), "shared secret"),
        (document(client_secret="canary"), "client_secret"),
        (document(jwks=None, jwks_uri="https://keys.example/"), "another origin"),
        (document(padding="x" * 5120), "longer than 5120"),
        (b"<html></html>", "not a JSON object"),
    ],
)
def test_a_document_that_may_not_be_believed_authenticates_nobody(wrong: Any, problem: str) -> None:
    """CAU-10, CAU-12, attack cases 41 and 182."""
    fetcher = MemoryFetcher({URL: wrong})
    server = There(fetcher, by_document())
    assert problem in server.refused(server.post(), "client_metadata_unavailable")
    assert "canary" not in json.dumps(
        [dict(event.fields) for event in server.world.store.events], default=str
    )
    fetcher.documents[URL] = document()
    server.seconds += LIMITS.retry
    assert server.post().status == 200


def test_a_public_document_redeems_nothing_that_is_not_bound() -> None:
    """RAS-04: none in a document is a public client like any other."""
    server = There(MemoryFetcher({URL: document(token_endpoint_auth_method="none")}), by_document())
    alone: dict[str, Any] = {"client_id": URL, "client_assertion": None, "client_assertion_type": None}
    assert body(server.post(**alone))["error"] == "unauthorized_client"
    server.refused(server.post(), "client_method_wrong")


def test_nothing_is_fetched_before_the_client_is_known_and_needs_it(
    there: tuple[There, MemoryFetcher],
) -> None:
    """CAU-06: unknown addresses, secrets and clients of another method never cause a fetch."""
    server, fetcher = there
    stranger = replace(server.client, client_id="https://evil.example/app.json", registration=None)
    unknown = There(fetcher, server.client)
    unknown.client = stranger
    unknown.refused(unknown.post(), "client_unknown")
    secret: dict[str, Any] = {
        "client_assertion": None,
        "client_assertion_type": None,
        "client_id": URL,
        "client_secret": "x" * 20,
    }
    server.refused(server.post(**secret), "client_method_wrong")
    assert server.world.post().status == 200  # the wiki, by its secret
    assert fetcher.asked == []
    assert server.post().status == 200
    assert len(fetcher.asked) == 1


def test_a_client_that_is_taken_out_and_put_back_is_looked_at_anew(
    there: tuple[There, MemoryFetcher],
) -> None:
    """RAS-47: what was published under the registration that ended counts no more."""
    server, fetcher = there
    assert server.post().status == 200
    before = server.world.ras.config
    server.world.ras.configure(replace(before, clients=(client(),)))
    server.refused(server.post(), "client_unknown")
    publish(fetcher, "next")
    server.world.ras.configure(before)
    server.refused(server.post(), "client_assertion_invalid")
    assert server.post("next").status == 200


def test_a_server_without_publications_does_not_start_with_such_a_client() -> None:
    """A deployer's mistake fails at the start, and at a change."""
    for one in (by_document(), by_keys()):
        assert one.registration is not None
        caller = Callers(resource_servers=(ResourceServer(one.registration, frozenset({API})),))
        for changes in ({"clients": (one,)}, {"callers": caller}):
            with pytest.raises(ValueError, match="publications"):
                World(config=config(**changes))
            world = World()
            with pytest.raises(ValueError, match="publications"):
                world.ras.configure(config(**changes))


def test_the_metadata_says_so_where_it_works() -> None:
    """MET-17: with a way to fetch documents, and not without."""
    server = There(MemoryFetcher({}), by_document())
    assert server.world.ras.metadata()["client_id_metadata_document_supported"] is True
    assert "client_id_metadata_document_supported" not in World().ras.metadata()
