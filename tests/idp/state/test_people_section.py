"""People in a file: subs, groups, first passwords, and what ends with a person who is disabled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idjag.idp.state.plan import Problems
from idjag.idp.state.show import plan_lines
from idjag.ledger.entry import Delete, Insert
from tests.idp.state.parts import EXAMPLE, NOW, TENANT, Acme, example


def with_alice(**change: Any) -> dict[str, Any]:
    state = example()
    state["users"][0] |= change
    return state | {"tests": []}


def test_a_sub_is_made_once_and_stays(acme: Acme) -> None:
    """OIDC-14."""
    acme.apply(EXAMPLE)
    subject = acme.row("subject")
    assert subject["sector"] == ""
    assert subject["person_id"] == acme.row("person")["id"]
    acme.apply(with_alice(name="Alice E."))
    assert acme.row("subject") == subject


def test_a_sub_can_be_imported(acme: Acme) -> None:
    acme.apply(with_alice(sub="00u1abc", pairwise_subs={"chat.example": "p-1"}))
    assert {str(row["sector"]): row["sub"] for row in acme.rows("subject")} == {
        "": "00u1abc",
        "chat.example": "p-1",
    }


def test_a_sub_never_changes(acme: Acme) -> None:
    acme.apply(with_alice(sub="00u1abc", pairwise_subs={"chat.example": "p-1"}))
    assert not acme.apply(with_alice(sub="00u1abc")).applied
    with pytest.raises(Problems, match="user alice: this person has another sub already"):
        acme.apply(with_alice(sub="00u1xyz"))
    with pytest.raises(Problems, match="user alice: this person has another sub already"):
        acme.apply(with_alice(pairwise_subs={"chat.example": "p-2"}))


def test_a_sub_that_is_missing_can_still_be_imported(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    acme.write(Delete("subject", {"tenant_id": TENANT}))
    acme.apply(with_alice(sub="00u1abc"))
    assert acme.row("subject")["sub"] == "00u1abc"


def test_no_two_people_have_one_sub(acme: Acme) -> None:
    state = with_alice(sub="00u1abc")
    bob = {"username": "bob", "sub": "00u1abc"}
    with pytest.raises(Problems, match="user bob: user alice has this sub"):
        acme.apply(state | {"users": [*state["users"], bob]})
    acme.apply(state | {"users": [*state["users"], bob | {"sub": "00u2abc"}]})


def test_a_password_is_the_first_one_and_never_overwrites(acme: Acme) -> None:
    """Contract section 4: initial only."""
    outcome = acme.apply(EXAMPLE)
    assert "    password: set" in list(plan_lines(outcome.plan))
    first = acme.row("credential")
    assert (first["kind"], first["secret"]) == ("password", "$argon2id$of env:ALICE_PASSWORD")
    outcome = acme.apply(with_alice(password="env:OTHER"))
    assert not outcome.applied
    assert acme.row("credential") == first


def test_a_person_without_any_credential_gets_the_password_later(acme: Acme) -> None:
    acme.apply(with_alice(password=None))
    assert acme.rows("credential") == []
    outcome = acme.apply(EXAMPLE)
    assert list(plan_lines(outcome.plan))[:2] == ["~ user alice", "    password: set"]
    assert acme.row("credential")["person_id"] == acme.row("person")["id"]
    assert not acme.apply(EXAMPLE).applied


def test_a_password_that_cannot_be_had_stops_everything(acme: Acme) -> None:
    def refuse(reference: str) -> str:
        raise ValueError(f"{reference}: this variable is not set")

    class Without(Acme):
        @property
        def credentials(self) -> Any:
            return type(super().credentials)(super().credentials.secret, refuse)

    without = Without(acme.ledger)
    with pytest.raises(Problems, match="user alice: env:ALICE_PASSWORD: this variable is not set"):
        without.apply(EXAMPLE)
    assert acme.rows("person") == []


def test_disabling_a_person_ends_what_was_born_before(acme: Acme) -> None:
    """Attack case 158: the epoch moves, and enabling again revives nothing."""
    acme.apply(EXAMPLE)
    assert acme.apply(with_alice(status="disabled")).policy_seq == 1
    assert (acme.row("person")["status"], acme.row("person")["epoch"]) == ("disabled", 1)
    [order] = acme.rows("logout_notice")  # OIDC-21: with the same change, for the apps of their sessions
    assert (order["person_id"], order["app_id"]) == (acme.row("person")["id"], "")
    acme.apply(with_alice(status="active"))
    assert (acme.row("person")["status"], acme.row("person")["epoch"]) == ("active", 1)
    assert [e["event"] for e in acme.events() if e["event"].startswith("user.")] == [
        "user.created",
        "user.paused",
        "user.resumed",
    ]


def test_other_changes_leave_the_epoch(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    acme.apply(with_alice(groups=[], email="a@acme.example", attributes={"chat_id": "U2"}))
    row = acme.row("person")
    assert (row["epoch"], row["email"], json.loads(str(row["attributes"]))) == (
        0,
        "a@acme.example",
        {"chat_id": "U2"},
    )


def test_groups_are_what_the_file_says(acme: Acme) -> None:
    """Attack case 67."""
    acme.apply(EXAMPLE)
    engineering, contractors = (
        acme.row("person_group", name=n)["id"] for n in ("engineering", "contractors")
    )
    assert [row["group_id"] for row in acme.rows("membership")] == [engineering]
    outcome = acme.apply(with_alice(groups=["contractors"]))
    assert list(plan_lines(outcome.plan))[1] == '    groups: ["engineering"] -> ["contractors"]'
    (membership,) = acme.rows("membership")
    assert membership["group_id"] == contractors
    assert membership["id"] == f"{contractors}:{membership['person_id']}"
    acme.apply(with_alice(groups=[]))
    assert acme.rows("membership") == []


def test_groups_of_other_sources_are_not_a_files_to_say(acme: Acme) -> None:
    """Local groups never mix with those of another source."""
    acme.apply(EXAMPLE)
    group: Any = {
        "id": "g-scim",
        "tenant_id": TENANT,
        "source": "scim",
        "external_id": "x",
        "name": "engineering",
        "managed_by": "",
        "created": NOW,
    }
    person = str(acme.row("person")["id"])
    member = {"id": f"g-scim:{person}", "tenant_id": TENANT, "person_id": person, "group_id": "g-scim"}
    acme.write(Insert("person_group", group), Insert("membership", member))
    assert not acme.apply(EXAMPLE).applied
    acme.apply(with_alice(groups=[]))
    assert [row["group_id"] for row in acme.rows("membership")] == ["g-scim"]


def test_a_group_that_is_not_there_is_an_error(acme: Acme) -> None:
    with pytest.raises(Problems, match="user alice: unknown group: sales"):
        acme.apply(with_alice(groups=["sales"]))


def test_names_that_differ_only_in_case_are_refused(acme: Acme) -> None:
    state = with_alice()
    users = [*state["users"], {"username": "Alice"}]
    with pytest.raises(Problems, match="user Alice: differs from user alice only in upper and lower case"):
        acme.apply(state | {"users": users})


def test_a_resource_apps_id_of_a_person_is_one_persons(acme: Acme) -> None:
    """JAG-20."""
    state = with_alice()
    bob = {"username": "bob", "attributes": {"chat_id": "U019488227"}}
    with pytest.raises(Problems, match="user bob: user alice has the same value, and resource app chat"):
        acme.apply(state | {"users": [*state["users"], bob]})
    acme.apply(state | {"users": [*state["users"], bob | {"attributes": {"chat_id": "U2"}}]})


def test_an_attribute_becomes_an_id_only_when_it_is_one_persons(acme: Acme) -> None:
    state = with_alice()
    bob = {"username": "bob", "attributes": {"chat_id": "U019488227"}}
    chat = {**state["resource_apps"][0], "aud_sub": None}
    targets = [chat, state["resource_apps"][1]]
    acme.apply(state | {"users": [*state["users"], bob], "resource_apps": targets})
    only = {"version": 1, "resource_apps": state["resource_apps"]}
    with pytest.raises(Problems, match="user bob: user alice has the same value"):
        acme.apply(only)
