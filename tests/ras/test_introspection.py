"""Introspection: what is told of a token, to whom, and what is written down of it (AT-04, RFC 7662)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import access_token, names
from idjag.protocol.access_token import AccessToken
from idjag.protocol.client_auth import Registration
from idjag.protocol.jose import jws
from idjag.ras import MemoryStore
from idjag.ras.ports import Record
from idjag.ras.standing import Kept
from tests import proofs
from tests.ras.inquiries import (
    API_CLIENT,
    API_SECRET,
    FILES_CLIENT,
    FILES_SECRET,
    IDP_CLIENT,
    IDP_SECRET,
    INACTIVE,
    KEY_API,
    OTHER_CLIENT,
    OTHER_SECRET,
    Site,
    site_config,
    site_in,
)
from tests.ras.stores import KINDS
from tests.ras.test_client_auth import client_assertion
from tests.ras.world import (
    API,
    CLIENT,
    FILES,
    IDP,
    NOW,
    RAS,
    SECRET,
    assert_refused,
    basic,
    body,
    client,
    grant,
    key,
    raw_token,
    request,
)

BY_API = basic(API_CLIENT, API_SECRET)
BY_WIKI = basic(CLIENT, SECRET)


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Over each kind of store."""
    with site_in(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("header", [BY_API, BY_WIKI], ids=["the API", "its own client"])
def test_a_good_token_is_active_with_what_it_says(site: Site, header: bytes) -> None:
    """AT-04: the members of RFC 7662 section 2.2; nobody may cache it."""
    token = site.redeemed()
    reply = site.introspect(token, header)
    jti = body(reply)["jti"]
    assert (reply.status, body(reply)) == (
        200,
        {
            "active": True,
            "scope": "chat.read chat.history",
            "client_id": CLIENT,
            "token_type": "Bearer",
            "exp": NOW + 900,
            "iat": NOW,
            "sub": "u-alice",
            "aud": API,
            "iss": RAS,
            "jti": jti,
            "auth_time": NOW - 60,
            "acr": "urn:acme:loa2",
            "amr": ["pwd", "otp"],
        },
    )
    headers = dict(reply.headers)
    assert (headers[b"cache-control"], headers[b"content-type"]) == (b"no-store", b"application/json")
    assert headers[b"x-decision-id"]


def test_a_bound_token_says_so(site: Site) -> None:
    """RFC 9449 section 6.2."""
    header = (b"dpop", proofs.proof(f"{RAS}token", now=NOW).encode())
    usual = [(b"content-type", b"application/x-www-form-urlencoded"), (b"authorization", BY_WIKI)]
    reply = site.post({"assertion": grant(cnf={"jkt": proofs.jkt()})}, headers=(*usual, header))
    assert reply.status == 200, body(reply)
    told = body(site.introspect(body(reply)["access_token"]))
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", {"jkt": proofs.jkt()})


@pytest.mark.parametrize(
    ("header", "active"),
    [
        (BY_API, True),
        (BY_WIKI, True),
        (basic(FILES_CLIENT, FILES_SECRET), False),
        (basic(OTHER_CLIENT, OTHER_SECRET), False),
    ],
    ids=["its API", "its client", "another API", "another client"],
)
def test_others_learn_nothing(site: Site, header: bytes, active: bool) -> None:  # noqa: FBT001
    """AT-04, RFC 7662 section 4: foreign is inactive, and nothing else."""
    reply = site.introspect(site.redeemed(), header)
    assert (reply.status, body(reply)["active"]) == (200, active)
    if not active:
        assert body(reply) == INACTIVE
        assert site.event().fields["reason"] == "token_foreign"


def test_a_token_for_two_apis_is_known_to_both(site: Site) -> None:
    """RFC 7662 section 4."""
    token = site.redeemed(resource=[API, FILES], scope="chat.read")
    assert site.active(token)
    assert body(site.introspect(token, basic(FILES_CLIENT, FILES_SECRET)))["active"] is True


def minted(signer: str = "ras", typ: Any = names.ACCESS_TOKEN_TYP, **changes: Any) -> str:
    """A token like ours that nobody was given."""
    ours = AccessToken(RAS, "u-alice", (API,), CLIENT, "never-issued", NOW, NOW + 900, scopes=("chat.read",))
    claims = {**access_token.claims(ours), **changes}
    return jws.sign({k: v for k, v in claims.items() if v is not None}, key=key(signer), typ=typ)


STRANGE: list[tuple[str, Callable[[], str], str]] = [
    ("text", lambda: "nonsense", "token_invalid"),
    ("a refresh token", lambda: "8xLOxBtZp8aGNL0x6bDXyQ7w4Zs", "token_invalid"),
    ("an ID-JAG", grant, "token_type_unsupported"),
    ("an ID token", lambda: minted(typ="JWT"), "token_invalid"),
    ("no type", lambda: minted(typ=None), "token_invalid"),
    ("another's signature", lambda: minted("idp"), "token_invalid"),
    ("no signature", lambda: minted().rpartition(".")[0] + ".", "token_invalid"),
    (
        "alg none",
        lambda: raw_token({"alg": "none", "typ": "at+jwt"}, {"iss": RAS}, key("ras")),
        "token_invalid",
    ),
    ("another issuer", lambda: minted(iss=IDP), "token_invalid"),
    ("no jti", lambda: minted(jti=None), "token_invalid"),
    ("no exp", lambda: minted(exp=None), "token_invalid"),
    ("expired", lambda: minted(exp=NOW), "token_expired"),
    ("never issued", minted, "token_unknown"),
    ("too long", lambda: "x" * 20_000, "token_invalid"),
]


@pytest.mark.parametrize(("_what", "make", "reason"), STRANGE, ids=[what for what, _, _ in STRANGE])
def test_whatever_is_no_live_token_of_ours_is_inactive_and_nothing_more(
    site: Site, _what: str, make: Callable[[], str], reason: str
) -> None:
    """AT-04, RFC 7662 section 2.2: no member beside active; the reason is in the audit log alone."""
    reply = site.introspect(make())
    assert (reply.status, body(reply)) == (200, INACTIVE)
    event = site.event()
    assert (event.name, event.fields["reason"]) == ("token.introspected", reason)


def test_a_token_is_active_until_the_second_that_it_names(site: Site) -> None:
    """AT-04: without leeway, nobody's clock but ours is asked."""
    token = site.redeemed()
    site.clock.now = NOW + 899
    assert site.active(token)
    site.clock.now = NOW + 900
    assert body(site.introspect(token)) == INACTIVE


@pytest.mark.parametrize(
    ("header", "status", "reason"),
    [
        (None, 401, "client_credentials_missing"),
        (basic(API_CLIENT, "wrong"), 401, "client_secret_wrong"),
        (basic("nobody", API_SECRET), 401, "client_unknown"),
        (basic(CLIENT, API_SECRET), 401, "client_secret_wrong"),
        (basic(IDP_CLIENT, IDP_SECRET), 401, "client_unknown"),
    ],
    ids=["nobody", "wrong secret", "unknown name", "the API's secret for a client", "who may revoke"],
)
def test_a_caller_must_authenticate(site: Site, header: bytes | None, status: int, reason: str) -> None:
    """AT-04, RFC 7662 section 2.1: before the token is looked at."""
    token = site.redeemed()
    reply = site.ask("introspect", {"token": token}, header)
    assert (reply.status, body(reply)["error"]) == (status, "invalid_client")
    assert (b"www-authenticate" in dict(reply.headers)) == (header is not None)
    event = site.event()
    assert (event.name, event.fields["reason"]) == ("refused.before_authentication", reason)


def test_a_token_is_no_credential(site: Site) -> None:
    """AT-04: a token introspects neither itself nor others."""
    token = site.redeemed()
    reply = site.ask("introspect", {"token": token}, b"Bearer " + token.encode())
    assert (reply.status, body(reply)["error"]) == (401, "invalid_client")


def test_a_public_client_may_not_ask(site: Site) -> None:
    """AT-04: whoever knows a name is not that client."""
    public = client("public", registration=Registration("public", names.NO_AUTHENTICATION))
    usual = site_config()
    site.ras.configure(replace(usual, clients=(*usual.clients, public)))
    reply = site.ask("introspect", {"token": site.redeemed(), "client_id": "public"}, None)
    assert (reply.status, body(reply)["error"]) == (400, "unauthorized_client")


def test_guessing_is_slowed_down_as_at_the_token_endpoint(site: Site) -> None:
    """Attack case 38."""
    for _ in range(20):
        assert site.introspect("x", basic(API_CLIENT, "wrong")).status == 401
    assert site.introspect("x").status == 429
    assert site.introspect("x", source="192.0.2.2").status == 200


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
        ({"query": b"token=x"}, 400),
        ({"headers": ((b"content-type", b"application/json"), (b"authorization", BY_API))}, 415),
        ({"body": b"token=a&token=b"}, 400),
    ],
    ids=str,
)
def test_only_a_form_is_read(site: Site, changes: dict[str, Any], status: int) -> None:
    """RFC 7662 section 2.1: a token in a URL ends in logs."""
    reply = site.introspect("x", **changes)
    assert (reply.status, body(reply)["error"]) == (status, "invalid_request")
    if status == 405:
        assert dict(reply.headers)[b"allow"] == b"POST"


