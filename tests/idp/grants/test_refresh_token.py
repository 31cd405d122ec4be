"""The refresh token grant: what it gives, how often, and who may ask."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.app import new_id
from idjag.idp.families import look_up
from idjag.idp.grants.sign_in_tokens import SignInTokens
from idjag.idp.snapshot import Snapshot
from idjag.ledger.entry import Entry, Facts, Insert, Key, Row, Verdict
from idjag.ledger.memory import MemoryLedger
from tests.idp.grants.acme import ISSUER, NOW, TENANT, Acme, acme
from tests.idp.grants.offline import (
    OFFLINE,
    ONLINE,
    SCOPES,
    another_code,
    apps,
    ask,
    claims_of,
    code,
    exchange,
    family,
    introspect,
    offline_state,
    redeem,
    refresh,
    sign_in,
)

HOUR = 3600


def refused(answer: Any) -> bool:
    """Whether the answer is the one refusal that all broken refresh tokens get."""
    text = str(answer.json.get("error_description", "")).partition(" (ref ")[0]
    return (answer.status, answer.error, text) == (
        400,
        "invalid_grant",
        "The refresh token was not accepted.",
    )


def reasons(idp: Acme, name: str) -> list[str]:
    """Why, of every event of this name."""
    return [event["reason"] for event in idp.events(name)]


def test_a_refresh_gives_new_tokens_of_the_same_sign_in(stay: Acme) -> None:
    """OIDC-17; OpenID Connect Core section 12.2; interop fact 8."""
    first = sign_in(stay)
    stay.clock.now += HOUR

    answer = refresh(stay, first.refresh_token)

    kept = ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid", "session_expiry")
    claims, before = claims_of(answer.json["id_token"]), first.claims
    assert answer.status == 200
    assert {name: claims[name] for name in kept} == {name: before[name] for name in kept}
    assert (claims["iat"], claims["exp"]) == (NOW + HOUR, NOW + 2 * HOUR)
    assert ("nonce" in claims, before["nonce"]) == (False, "n-1")
    assert answer.json.keys() == {
        "access_token",
        "token_type",
        "expires_in",
        "scope",
        "id_token",
        "refresh_token",
    }
    assert answer.json["scope"] == " ".join(SCOPES)
    assert answer.json["refresh_token"] != first.refresh_token
    assert (answer.header("cache-control"), answer.json["token_type"]) == ("no-store", "Bearer")
    (event,) = stay.events("token.refreshed")
    assert (event["subject"], event["requesting_app"]) == (stay.person("alice"), stay.app_id("wiki"))
    assert (event["auth_time"], event["scopes_granted"]) == (NOW, list(SCOPES))
    assert stay.exchange(answer.json["id_token"]).status == 200


@pytest.mark.parametrize(
    ("scopes", "changes", "given"),
    [
        pytest.param(SCOPES, {}, 1, id="asked for and registered"),
        pytest.param(SCOPES[:3], {}, 0, id="not asked for"),
        pytest.param(SCOPES, ONLINE, 0, id="not registered any more"),
    ],
)
def test_a_refresh_token_comes_with_offline_access_alone(
    stay: Acme, scopes: tuple[str, ...], changes: dict[str, Any], given: int
) -> None:
    """OIDC-17."""
    value, _ = code(stay, scopes=scopes)
    stay.apply(apps(wiki=changes))

    answer = redeem(stay, value)

    assert answer.status == 200
    assert ("refresh_token" in answer.json, "offline_access" in answer.json["scope"]) == (given, given)
    (row,) = stay.ledger.read((key := Key("family", "tenant_id", TENANT),))(key)
    assert (row["offline"], row["sid"] is not None) == (given, given)


def test_a_refresh_token_has_256_random_bits_and_is_stored_as_its_digest(tmp_path: Path) -> None:
    """Architecture section 7; RFC 6749 section 10.10."""
    values = {SignInTokens(ISSUER, new_id).value() for _ in range(100)}
    assert (len(values), {len(value) for value in values}) == (100, {44})  # 2 x 16 octets in base64url
    with acme(offline_state(), database=tmp_path / "idp.db") as idp:
        tokens = sign_in(idp)
        refreshed = refresh(idp, tokens.refresh_token).json["refresh_token"]
    with closing(sqlite3.connect(tmp_path / "idp.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert [one in dump for one in (tokens.refresh_token, refreshed)] == [False, False]
    assert hashlib.sha256(refreshed.encode()).hexdigest() in dump


def test_every_use_rotates_and_the_newest_goes_on(stay: Acme) -> None:
    """OIDC-18."""
    token = sign_in(stay).refresh_token
    seen = {token}
    for _ in range(5):
        token = refresh(stay, token).json["refresh_token"]
        seen.add(token)

    assert len(seen) == 6
    assert len(stay.events("token.refreshed")) == 5


def test_a_rotated_token_that_comes_again_ends_everything_of_its_sign_in(stay: Acme) -> None:
    """OIDC-18; attack case 147; RFC 9700 section 4.14.2."""
    first = sign_in(stay)
    answer = refresh(stay, first.refresh_token)
    newest, newer = answer.json["refresh_token"], answer.json["id_token"]

    assert refused(refresh(stay, first.refresh_token))

    assert reasons(stay, "token.revoked") == ["refresh_token_replayed"]
    assert family(stay, newest)["revoked"] == NOW
    assert refused(refresh(stay, newest))
    assert refused(exchange(stay, newest))
    assert {stay.exchange(one).error for one in (first.id_token, newer)} == {"invalid_grant"}
    assert refresh(stay, sign_in(stay).refresh_token).status == 200  # whoever signs in again starts anew


@pytest.mark.parametrize("use", [refresh, exchange], ids=["refresh", "exchange"])
def test_a_dead_token_does_not_end_one_sign_in_after_the_other(stay: Acme, use: Callable[..., Any]) -> None:
    """OIDC-18: who has an old token can end what came from its own sign-in, once."""
    first = sign_in(stay)
    refresh(stay, first.refresh_token)
    assert refused(use(stay, first.refresh_token))
    reached: Row = {"id": "sa-2", "tenant_id": TENANT, "app_id": stay.app_id("wiki"), "created": NOW}
    stay.write(Insert("session_app", {**reached, "session_id": first.session_id, "sid": "s-2"}))
    later = redeem(stay, another_code(stay, first.session_id)).json

    assert refused(use(stay, first.refresh_token))
    assert stay.exchange(later["id_token"]).error == "issued"
    assert refresh(stay, later["refresh_token"]).status == 200


def test_a_rotated_token_is_known_when_its_one_time_id_is_forgotten(stay: Acme) -> None:
    """OIDC-18: one-time ids are pruned within minutes, a thief may take days."""
    first = sign_in(stay).refresh_token
    assert refresh(stay, first).status == 200
    assert isinstance(stay.ledger, MemoryLedger)
    stay.ledger._store.table("one_time").clear()

    assert refused(refresh(stay, first))
    assert reasons(stay, "token.revoked") == ["refresh_token_replayed"]


def test_a_token_that_another_request_is_using_at_this_moment_is_one_that_comes_again(stay: Acme) -> None:
    """Attack case 147: both have read the row before either of them has written it."""
    token = sign_in(stay).refresh_token
    stored = asyncio.run(look_up(stay.ledger, TENANT, token))
    assert stored is not None

    def decide(_snapshot: Snapshot, _facts: Facts) -> Verdict[None]:
        return Verdict(None, ())

    claimed = (stored.one_time(now=NOW),)
    stay.ledger.commit(Entry(TENANT, "another", NOW, decide, consume_on_success=claimed))

    assert refused(refresh(stay, token))

    assert reasons(stay, "token.revoked") == ["refresh_token_replayed"]
    assert family(stay, token)["revoked"] == NOW


@pytest.mark.parametrize(
    "fail",
    [
        pytest.param(lambda idp, token: refresh(idp, token, scope="openid admin"), id="a wider scope"),
        pytest.param(lambda idp, token: refresh(idp, token, scope="a  b"), id="a malformed scope"),
        pytest.param(lambda idp, token: refresh(idp, token, client="notes"), id="another client"),
        pytest.param(lambda idp, token: refresh(idp, token, client="desk"), id="a public client"),
        pytest.param(
            lambda idp, token: ask(
                idp,
                {"grant_type": "refresh_token", "refresh_token": token, "client_secret": "x"},
                client="wiki",
            ),
            id="two ways of authentication",
        ),
        pytest.param(lambda idp, token: exchange(idp, token, audience="urn:nobody"), id="an exchange"),
    ],
)
def test_a_request_that_fails_uses_nothing_up(stay: Acme, fail: Callable[[Acme, str], Any]) -> None:
    """Architecture section 4: ``consume_on_success``."""
    token = sign_in(stay).refresh_token

    assert fail(stay, token).status in (400, 401)

    assert refresh(stay, token).status == 200


@pytest.mark.parametrize(
    ("token", "client", "reason"),
    [
        pytest.param("dG8gYmUgb3Igbm90IHRvIGJlIHRoYXQgaXM", "wiki", "refresh_token_unknown", id="unknown"),
        pytest.param(None, "notes", "refresh_token_client_mismatch", id="of another client"),
    ],
)
def test_a_token_that_is_not_the_clients_is_refused(
    stay: Acme, token: str | None, client: str, reason: str
) -> None:
    """XCH-45 for the refresh grant; RFC 6749 section 6."""
    own = sign_in(stay).refresh_token

    assert refused(refresh(stay, token or own, client=client))

    assert reasons(stay, "token.refused") == [reason]
    assert refresh(stay, own).status == 200


def test_without_a_token_the_request_is_not_complete(stay: Acme) -> None:
    assert ask(stay, {"grant_type": "refresh_token"}, client="wiki").error == "invalid_request"
    assert refresh(stay, "").error == "invalid_request"


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        pytest.param("", " ".join(SCOPES), id="not said"),
        pytest.param("email openid", "email openid", id="two of them"),
        pytest.param("offline_access", "offline_access", id="nothing about the person"),
    ],
)
def test_a_refresh_may_ask_for_less_and_loses_nothing_by_it(stay: Acme, scope: str, granted: str) -> None:
    """OIDC-19; RFC 6749 section 6."""
    answer = refresh(stay, sign_in(stay).refresh_token, scope=scope)

    assert answer.json["scope"] == granted
    assert ("id_token" in answer.json) == ("openid" in granted)
    again = refresh(stay, answer.json["refresh_token"])
    assert (again.json["scope"], claims_of(again.json["id_token"])["email"]) == (
        " ".join(SCOPES),
        "alice@acme.example",
    )


def test_a_refresh_never_asks_for_more(stay: Acme) -> None:
    """OIDC-19."""
    token = sign_in(stay, scopes=("openid", "offline_access")).refresh_token

    answer = refresh(stay, token, scope="openid email")

    assert (answer.status, answer.error) == (400, "invalid_scope")
    assert reasons(stay, "token.refused") == ["scope_widened"]
    answer = refresh(stay, token)
    assert (answer.json["scope"], "email" in claims_of(answer.json["id_token"])) == (
        "openid offline_access",
        False,
    )


def test_a_scope_that_the_app_has_lost_is_gone_at_the_next_refresh(stay: Acme) -> None:
    token = sign_in(stay).refresh_token
    stay.apply(apps(wiki={"scopes": ["openid", "offline_access"]}))

    answer = refresh(stay, token)

    assert answer.json["scope"] == "openid offline_access"
    assert "email" not in claims_of(answer.json["id_token"])
    assert refresh(stay, answer.json["refresh_token"], scope="email").error == "invalid_scope"


def test_a_refresh_tells_of_the_person_as_they_are_now(stay: Acme) -> None:
    """The claims of the scopes, and nothing of the sign-in, are fresh."""
    token = sign_in(stay).refresh_token
    changed = offline_state()
    changed["users"][0]["email"] = "alice.new@acme.example"
    stay.apply(changed)

    assert claims_of(refresh(stay, token).json["id_token"])["email"] == "alice.new@acme.example"


def test_another_sub_would_be_another_person(stay: Acme) -> None:
    """OIDC-17: the sub is kept, so that an app whose sector changed asks the person to sign in.

    XCH-46, attack case 66: on every way that a token of the sign-in can take.
    """
    tokens = sign_in(stay)
    token = tokens.refresh_token
    stay.apply(apps(wiki={"subject_type": "pairwise"}))
    assert refused(refresh(stay, token))
    assert introspect(stay, token).json == {"active": False}
    assert {exchange(stay, token).error, stay.exchange(tokens.id_token).error} == {"invalid_grant"}
    stay.apply(apps(wiki={"subject_type": "public"}))
    assert introspect(stay, token).json["active"]
    assert {exchange(stay, token).error, stay.exchange(tokens.id_token).error} == {"issued"}
    assert refresh(stay, token).status == 200


def test_an_app_without_the_grant_cannot_refresh(stay: Acme) -> None:
    """XCH-52 for the refresh grant; attack case 16."""
    token = sign_in(stay).refresh_token
    stay.apply(apps(wiki=ONLINE))
    assert refresh(stay, token).error == "unauthorized_client"
    assert refused(exchange(stay, token))
    stay.apply(apps(wiki=OFFLINE))
    assert refresh(stay, token).status == 200
