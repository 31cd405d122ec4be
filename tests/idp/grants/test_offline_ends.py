"""What ends offline access, what only stops it for a while, and what it survives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import pytest

from idjag.ledger.entry import Delete, Insert, Update
from idjag.policy.model import HoldKind
from tests.idp.grants.acme import NOW, TENANT, Acme, acme, app
from tests.idp.grants.offline import (
    OFFLINE,
    ONLINE,
    Tokens,
    apps,
    code,
    exchange,
    family,
    offline_state,
    redeem,
    refresh,
    session,
    sign_in,
)

Deed: TypeAlias = Callable[[Acme, Tokens], object]


def people(**changes: Any) -> dict[str, Any]:
    """The state with alice changed."""
    made = offline_state()
    made["users"][0] |= changes
    return made


def without(section: str, key: str, name: str) -> dict[str, Any]:
    """The state without one thing, and without what leans on it."""
    made = offline_state(connections=[], resource_apps=[])
    made[section] = [one for one in made[section] if one[key] != name]
    return made


def hold(idp: Acme, kind: str, target: str, *, within: str = "") -> None:
    """The kill switch."""
    row = {"id": "h-1", "tenant_id": TENANT, "kind": kind, "target": target, "app": within}
    idp.write(Insert("hold", {**row, "reason": "incident", "by": "root", "since": NOW, "until": None}))


def release(idp: Acme, _tokens: Tokens) -> None:
    idp.write(Delete("hold", {"id": "h-1"}))


def remade(idp: Acme, _tokens: Tokens) -> None:
    """The app goes, and another one comes under its names."""
    idp.apply(without("apps", "id", "wiki"), prune=True)
    idp.apply(offline_state())


def gone(idp: Acme, _tokens: Tokens) -> None:
    idp.apply(without("users", "username", "alice"), prune=True)


@dataclass(frozen=True)
class Ending:
    """Something that stops a sign-in; ``undo`` None: for good.

    ``refresh``, ``exchange``, ``id_token``: error and reason of a refresh, an exchange with the refresh token
    and one with the ID token afterwards.
    """

    do: Deed
    refresh: tuple[str, str]
    exchange: tuple[str, str]
    id_token: tuple[str, str]
    undo: Deed | None = None


def ending(do: Deed, reason: str, *, error: str = "invalid_grant", undo: Deed | None = None) -> Ending:
    """One that looks the same to every request; only a refresh says nothing of rules."""
    return Ending(do, ("invalid_grant", reason), (error, reason), (error, reason), undo)


ISSUED = ("issued", "")
COUNTED = ("invalid_client", "")  # strangers have one event a minute
ENDINGS = {
    "the person is disabled": ending(lambda idp, _: idp.apply(people(status="disabled")), "person_disabled"),
    "the person's epoch moves on, as with a new password": ending(
        lambda idp, _: idp.write(Update("person", {"id": idp.person("alice")}, {"epoch": 1})), "session_ended"
    ),
    "the person is deleted": replace(
        ending(gone, "refresh_token_unknown"), id_token=("invalid_grant", "subject_unknown")
    ),
    "a hold on the person": ending(
        lambda idp, _: hold(idp, "user", idp.person("alice")), "held", error="access_denied", undo=release
    ),
    "a hold on the app": ending(
        lambda idp, _: hold(idp, "app", idp.app_id("wiki")), "held", error="access_denied", undo=release
    ),
    "a hold on the person in the app": ending(
        lambda idp, _: hold(idp, HoldKind.USER_IN_APP, idp.person("alice"), within=idp.app_id("wiki")),
        "held",
        error="access_denied",
        undo=release,
    ),
    "the assignment is withdrawn": ending(
        lambda idp, _: idp.apply(apps(wiki={"assigned": {"groups": ["sales"]}})),
        "not_assigned",
        error="access_denied",
        undo=lambda idp, _: idp.apply(offline_state()),
    ),
    "the app is disabled": Ending(
        lambda idp, _: idp.apply(apps(wiki={"status": "disabled"})),
        ("invalid_client", "client_disabled"),
        COUNTED,
        COUNTED,
        undo=lambda idp, _: idp.apply(offline_state()),
    ),
    "the app is deleted, and made again": replace(
        ending(remade, "refresh_token_unknown"), id_token=("invalid_grant", "session_ended")
    ),
    "offline access is withdrawn from the app": Ending(
        lambda idp, _: idp.apply(apps(wiki=ONLINE)),
        ("unauthorized_client", "grant_not_allowed"),
        ("invalid_grant", "offline_access_withdrawn"),
        ISSUED,  # the session stands
        undo=lambda idp, _: idp.apply(offline_state()),
    ),
    "the session is revoked": ending(
        lambda idp, tokens: session(idp, tokens, ended=NOW, revoked=NOW), "session_ended"
    ),
    "the session is revoked long after its end": ending(
        lambda idp, tokens: session(idp, tokens, expires=NOW - 1, revoked=NOW), "session_ended"
    ),
    "nobody can say what became of the session": ending(
        lambda idp, tokens: idp.write(Delete("session", {"id": tokens.session_id})), "session_ended"
    ),
    "the app is signed out of the session by name": ending(
        lambda idp, tokens: idp.write(Delete("session_app", {"session_id": tokens.session_id})),
        "session_ended",
    ),
}


def outcome(idp: Acme, answer: Any) -> tuple[str, str]:
    """The error, and the reason in the audit log."""
    if answer.status == 200:
        return ISSUED
    found = [event for event in idp.events() if event["decision_id"] == answer.json["decision_id"]]
    return answer.error, found[0]["reason"] if found else ""


@pytest.mark.parametrize("name", ENDINGS)
def test_what_ends_it_ends_it_for_every_request(name: str) -> None:
    """AT-07, XCH-43, XCH-44; attack cases 149, 158, 160, 161: at once, and for good unless it says not."""
    case = ENDINGS[name]
    with acme(offline_state()) as idp:
        refreshed, exchanged = sign_in(idp), sign_in(idp)
        case.do(idp, refreshed)
        if case.undo is None:
            case.do(idp, exchanged)

        assert outcome(idp, refresh(idp, refreshed.refresh_token)) == case.refresh
        assert outcome(idp, exchange(idp, exchanged.refresh_token)) == case.exchange
        assert outcome(idp, idp.exchange(exchanged.id_token)) == case.id_token

        if case.undo:
            case.undo(idp, refreshed)
            assert refresh(idp, refreshed.refresh_token).status == 200
            assert exchange(idp, exchanged.refresh_token).status == 200


def test_a_person_who_is_enabled_again_signs_in_again(stay: Acme) -> None:
    """AT-07; attack case 149: nothing of before revives."""
    tokens = sign_in(stay)
    stay.apply(people(status="disabled"))
    stay.apply(offline_state())

    answers = (
        refresh(stay, tokens.refresh_token),
        exchange(stay, tokens.refresh_token),
        stay.exchange(tokens.id_token),
    )

    assert {outcome(stay, answer) for answer in answers} == {("invalid_grant", "session_ended")}
    assert exchange(stay, sign_in(stay).refresh_token).status == 200


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda idp, tokens: session(idp, tokens, ended=NOW), id="signed out"),
        pytest.param(lambda idp, tokens: session(idp, tokens, expires=NOW), id="run out"),
    ],
)
def test_offline_access_survives_the_end_of_its_session(stay: Acme, end: Deed) -> None:
    """Decision 0025; OpenID Connect Back-Channel Logout section 2.7: only a revocation ends it."""
    tokens = sign_in(stay)
    online = stay.sign_in()
    end(stay, tokens)
    stay.end_session(online)

    assert exchange(stay, tokens.refresh_token).status == 200
    assert stay.exchange(tokens.id_token).status == 200
    answer = refresh(stay, tokens.refresh_token)
    assert stay.exchange(answer.json["id_token"]).status == 200
    assert outcome(stay, stay.exchange(online)) == ("invalid_grant", "session_ended")


def test_an_id_token_ends_with_the_offline_access_that_kept_it(stay: Acme) -> None:
    """XCH-43: after the session nothing but the family stands behind it."""
    tokens = sign_in(stay)
    session(stay, tokens, ended=NOW)
    answer = refresh(stay, tokens.refresh_token)
    newest = answer.json["refresh_token"]
    assert stay.exchange(answer.json["id_token"]).status == 200

    stay.write(Update("family", {"id": family(stay, newest)["id"]}, {"revoked": NOW}))

    assert outcome(stay, stay.exchange(answer.json["id_token"])) == ("invalid_grant", "session_ended")
    assert outcome(stay, exchange(stay, newest)) == ("invalid_grant", "refresh_token_revoked")


def test_an_id_token_ends_when_the_app_may_not_stay_any_more(stay: Acme) -> None:
    """OIDC-17: the administrator's word counts for what lives on it, too."""
    tokens = sign_in(stay)
    session(stay, tokens, ended=NOW)
    assert stay.exchange(tokens.id_token).status == 200

    stay.apply(apps(wiki=ONLINE))

    assert outcome(stay, stay.exchange(tokens.id_token)) == ("invalid_grant", "session_ended")