def test_a_token_must_be_named(site: Site) -> None:
    """RFC 7662 section 2.1; an authenticated request that is wrong has an event of its own."""
    assert_refused(site, site.introspect(None), "invalid_request", "parameter_missing")
    assert site.event().name == "token.refused"
    reply = site.ask("introspect", {"token": site.redeemed(), "token_type_hint": "refresh_token"}, BY_API)
    assert body(reply)["active"] is True


def test_reads_are_counted_one_event_for_each_caller_outcome_and_minute(site: Site) -> None:
    """Decision 0023: the traffic of an API must not fill the log, and what it asked is there all the same."""
    token = site.redeemed()
    before = len(site.store.events)
    for _ in range(5):
        site.introspect(token)
        site.introspect("nonsense")
        site.introspect(token, BY_WIKI)
    events = list(site.store.events)[before:]
    asked = [(event.fields["actor"]["id"], event.fields.get("reason")) for event in events]
    assert asked == [(API_CLIENT, None), (API_CLIENT, "token_invalid"), (CLIENT, None)]
    assert {event.name for event in events} == {"token.introspected"}
    assert (events[0].fields["subject"], events[0].fields["client_id_at_resource"]) == ("u-alice", CLIENT)
    site.clock.now += 60
    site.introspect(token)
    assert site.event().fields["inputs"]["repeats"] == 4
    assert token not in repr(list(site.store.events))


