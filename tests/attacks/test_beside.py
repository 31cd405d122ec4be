"""Another process changes the rules while this one believes the old ones: the next request follows them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.idp.signin.codes import Code, challenge_of
from idjag.protocol import names
from tests.idp.grants.acme import SECRETS, TENANT, Acme, Answer, acme, app, connection, ledger_in, rule, state

REDIRECT = "https://wiki.example/callback"
VERIFIER = "v" * 64


@contextmanager
def two(tmp_path: Path, text: dict[str, Any]) -> Iterator[tuple[Acme, Acme]]:
    """Two processes on one database; the first has read the rules before the second changes them."""
    database = tmp_path / "idp.db"
    with acme(text, database=database) as here, ledger_in(database) as ledger:
        there = Acme(ledger, here.clock)
        numbers = itertools.count(1)
        there.new_id = lambda: f"there-{next(numbers):018d}"
        assert here.snapshot is here.services.snapshot
        yield here, there


def code_for(idp: Acme, id_token: str, value: str = "a-code") -> str:
    """A code as the authorization endpoint gives it, in the session of an ID token of the Wiki."""
    sid = str(idp.row("session_app", "app_id", idp.app_id("wiki"))["sid"])
    session = idp.row("session", "id", str(idp.row("session_app", "sid", sid)["session_id"]))
    assert id_token
    code = Code(
        id=hashlib.sha256(value.encode()).hexdigest(),
        app_id=idp.app_id("wiki"),
        session_id=str(session["id"]),
        person_id=str(session["person_id"]),
        epoch=int(session["epoch"]),
        expires=idp.clock() + 60,
        redirect_uri=REDIRECT,
        code_challenge=challenge_of(VERIFIER),
        scopes=("openid",),
    )
    idp.write(code.insert(TENANT))
    return value


def redeem(idp: Acme, code: str) -> Answer:
    """The Wiki comes for its ID token."""
    form = {
        "grant_type": names.AUTHORIZATION_CODE,
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }
    return idp.post(urlencode(form), credentials=("wiki", SECRETS["wiki"]))


def test_the_first_request_after_a_connection_was_made_is_granted(tmp_path: Path) -> None:
    """XCH-21; attack case 220: no 503 because the holds on the new connection were not asked for."""
    with two(tmp_path, state(connections=[])) as (here, there):
        token = here.sign_in()
        there.apply(state())
        assert here.exchange(token).error == "issued"
        assert [event["event"] for event in here.events()][-1] == "id_jag.issued"


def test_a_hold_on_a_connection_that_was_made_again_counts_at_once(tmp_path: Path) -> None:
    """Contract section 4: holds are evaluated first, under the ids that are true now."""
    with two(tmp_path, state()) as (here, there):
        token = here.sign_in()
        there.apply(state(connections=[]), prune=True)
        there.apply(state(connections=[connection(id="again")]))
        assert here.exchange(token).error == "issued"


HISTORY = rule(scopes=["chat.history"], default_scopes=["chat.history"])
NO_EXCHANGE = [app("wiki", grants=["authorization_code"]), app("notes")]


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"connections": [connection(status="paused")]}, "access_denied", "connection_not_active"),
        ({"connections": []}, "access_denied", "no_connection"),
        ({"connections": [connection(rules=[HISTORY])]}, "invalid_scope", "scope_not_allowed"),
        ({"apps": NO_EXCHANGE}, "unauthorized_client", "grant_not_allowed"),
        ({"resource_apps": [], "connections": []}, "invalid_target", "audience_unknown"),
    ],
)
def test_what_was_taken_away_is_refused_with_one_event(
    tmp_path: Path, change: dict[str, Any], error: str, reason: str
) -> None:
    """XCH-21, promise P5: no polling bound; attack case 200."""
    with two(tmp_path, state()) as (here, there):
        token = here.sign_in()
        there.apply(state(**change), prune=True)
        answer = here.exchange(token)
        found = [one for one in here.events() if one["decision_id"] == answer.json["decision_id"]]
        assert (answer.error, [one["reason"] for one in found]) == (error, [reason])


def test_a_client_that_was_disabled_is_challenged_as_always(tmp_path: Path) -> None:
    """RFC 6749 section 5.2: 401 with WWW-Authenticate, since the header was used."""
    with two(tmp_path, state()) as (here, there):
        token = here.sign_in()
        there.apply(state(apps=[app("wiki", status="disabled"), app("notes")]))
        answer = here.exchange(token)
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert answer.header("www-authenticate") == 'Basic realm="idjag", charset="UTF-8"'
        found = [one for one in here.events() if one["decision_id"] == answer.json["decision_id"]]
        assert [one["event"] for one in found] == ["refused.before_authentication"]


def test_a_grant_that_was_taken_away_redeems_no_code(tmp_path: Path) -> None:
    """Case 16, promise P5; positive control: with the grant the code is good."""
    with two(tmp_path, state()) as (here, there):
        token = here.sign_in()
        assert redeem(here, code_for(here, token, "first")).error == "issued"
        code = code_for(here, token, "second")
        there.apply(state(apps=[app("wiki", grants=["token_exchange"]), app("notes")]))
        assert redeem(here, code).error == "unauthorized_client"