def test_offline_access_of_one_app_keeps_no_other_app_signed_in(stay: Acme) -> None:
    """The sid is the app's own: what one app may, another one of the same session may not."""
    tokens = sign_in(stay)
    other = sign_in(stay, client="notes", scopes=("openid", "offline_access"))
    stay.write(Update("family", {"id": family(stay, other.refresh_token)["id"]}, {"app_id": "another"}))
    for each in (tokens, other):
        session(stay, each, ended=NOW)

    assert outcome(stay, refresh(stay, other.refresh_token, client="notes")) == (
        "invalid_grant",
        "refresh_token_client_mismatch",
    )
    assert outcome(stay, stay.exchange(other.id_token, client="notes")) == ("invalid_grant", "session_ended")
    assert stay.exchange(tokens.id_token).status == 200


def test_a_code_that_comes_twice_ends_the_refresh_tokens_of_the_first_use(stay: Acme) -> None:
    """OIDC-06: everything that the first use gave out."""
    value, _ = code(stay)
    token = redeem(stay, value).json["refresh_token"]
    newest = refresh(stay, token).json["refresh_token"]

    assert redeem(stay, value).error == "invalid_grant"

    assert outcome(stay, refresh(stay, newest)) == ("invalid_grant", "refresh_token_revoked")
    assert outcome(stay, exchange(stay, newest)) == ("invalid_grant", "refresh_token_revoked")


def test_a_refusal_tells_the_app_to_let_the_person_sign_in_and_no_more(stay: Acme) -> None:
    """RAS-42 for our own tokens: one text, whether it is the person, a hold, or the token itself."""
    held, revoked = sign_in(stay), sign_in(stay)
    session(stay, revoked, revoked=NOW, ended=NOW)
    first = refresh(stay, revoked.refresh_token).json
    hold(stay, "user", stay.person("alice"))
    texts = {
        answer["error_description"].partition(" (ref")[0]
        for answer in (first, refresh(stay, held.refresh_token).json, refresh(stay, "unknown").json)
    }
    assert texts == {"The refresh token was not accepted."}


def test_an_app_of_the_same_name_never_gets_what_its_predecessor_had() -> None:
    """Attack case 161: also when rows of the old one were left behind."""
    with acme(offline_state()) as idp:
        tokens = sign_in(idp)
        idp.write(Update("app", {"key": "wiki"}, {"key": "old", "client_id": "old"}))
        made = offline_state(connections=[])
        made["apps"] = [app("wiki", **OFFLINE)]
        idp.apply(made)

        assert outcome(idp, refresh(idp, tokens.refresh_token)) == (
            "invalid_grant",
            "refresh_token_client_mismatch",
        )
