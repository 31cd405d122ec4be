"""Guards of the grants that need facts which no request can make: other tenants, other moments."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from idjag.idp import facts
from idjag.idp.endpoint import ClientEndpoint
from idjag.idp.grants.subject_tokens import SubjectTokens
from idjag.idp.served import served
from idjag.idp.signin.codes import Code, code_key, one_time
from idjag.idp.subjects import Origins
from idjag.idp.token import Token
from idjag.ledger.entry import Conflict, Update
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import parse
from idjag.protocol.jose import jws
from idjag.protocol.names import MAX_SUBJECT_TOKEN, SKEW
from idjag.protocol.token_exchange import parse as exchange_of
from tests.idp.grants.acme import (
    ISSUER,
    NOW,
    TENANT,
    Acme,
    AnyLedger,
    acme,
    chat,
    connection,
    rule,
    state,
)
from tests.idp.grants.offline import SCOPES, apps, code, introspect, redeem, sign_in


def test_a_code_of_another_tenant_is_not_found(stay: Acme) -> None:
    """Attack case 165; positive control: the next one, of ours."""
    theirs, ours = code(stay)[0], code(stay)[0]
    stay.write(Update("code", {"id": code_key(theirs).value}, {"tenant_id": "t2"}))
    assert redeem(stay, theirs).error == "invalid_grant"
    assert stay.events("token.refused")[-1]["reason"] == "code_unknown"
    assert redeem(stay, ours).status == 200


def test_a_used_code_is_remembered_until_every_clock_has_seen_its_end(stay: Acme) -> None:
    """OIDC-06: a clock that is behind ours must not bring it back."""
    key = code_key(code(stay)[0])
    made = Code.of(stay.ledger.read((key,))(key)[0])
    assert one_time(made).until > made.expires + SKEW


def test_a_person_who_is_gone_is_served_nothing(stay: Acme) -> None:
    """Attack case 160."""
    client = stay.snapshot.clients["wiki"]
    with pytest.raises(Refused) as refused:
        served(lambda _key: (), client, "nobody", epoch=0, now=NOW)
    assert refused.value.reason is Reason.SUBJECT_UNKNOWN


def test_an_introspected_token_says_what_the_app_may_still_have(stay: Acme) -> None:
    """AT-04, OIDC-19: a scope that the app has lost is not in it."""
    token = sign_in(stay).refresh_token
    assert introspect(stay, token).json["scope"] == " ".join(SCOPES)
    stay.apply(apps(wiki={"scopes": ["openid", "offline_access"]}))
    assert introspect(stay, token).json["scope"] == "openid offline_access"


def test_a_session_that_was_revoked_is_over_even_if_nobody_ended_it(idp: Acme) -> None:
    """Attack case 160: either word is enough; positive control: neither was said."""
    token = idp.sign_in()
    sid = str(jws.parse(token, max_bytes=MAX_SUBJECT_TOKEN).claims["sid"])
    session_id = idp.row("session_app", "sid", sid)["session_id"]
    assert idp.exchange(token).error == "issued"
    idp.write(Update("session", {"id": session_id}, {"revoked": NOW}))
    assert idp.exchange(token).error == "invalid_grant"


def test_an_address_that_nobody_verified_is_said_to_be_none() -> None:
    """JAG-22, attack case 169; positive control: alice's, which somebody has."""
    people = state()["users"]
    text = state(
        users=[one | {"groups": ["engineering"]} for one in people], resource_apps=[chat(release=["email"])]
    )
    with acme(text) as idp:
        grants = [idp.exchange(idp.sign_in(name)).grant for name in ("alice", "bob")]
    assert [(grant["email"], grant["email_verified"]) for grant in grants] == [
        ("alice@acme.example", True),
        ("bob@acme.example", False),
    ]


def test_a_rule_may_want_an_address_of_the_app(idp: Acme) -> None:
    """Condition networks: where the exchange comes from; positive control: from inside."""
    idp.apply(state(connections=[connection(rules=[rule(conditions={"networks": ["203.0.113.0/24"]})])]))
    token = idp.sign_in()
    assert idp.exchange(token, source="203.0.113.9").error == "issued"
    assert idp.exchange(token, source="198.51.100.9").error == "access_denied"
    assert idp.exchange(token, source="").error == "access_denied"


