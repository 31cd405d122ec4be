"""``POST /targets``: which ID-JAGs an app could get for a person, and nobody else's (MET-18)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.idp.app import subjects_of
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.targets import Targets
from idjag.idp.throttle import Throttle
from idjag.ledger.entry import Insert, Row, Update
from idjag.protocol import metadata, names
from tests.idp.grants.acme import API, CHAT, FILES, ISSUER, NOW, SECRETS, TENANT, Acme, Answer, acme
from tests.idp.grants.acme_state import app, chat, connection, rule, state
from tests.idp.grants.offline import ask, offline_state, refresh, sign_in
from tests.proofs import proof

URI = f"{ISSUER}/targets"
PAY = "https://pay.example"
READ = {"audience": CHAT, "resource": API, "scope": "chat.history chat.read"}
FILE = {"audience": CHAT, "resource": FILES, "scope": "chat.read"}


def two_targets(**changes: Any) -> dict[str, Any]:
    """Wiki may reach Chat and, with a key, Pay; Notes may reach neither."""
    bound = rule(scopes=["look"], default_scopes=["look"], conditions={"key_bound": True})
    pay = {"id": "pay", "issuer": PAY, "scopes": ["look", "pay"]}
    parts = {
        "resource_apps": [chat(), pay],
        "connections": [connection(), connection(id="wiki-pay", to="pay", client_id="w", rules=[bound])],
    }
    return state(**parts | changes)


@pytest.fixture
def site() -> Iterator[Acme]:
    with acme(two_targets()) as running:
        yield running


def look(
    idp: Acme, token: str | None, *, client: str = "wiki", dpop: str | None = None, **form: Any
) -> Answer:
    """One question; None takes a parameter out."""
    asked = {"subject_token": token, "subject_token_type": names.ID_TOKEN} | form
    endpoint = ClientEndpoint(idp.services, Targets(subjects_of(idp.services)), uri=URI)
    kept = {name: value for name, value in asked.items() if value is not None}
    return ask(idp, kept, client=client, dpop=dpop, to=endpoint)


def listed(answer: Answer) -> list[dict[str, Any]]:
    """The targets, but for what they all say."""
    assert answer.status == 200, answer.json
    targets = answer.json["supported_targets"]
    assert all(one["supported_token_types"] == [names.ID_JAG_TOKEN] for one in targets)
    return [{k: v for k, v in one.items() if k != "supported_token_types"} for one in targets]


def test_an_app_learns_what_it_could_get_for_this_person(site: Acme) -> None:
    """MET-18."""
    answer = look(site, site.sign_in())

    assert listed(answer) == [READ, FILE]
    assert answer.header("cache-control") == "no-store"
    event = site.events("targets.listed")[-1]
    assert event["decision_id"] == answer.header("x-decision-id")
    assert (event["subject"], event["requesting_app"]) == (site.person("alice"), site.app_id("wiki"))
    assert event["inputs"] == {"targets": 2}


def test_every_target_is_one_that_the_exchange_grants_just_so(site: Acme) -> None:
    """MET-18, attack case 78: the preview equals the decision."""
    token = site.sign_in()
    for target in listed(look(site, token)):
        answer = site.exchange(token, **target)
        assert sorted(answer.json["scope"].split()) == target["scope"].split()


def test_nothing_to_get_is_an_empty_list(site: Acme) -> None:
    """MET-18: for a person of another group, and for an app without connections; no hint why."""
    for answer in (look(site, site.sign_in("bob")), look(site, site.sign_in(client="notes"), client="notes")):
        assert (answer.status, answer.json["supported_targets"]) == (200, [])


def test_a_proof_of_a_key_opens_what_needs_one(site: Acme) -> None:
    """MET-18, DPOP-02: as at the exchange; a proof for another endpoint is none."""
    token = site.sign_in()
    bound = {"audience": PAY, "scope": "look"}
    assert bound in listed(look(site, token, dpop=proof(URI, now=NOW)))
    assert bound not in listed(look(site, token))
    assert look(site, token, dpop=proof(f"{ISSUER}/token", now=NOW)).error == "invalid_dpop_proof"
    once = proof(URI, now=NOW)
    assert [look(site, token, dpop=once).status for _ in range(2)] == [200, 400]


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda idp: hold(idp, "app", idp.app_id("wiki")), id="the app is held"),
        pytest.param(lambda idp: hold(idp, "user", idp.person("alice")), id="the person is held"),
        pytest.param(
            lambda idp: hold(idp, "connection", idp.row("connection", "key", "wiki-chat")["id"]),
            id="the connection is held",
        ),
        pytest.param(
            lambda idp: hold(idp, "resource-app", idp.row("resource_app", "key", "chat")["id"]),
            id="the resource app is held",
        ),
        pytest.param(
            lambda idp: idp.apply(two_targets(connections=[connection(status="paused")])), id="paused"
        ),
        pytest.param(
            lambda idp: idp.apply(two_targets(resource_apps=[chat(status="disabled")])), id="disabled"
        ),
    ],
)
def test_what_stops_exchanges_takes_the_target_away(site: Acme, stop: Any) -> None:
    """XCH-21, MET-18: with the very next question."""
    token = site.sign_in()
    assert listed(look(site, token)) == [READ, FILE]
    stop(site)
    assert READ not in listed(look(site, token))
    assert site.exchange(token).error != "issued"


def hold(idp: Acme, kind: str, target: str) -> None:
    words: Row = {"tenant_id": TENANT, "app": "", "reason": "", "by": "", "since": NOW, "until": None}
    idp.write(Insert("hold", {"id": idp.new_id(), "kind": kind, "target": target, **words}))


def test_what_could_not_be_told_of_this_person_is_no_target(site: Acme) -> None:
    """JAG-27, MET-18: an exchange would be refused for it."""
    claims = {f"c{number}": {"attribute": f"a{number}"} for number in range(9)}
    text = two_targets(resource_apps=[chat(claims=claims)], connections=[connection()])
    text["users"][0]["attributes"] = {f"a{number}": "x" * 255 for number in range(9)}
    site.apply(text)
    token = site.sign_in()
    assert site.exchange(token).error == "access_denied"
    assert listed(look(site, token)) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"aud": "notes"}, "subject_token_audience", id="of another client"),
        pytest.param({"exp": NOW - 61}, "subject_token_expired", id="expired"),
        pytest.param({"sid": "unknown"}, "session_ended", id="of no session"),
        pytest.param({"sub": "nobody"}, "subject_unknown", id="of nobody"),
        pytest.param({"client_id": "wiki"}, "subject_token_type", id="another kind of token"),
    ],
)
def test_a_subject_token_is_checked_as_at_the_exchange(site: Acme, changes: Any, reason: str) -> None:
    """MET-18, XCH-36 to XCH-43: and nothing is listed."""
    answer = look(site, site.sign_in(**changes))
    assert (answer.status, answer.error) == (400, "invalid_grant")
    assert "supported_targets" not in answer.json
    assert site.events("token.refused")[-1]["reason"] == reason


def test_a_session_that_ended_lists_nothing_even_if_nothing_could_be_got(site: Acme) -> None:
    """XCH-43: the answer must not depend on what the app could get."""
    for username in ("alice", "bob"):
        token = site.sign_in(username)
        site.end_session(token)
        assert look(site, token).error == "invalid_grant"
    person = site.person("alice")
    token = site.sign_in()
    site.write(Update("person", {"id": person}, {"status": "disabled"}))
    assert look(site, token).error == "invalid_grant"
    assert site.events("token.refused")[-1]["reason"] == "person_disabled"


def test_a_refresh_token_asks_too_and_is_not_used_up() -> None:
    """MET-18, XCH-48; a rotated one ends its family (attack case 56)."""
    with acme(offline_state()) as idp:
        token = sign_in(idp).refresh_token
        kind = {"subject_token_type": names.REFRESH_TOKEN_TYPE}
        assert READ in listed(look(idp, token, **kind))
        assert READ in listed(look(idp, token, **kind))
        assert look(idp, token, client="notes", **kind).error == "invalid_grant"
        newer = refresh(idp, token).json["refresh_token"]
        assert look(idp, token, **kind).error == "invalid_grant"
        assert look(idp, newer, **kind).error == "invalid_grant"
        assert idp.events("token.revoked")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        pytest.param({"subject_token_type": names.SAML2_TOKEN}, "unsupported_token_type", id="saml2"),
        pytest.param(
            {"subject_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            "unsupported_token_type",
            id="an access token",
        ),
        pytest.param({"subject_token_type": None}, "invalid_request", id="no type"),
        pytest.param({"subject_token": None}, "invalid_request", id="no token"),
        pytest.param({"actor_token": "x"}, "invalid_request", id="an actor"),
    ],
)
def test_a_question_in_another_shape_is_refused(site: Acme, form: dict[str, Any], error: str) -> None:
    """MET-18: the error of the draft for a type that is not supported."""
    assert (look(site, site.sign_in(), **form).status, look(site, site.sign_in(), **form).error) == (
        400,
        error,
    )


def test_only_an_authenticated_app_that_may_exchange_asks(site: Acme) -> None:
    """MET-18, XCH-51, XCH-52."""
    text = two_targets()
    text["apps"] += [app("chat-rp", grants=["authorization_code"])]
    text["apps"] += [app("desk", kind="native", auth={"method": "none"}, grants=["authorization_code"])]
    site.apply(text)
    token = site.sign_in()
    assert look(site, token, client="nobody").error == "invalid_client"
    assert look(site, token, client="desk").error == "unauthorized_client"
    assert site.events("refused.before_authentication")[-1]["reason"] == "client_public"
    assert look(site, token, client="chat-rp").error == "unauthorized_client"


def test_guessing_secrets_is_slowed_down_here_too(site: Acme) -> None:
    """XCH-63: one count for all endpoints, so that there is no quieter door."""
    operation = Targets(subjects_of(site.services))
    site.endpoint = ClientEndpoint(site.services, operation, uri=URI, throttle=Throttle(limit=5))
    right = urlencode({"subject_token": site.sign_in(), "subject_token_type": names.ID_TOKEN})
    assert [site.post(right, credentials=("wiki", "guess")).status for _ in range(5)] == [401] * 5
    assert site.post(right, credentials=("wiki", SECRETS["wiki"])).status == 429
    assert site.post(right, credentials=("wiki", SECRETS["wiki"]), source="192.0.2.9").status == 200
    assert SECRETS["wiki"] not in repr(site.events())


def test_the_endpoint_is_advertised() -> None:
    """MET-18, attack case 235."""
    document = metadata.identity_provider(ISSUER, base=ISSUER, scopes=["openid"], acrs=["a"])
    assert document["token_exchange_target_service_discovery_endpoint"] == URI