def by_assertion(proof: str, token: str) -> dict[str, str | None]:
    return {
        "token": token,
        "client_assertion_type": names.CLIENT_ASSERTION_TYPE,
        "client_assertion": proof,
    }


def test_an_assertion_of_a_caller_is_good_once(site: Site) -> None:
    """CAU-05: even where nothing else is written."""
    token = site.redeemed()
    signed = {"signer": KEY_API, "iss": KEY_API, "sub": KEY_API}
    proof = ""
    for _ in range(2):  # the second one of a minute has no event, and is used up all the same
        proof = client_assertion(**signed)
        reply = site.ask("introspect", by_assertion(proof, token), None)
        assert body(reply)["active"] is True
    again = site.ask("introspect", by_assertion(proof, token), None)
    assert_refused(site, again, "invalid_client", "client_assertion_replay")
    assert len(site.events("token.refused")) == 1


def test_a_store_that_is_down_is_503_and_never_inactive() -> None:
    """AT-04: an API must not turn people away because we do not know."""

    class Down(MemoryStore):
        def token(self, jti: str) -> Kept | None:
            raise OSError(jti)

    site = Site(store=Down(), config=site_config())
    reply = site.introspect(minted())
    assert (reply.status, body(reply)["error"]) == (503, "temporarily_unavailable")
    assert "active" not in body(reply)


def test_an_answer_that_cannot_be_recorded_is_none() -> None:
    """Contract section 9: no answer without its event."""

    class ReadOnly(MemoryStore):
        def commit(self, record: Record) -> Any:
            raise OSError(record.decision_id)

    site = Site(store=ReadOnly(), config=site_config())
    assert site.introspect("nonsense").status == 503


def test_a_store_without_tokens_serves_no_introspection() -> None:
    """AT-04: it could only lie; what redeems goes on."""

    class Plain:
        """A Store and nothing else."""

        def __init__(self) -> None:
            memory = MemoryStore()
            self.linked, self.links_of, self.ready = memory.linked, memory.links_of, memory.ready
            self.by_id, self.by_email, self.commit = memory.by_id, memory.by_email, memory.commit

    site = Site(store=Plain(), config=site_config())
    assert site.ras.endpoints == ()
    with pytest.raises(Exception, match="the store keeps no tokens"):
        site.introspect("nonsense")


def test_another_tenant_of_ours_knows_nothing(tmp_path: Path) -> None:
    """TEN-10: an endpoint of one tenant speaks of its clients' tokens alone."""
    tenants = tuple(client(issuers=frozenset({IDP}), tenant=tenant) for tenant in ("acme", "globex"))
    with site_in("memory", tmp_path) as site:
        usual = site_config()
        site.ras.configure(replace(usual, clients=tenants))
        site.store.put(replace(site.store.by_id("u-alice"), tenant="acme"))
        token = body(site.ras.token(request(), tenant="acme"))["access_token"]
        asked = {tenant: site.introspect(token, BY_WIKI, tenant=tenant) for tenant in ("acme", "globex")}
        assert body(asked["acme"])["active"] is True
        assert body(asked["globex"]) == INACTIVE
        assert body(site.introspect(token, tenant="acme"))["active"] is True
        assert body(site.introspect(token, tenant="globex")) == INACTIVE
