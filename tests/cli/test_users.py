"""`idjag users`: what an administrator does to accounts from the host; audited as the operator."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.app import Store, open_store
from idjag.idp.audit import Source
from idjag.idp.settings import Settings
from idjag.idp.signin.guesses import Attempt
from idjag.ledger.entry import Entry, Facts, Insert, Key, Verdict, Write
from tests.cli.deployment import STATE, Deployment, deployed

OPERATOR = {"kind": "operator", "id": f"{os.getuid()}@{socket.gethostname()}"}


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def opened(acme: Deployment) -> Settings:
    environ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(acme.folder / "data")}
    return Settings.load(environ)


def write(store: Store, *writes: Write) -> None:
    """What people and strangers leave behind."""

    def decide(_snapshot: object, _facts: Facts) -> Verdict[None]:
        return Verdict(None, (), writes)

    store.ledger.commit(Entry(store.tenant, store.new_id(), store.clock(), decide))


def row(store: Store, username: str) -> dict[str, Any]:
    key = Key("person", "username", username)
    (found,) = store.ledger.read((key,))(key)
    return dict(found)


def rows(store: Store, table: str) -> list[dict[str, Any]]:
    key = Key(table, "tenant_id", store.tenant)
    return [dict(each) for each in store.ledger.read((key,))(key)]


def sign_in(acme: Deployment, username: str = "alice") -> None:
    """A session, as the sign-in leaves it."""
    with open_store(opened(acme)) as store:
        person, now = row(store, username), store.clock()
        session = {
            "id": store.new_id(), "tenant_id": store.tenant, "cookie": store.new_id(),
            "person_id": person["id"], "epoch": person["epoch"], "auth_time": now, "acr": "a", "amr": "[]",
            "created": now, "expires": now + 3600, "seen": now, "ip": "", "user_agent": "",
        }  # fmt: skip
        write(store, Insert("session", session))


def guess(acme: Deployment, times: int, username: str = "alice") -> None:
    """Wrong passwords, as the sign-in counts them."""
    with open_store(opened(acme)) as store:
        person_id = row(store, username)["id"]
        for _ in range(times):
            attempt = Attempt(store.tenant, username, Source("d", store.clock(), "203.0.113.5", ""))
            write(store, *attempt.failed(store.ledger.read(attempt.reads), person_id).writes)


def last(acme: Deployment, name: str) -> dict[str, Any]:
    return [event for event in acme.events() if event["event"] == name][-1]


def test_everybody_is_listed(acme: Deployment) -> None:
    said = acme.run("users", "list")
    assert [line.split() for line in said.out.splitlines()] == [
        ["username", "name", "email", "status"],
        ["alice", "-", "-", "active"],
        ["bob", "-", "-", "active"],
        ["carol", "-", "-", "disabled"],
    ]
    people = acme.run("users", "list", "--json").json["users"]
    assert people[0] == {
        "username": "alice", "name": "", "email": None, "status": "active", "email_verified": False,
    }  # fmt: skip


def test_one_person_is_shown_with_what_there_is_of_them(acme: Deployment) -> None:
    sign_in(acme)
    guess(acme, 3)
    said = acme.run("users", "show", "alice", "--json").json
    names = ("groups", "password", "factors", "sessions", "failures", "held")
    assert [said[name] for name in names] == [["engineering"], False, [], 1, 3, False]
    assert "groups          engineering" in acme.run("users", "show", "alice").out


def test_a_person_is_disabled_and_enabled_and_what_ended_stays_ended(acme: Deployment) -> None:
    """Attack case 158."""
    sign_in(acme)
    said = acme.run("users", "disable", "alice")
    assert (said.code, said.out) == (0, "disabled; sessions, codes and refresh tokens have ended\n")
    assert said.err == "idjag: the next apply of the file that has this user decides again\n"
    assert acme.run("users", "show", "alice", "--json").json["status"] == "disabled"
    event = last(acme, "user.updated")
    assert (event["actor"], event["subject"]) == (OPERATOR, event["before"]["row"])
    assert (event["before"]["status"], event["after"]["status"]) == ("active", "disabled")
    assert acme.run("users", "enable", "alice", "--json").json == {
        "user": "alice", "status": "active", "changed": True,
    }  # fmt: skip
    assert acme.run("users", "show", "alice", "--json").json["sessions"] == 0


def test_what_is_so_already_is_exit_1_and_leaves_no_event(acme: Deployment) -> None:
    before = len(acme.events())
    assert acme.run("users", "enable", "alice").code == 1
    assert acme.run("users", "disable", "carol").code == 1
    assert acme.run("users", "unlock", "alice").code == 1
    assert len(acme.events()) == before


def test_unlocking_lets_the_person_in_at_once_and_is_audited(acme: Deployment) -> None:
    """Attack case 156: admin unlock audited; what was failed at others stands."""
    guess(acme, 5, "alice")
    guess(acme, 5, "bob")
    said = acme.run("users", "unlock", "alice")
    assert (said.code, said.out) == (0, "unlocked; 5 failed attempts are forgotten\n")
    event = last(acme, "user.unlocked")
    assert (event["actor"], event["before"]["key"], event["before"]["failures"]) == (OPERATOR, "alice", 5)
    with open_store(opened(acme)) as store:
        waits = []
        for username in ("alice", "bob"):
            attempt = Attempt(store.tenant, username, Source("d", store.clock(), "203.0.113.5", ""))
            waits.append(attempt.stopped(store.ledger.read(attempt.reads)) is not None)
    assert waits == [False, True]


def test_sessions_end_everywhere(acme: Deployment) -> None:
    sign_in(acme)
    sign_in(acme)
    sign_in(acme, "bob")
    said = acme.run("users", "end-sessions", "alice", "--json")
    assert (said.code, said.json) == (0, {"user": "alice", "sessions": 2})
    assert last(acme, "session.ended")["actor"] == OPERATOR
    assert acme.run("users", "show", "alice", "--json").json["sessions"] == 0
    assert acme.run("users", "show", "bob", "--json").json["sessions"] == 1
    with open_store(opened(acme)) as store:  # the apps are told
        assert len(rows(store, "logout_notice")) == 1


def test_a_link_is_printed_once_and_stored_nowhere(acme: Deployment) -> None:
    said = acme.run("users", "set-password-link", "alice")
    url, *rest = said.out.splitlines()
    assert re.fullmatch(r"https://idp\.acme\.example/password/set/[A-Za-z0-9_-]{44}", url)
    assert rest[0].startswith("works once, until 2")
    value = url.rpartition("/")[2]
    with open_store(opened(acme)) as store:
        (link,) = rows(store, "link")
    assert value not in repr(link)
    assert value not in repr(acme.events())
    assert last(acme, "password.link_made")["actor"] == OPERATOR


def test_a_second_link_ends_the_first(acme: Deployment) -> None:
    acme.run("users", "set-password-link", "alice")
    second = acme.run("users", "set-password-link", "alice", "--json").json
    with open_store(opened(acme)) as store:
        (link,) = rows(store, "link")
    assert link["expires"] == second["expires"]


def test_somebody_who_is_disabled_gets_no_link(acme: Deployment) -> None:
    said = acme.run("users", "set-password-link", "carol")
    assert (said.code, said.out) == (1, "")
    assert "enable them first" in said.err


def test_second_factors_are_taken_away_and_sessions_end(acme: Deployment) -> None:
    sign_in(acme)
    with open_store(opened(acme)) as store:
        factor = {
            "id": "f1", "tenant_id": store.tenant, "person_id": row(store, "alice")["id"], "kind": "passkey",
            "secret": "x", "created": 1, "label": "Key", "spec": "{}", "handle": "h",
        }  # fmt: skip
        write(store, Insert("credential", factor))
    assert acme.run("users", "show", "alice", "--json").json["factors"] == [
        {"kind": "passkey", "label": "Key"}
    ]
    said = acme.run("users", "reset-factors", "alice", "--json")
    assert (said.code, said.json["factors"]) == (0, [{"id": "f1", "kind": "passkey", "label": "Key"}])
    shown = acme.run("users", "show", "alice", "--json").json
    assert (shown["factors"], shown["sessions"]) == ([], 0)
    assert last(acme, "factor.reset")["actor"] == OPERATOR


@pytest.mark.parametrize(
    "action", ["show", "disable", "unlock", "end-sessions", "reset-factors", "set-password-link"]
)
def test_a_name_that_nobody_has_is_exit_2(acme: Deployment, action: str) -> None:
    said = acme.run("users", action, "nobody")
    assert (said.code, said.err) == (2, "idjag: unknown user: nobody\n")


def test_applying_the_file_again_decides_again(acme: Deployment) -> None:
    """What `disable` prints is true: the file says active."""
    acme.run("users", "disable", "alice")
    assert acme.apply(STATE).code == 0
    assert acme.run("users", "show", "alice", "--json").json["status"] == "active"
