"""The resource server's side: which tokens open the API, and what a refusal says (AT-03, RAS-49, MET-12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from idjag.protocol.errors import Refused
from idjag.protocol.jose import KeySet
from tests.ras.api import access_token, ask, bearer, challenges, guard
from tests.ras.world import API, CLIENT, FILES, NOW, RAS, World, body, grant, key

METADATA = "https://api.chat.example/.well-known/oauth-protected-resource"
OFFERED = f'DPoP resource_metadata="{METADATA}", scope="chat.read", algs="ES256 RS256 Ed25519"'


def test_a_token_of_our_server_opens_the_api(world: World) -> None:
    """AT-03: from the redemption to the API."""
    token = ask(guard(), bearer(body(world.post())["access_token"]))
    assert (token.sub, token.client_id, token.scopes) == ("u-alice", CLIENT, ("chat.read", "chat.history"))


def test_the_scheme_has_any_case_and_a_list_of_audiences_will_do() -> None:
    token = access_token(aud=[FILES, API])
    assert ask(guard(), [(b"authorization", b"bearer " + token.encode())]).audiences == (FILES, API)


WRONG: list[tuple[str, Callable[[], str]]] = [
    ("an ID-JAG", lambda: grant(key("ras"), iss=RAS, aud=API)),
    ("typ JWT", lambda: access_token(typ="JWT")),
    ("another issuer", lambda: access_token(iss="https://evil.example")),
    ("another audience", lambda: access_token(aud=FILES)),
    ("no audience", lambda: access_token(aud=None)),
    ("an empty audience", lambda: access_token(aud=[])),
    ("another key", lambda: access_token(key("other"))),
    ("expired", lambda: access_token(exp=NOW - 60, iat=NOW - 900)),
    ("from the future", lambda: access_token(iat=NOW + 61)),
    ("bound in a way that we cannot check", lambda: access_token(cnf={"x5t#S256": "x"})),
    ("no sub", lambda: access_token(sub=None)),
    ("nonsense", lambda: "nonsense"),
    ("too long", lambda: "x" * 20_000),
]


@pytest.mark.parametrize(("_why", "make"), WRONG, ids=[why for why, _ in WRONG])
def test_no_other_token_opens_it(_why: str, make: Callable[[], str]) -> None:
    """RAS-49, AT-03, attack case 82; RFC 6750 section 3: the error is the one of the scheme that was used."""
    checking = guard()
    with pytest.raises(Refused, match="token_invalid") as refusal:
        ask(checking, bearer(make()))
    reply = checking.refusal(refusal.value)
    assert (reply.status, body(reply)["error"]) == (401, "invalid_token")
    bearer_challenge = f'Bearer error="invalid_token", resource_metadata="{METADATA}", scope="chat.read"'
    assert challenges(reply) == [bearer_challenge, OFFERED]


def test_a_request_without_a_token_is_told_where_to_learn_more() -> None:
    """MET-12, RFC 6750 section 3.1: no error code for what was not sent."""
    checking = guard()
    with pytest.raises(Refused, match="token_missing") as refusal:
        ask(checking, [(b"host", b"api.chat.example")])
    bearer_challenge = f'Bearer resource_metadata="{METADATA}", scope="chat.read"'
    assert challenges(checking.refusal(refusal.value)) == [bearer_challenge, OFFERED]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Basic eDp5")],
        [(b"authorization", b"Bearer \xff")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"DPoPx " + access_token().encode())],
        [*bearer(access_token()), *bearer(access_token())],
        [*bearer(access_token()), (b"authorization", b"DPoP " + access_token().encode())],
    ],
    ids=["Basic", "not ASCII", "no token", "another scheme", "two", "two schemes"],
)
def test_only_one_token_is_read(headers: list[tuple[bytes, bytes]]) -> None:
    """Attack case 20: which of two would count is nobody's guess; the answer offers what would do."""
    checking = guard()
    with pytest.raises(Refused, match="token_invalid") as refusal:
        ask(checking, headers)
    first, second = challenges(checking.refusal(refusal.value))
    assert first.startswith('Bearer error="invalid_token"')
    assert second == OFFERED


def test_a_missing_scope_is_another_refusal() -> None:
    """Contract section 7: 403 insufficient_scope; clients ask again for what is named."""
    checking = guard()
    headers = bearer(access_token())
    assert ask(checking, headers, scopes=("chat.history",)).sub == "u-alice"
    with pytest.raises(Refused, match="scope_insufficient") as refusal:
        ask(checking, headers, scopes=("chat.write",))
    reply = checking.refusal(refusal.value, scopes=("chat.write",))
    assert (reply.status, body(reply)["error"]) == (403, "insufficient_scope")
    [challenge] = challenges(reply)  # another scheme would not help
    assert challenge.startswith('Bearer error="insufficient_scope"')
    assert 'scope="chat.read chat.write"' in challenge


def test_keys_may_be_fetched_by_kid() -> None:
    """A resource server far from its RAS."""
    asked: list[str | None] = []

    def keys(kid: str | None) -> KeySet:
        asked.append(kid)
        if kid == "down":
            raise OSError("no route")
        return KeySet([key("ras").public])

    checking = guard(keys=keys)
    assert ask(checking, bearer(access_token())).sub == "u-alice"
    assert asked == ["ras"]
    with pytest.raises(Refused, match="unavailable") as refusal:
        ask(checking, bearer(access_token(key("down"))))
    assert checking.refusal(refusal.value).status == 503
    with pytest.raises(Refused, match="token_invalid"):
        ask(checking, bearer("nonsense"))
