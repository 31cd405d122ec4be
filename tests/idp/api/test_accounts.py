"""What an administrator's script does to people's accounts, and what no token does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.account_steps import STEPS
from idjag.idp.administration.roles import Role
from idjag.ledger.entry import Delete, Insert, Key, Row
from tests.idp.api.bureau import Bureau
from tests.idp.api.test_administrators import session, token_of
from tests.idp.grants.acme import TENANT


def done(office: Bureau, step: str, username: str = "alice", **sent: Any) -> Any:
    return office("owner", "POST", f"/users/{username}/{step}", **sent)


def account(office: Bureau, username: str = "alice") -> dict[str, Any]:
    answer = office("owner", "GET", f"/users/{username}/account")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def factor(office: Bureau, username: str = "alice") -> None:
    """A passkey, as enrolling leaves it."""
    row: Row = {
        "id": f"f-{username}", "tenant_id": TENANT, "person_id": office.acme.person(username),
        "kind": "passkey", "secret": "canary", "created": 1, "label": "Key", "spec": "{}", "handle": "h",
    }  # fmt: skip
    office.acme.write(Insert("credential", row))


def test_an_account_is_shown_without_what_proves_anything(office: Bureau) -> None:
    session(office, "s1")
    factor(office)
    shown = account(office)
    assert (shown["username"], shown["status"], shown["sessions"], shown["failures"]) == (
        "alice",
        "active",
        1,
        0,
    )
    assert shown["factors"] == [{"kind": "passkey", "label": "Key"}]
    assert "canary" not in json.dumps(shown)
    assert office("owner", "GET", "/users/nobody/account").status_code == 404
    assert office("viewer", "GET", "/users/alice/account").status_code == 403


def test_a_person_is_disabled_and_enabled_with_before_after_and_address(office: Bureau) -> None:
    """ADM-04: what a token did is in the log with where it came from."""
    session(office, "s1")
    assert done(office, "disable").json() == {"status": "disabled", "changed": True, "managed_by": "file"}
    event = office.acme.events()[-1]
    assert (event["event"], event["actor"]["kind"]) == ("user.updated", "api_token")
    assert (event["before"]["status"], event["after"]["status"]) == ("active", "disabled")
    assert event["ip"] == "198.51.100.7"
    assert account(office)["sessions"] == 0
    assert done(office, "disable").json()["changed"] is False
    assert office.acme.events()[-1] == event
    assert done(office, "enable").json()["changed"] is True
    assert account(office)["status"] == "active"


def test_the_last_owner_is_not_disabled_by_a_script(office: Bureau) -> None:
    """Attack case 195; positive control: with another owner it may be."""
    token_of(office, "alice", Role.OWNER)
    refused = done(office, "disable")
    assert (refused.status_code, "last owner" in refused.json()["detail"]) == (409, True)
    assert account(office)["status"] == "active"
    token_of(office, "bob", Role.OWNER)
    assert done(office, "disable").status_code == 200


def test_sessions_end_and_failures_are_forgotten(office: Bureau) -> None:
    session(office, "s1")
    assert done(office, "unlock").json()["failures"] == 0
    assert done(office, "end-sessions").json()["sessions"] == 1
    assert office.acme.events()[-1]["event"] == "session.ended"
    assert account(office)["sessions"] == 0


def test_a_link_is_shown_once_and_stands_in_no_log(office: Bureau) -> None:
    said = done(office, "set-password-link").json()
    assert said["link"].startswith(f"{office.acme.issuer}/password/set/")
    value = said["link"].rpartition("/")[2]
    events = office.acme.events()
    assert (events[-1]["event"], events[-1]["ip"]) == ("password.link_made", "198.51.100.7")
    assert value not in repr(events)
    assert done(office, "disable").status_code == 200
    gone = done(office, "set-password-link")
    assert (gone.status_code, "enable them first" in gone.json()["detail"]) == (409, True)


@pytest.mark.parametrize("step", ["reset-factors", "set-password-link"])
@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_no_token_becomes_an_administrator(office: Bureau, step: str, role: str) -> None:
    """Decision 0046: that person is bounded neither by the token's role nor by its life."""
    office.token("owner")
    token_of(office, "alice", Role.OWNER)
    token_of(office, "bob", Role(role))
    factor(office, "bob")
    before = len(office.acme.events())
    refused = done(office, step, "bob")
    assert (refused.status_code, "just signed in" in refused.json()["detail"]) == (403, True)
    assert len(account(office, "bob")["factors"]) == 1
    assert done(office, "unlock", "bob").status_code == 200  # behind the record, for which nobody waits
    (event,) = office.acme.events()[before:]
    assert (event["event"], event["decision_id"]) == ("admin.refused", refused.json()["decision_id"])
    links = Key("link", "tenant_id", TENANT)
    assert office.acme.ledger.read((links,))(links) == ()

    office.acme.write(Delete("administrator", {"person_id": office.acme.person("bob")}))
    assert done(office, step, "bob").status_code == 200


def test_second_factors_go_with_the_sessions(office: Bureau) -> None:
    session(office, "s1")
    factor(office)
    said = done(office, "reset-factors").json()
    assert said["factors"] == [{"id": "f-alice", "kind": "passkey", "label": "Key"}]
    assert (account(office)["factors"], account(office)["sessions"]) == ([], 0)
    event = office.acme.events()[-1]
    assert (event["event"], event["ip"]) == ("factor.reset", "198.51.100.7")


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_nothing_and_nobody_of_no_name(office: Bureau, step: str) -> None:
    """Attack case 186: a member that nobody knows is refused, and nothing is done."""
    office.token("owner")
    before = len(office.acme.events())
    assert done(office, step, json={"reason": "x"}).status_code == 400
    assert done(office, step, content=b"x").status_code == 400
    assert done(office, step, "nobody").status_code == 404
    assert len(office.acme.events()) == before
    assert done(office, step, json={}).status_code == 200


def test_a_token_does_to_accounts_what_its_maker_may_now(office: Bureau) -> None:
    """A token never exceeds its creator's current role, and dies with them."""
    hers = token_of(office, "alice", Role.OWNER)
    token_of(office, "bob", Role.OWNER)

    def status(step: str = "unlock") -> int:
        return int(office(hers, "POST", f"/users/bob/{step}").status_code)

    assert status() == 200
    match = {"If-Match": "*"}
    assert (
        office("bob", "PUT", "/administrators/alice", json={"role": "app_admin"}, headers=match).status_code
        == 200
    )
    assert status() == 403
    assert office("bob", "DELETE", "/administrators/alice", headers=match).status_code == 204
    assert status() == 401