def test_a_step_up_says_which_sign_in_would_do(idp: Acme) -> None:
    """XCH-59, RFC 9470: the level by its name; positive control: a sign-in of that level."""
    level = "urn:idjag:acr:pwd"
    idp.apply(state(connections=[connection(rules=[rule(conditions={"acr": [level]})])]))
    answer = idp.exchange(idp.sign_in(acr="urn:acme:less"))
    assert (answer.error, answer.json["acr_values"]) == ("insufficient_user_authentication", level)
    assert "max_age" not in answer.json
    assert idp.exchange(idp.sign_in()).error == "issued"


class Few(Origins):
    """What remembers two."""

    LIMIT = 2


def test_what_is_remembered_of_subject_tokens_is_bounded(idp: Acme) -> None:
    """Promise P12; the positive control: it is found all the same."""
    few, wiki = Few(idp.ledger), idp.app_id("wiki")
    for _ in range(4):
        claims = jws.parse(idp.sign_in(), max_bytes=MAX_SUBJECT_TOKEN).claims
        sub, sid = str(claims["sub"]), str(claims["sid"])
        found = asyncio.run(few.find(tenant=TENANT, sector="", sub=sub, app=wiki, sid=sid))
        assert found[0] == idp.person("alice")
    assert len(few._known) == 2


class Moving:
    """A ledger whose policy has moved whenever an entry comes to its turn."""

    def __init__(self, inner: AnyLedger) -> None:
        self.inner = inner
        self.entries = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def submit(self, _entry: object) -> Future[Any]:
        """Whatever it is, it was decided on old facts."""
        self.entries += 1
        done: Future[Any] = Future()
        done.set_exception(Conflict("the policy moved"))
        return done


def test_a_policy_that_moves_at_every_attempt_is_503_and_no_refusal(idp: Acme) -> None:
    """XCH-21: nobody is told no because we could not decide, and nobody waits for ever."""
    moving: Any = Moving(idp.ledger)
    idp.endpoint = ClientEndpoint(replace(idp.services, ledger=moving), Token(idp.grants))
    answer = idp.exchange(idp.sign_in())
    assert (answer.status, answer.error) == (503, "temporarily_unavailable")
    assert 1 < moving.entries < 10


@pytest.mark.parametrize("change", ["id", "sector"])
def test_a_client_that_became_another_one_under_way_starts_over(stay: Acme, change: str) -> None:
    """Whom an ID token is about was found for this client in this sector; unchanged, it is the same."""
    client, snapshot = stay.snapshot.clients["wiki"], stay.snapshot
    subjects = SubjectTokens(ISSUER, stay.ledger, Origins(stay.ledger))
    asked = exchange_of(parse(stay.form(stay.sign_in()).encode()))
    before = asyncio.run(subjects.find(asked, client, snapshot, now=NOW))
    assert subjects.again(before, asked, client, snapshot, was=client, now=NOW) == before
    changes: dict[str, Any] = {change: "another"}
    was = replace(client, app=replace(client.app, **changes))
    with pytest.raises(Refused) as refused:
        subjects.again(before, asked, client, snapshot, was=was, now=NOW)
    assert refused.value.reason is Reason.SUBJECT_UNKNOWN


def test_where_another_person_signed_in_from_is_no_fact_about_this_one(stay: Acme) -> None:
    """Condition signin_networks: the session's address counts for the person of the session alone."""
    client, snapshot = stay.snapshot.clients["wiki"], stay.snapshot
    subjects = SubjectTokens(ISSUER, stay.ledger, Origins(stay.ledger))
    asked = exchange_of(parse(stay.form(stay.sign_in()).encode()))
    subject = asyncio.run(subjects.find(asked, client, snapshot, now=NOW))
    people = {name: stay.person(name) for name in ("alice", "bob")}
    keys = [key for person_id in people.values() for key in facts.person_keys(person_id)]
    found = stay.ledger.read((*keys, *subject.reads))

    def seen(name: str) -> str:
        person = facts.person(found, people[name])
        return str(subject.standing(found, client, person, jkt=None, now=NOW).sign_in.address)

    assert [seen("alice"), seen("bob")] == ["192.0.2.7", "None"]
