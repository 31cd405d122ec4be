"""The canonical question, as the audit log keeps it so that history can be asked again."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from ipaddress import ip_address

from idjag.policy.model import Hold, HoldKind
from idjag.policy.question import Question, SignIn
from tests.policy.parts import ALICE, API, NOW, PWD, question


def test_the_inputs_say_everything_that_was_decided_on() -> None:
    """Contract section 9: JSON, sorted, without names or attributes."""
    asked = question(
        person=replace(ALICE, groups=frozenset({"group-2", "group-1"}), attributes={"chat_id": "U1"}),
        sign_in=SignIn(PWD, frozenset({"pwd", "mfa"}), NOW - 60, address=ip_address("192.0.2.7")),
        holds=(Hold("hold-2", HoldKind.USER, "p", "x"), Hold("hold-1", HoldKind.APP, "a", "x")),
        address=ip_address("2001:db8::1"),
        key_bound=True,
    )
    assert json.loads(json.dumps(asked.inputs())) == {
        "app": "app-1",
        "resource_app": "ra-1",
        "person": "person-1",
        "person_active": True,
        "groups": ["group-1", "group-2"],
        "scopes": ["chat.read"],
        "resources": [API],
        "holds": ["hold-1", "hold-2"],
        "acr": PWD,
        "amr": ["mfa", "pwd"],
        "auth_time": NOW - 60,
        "session_alive": True,
        "signin_address": "192.0.2.7",
        "address": "2001:db8::1",
        "key_bound": True,
        "profile": "id-jag",
        "subject_kind": "person",
        "actor_chain": [],
        "now": NOW,
    }


def test_what_is_missing_is_null_and_not_empty() -> None:
    """No scope asked is another question than no scope allowed; no amr is another fact than an empty one."""
    inputs = question(person=None, scopes=None, sign_in=SignIn()).inputs()
    absent = ("person", "person_active", "scopes", "acr", "amr", "auth_time", "signin_address", "address")
    assert {name: inputs[name] for name in absent} == dict.fromkeys(absent)
    assert inputs["groups"] == []


def test_no_field_of_a_question_is_forgotten() -> None:
    """Whoever adds a field must decide how history is asked again."""
    assert {field.name for field in fields(Question)} == {
        "app", "resource_app", "person", "now", "sign_in", "scopes", "resources", "holds", "address",
        "key_bound", "profile", "subject_kind", "actor_chain",
    }  # fmt: skip
    assert {field.name for field in fields(SignIn)} == {"acr", "amr", "auth_time", "alive", "address"}


def test_another_sign_in_changes_nothing_else() -> None:
    after = question().signed_in(SignIn("urn:x"))
    assert replace(after, sign_in=question().sign_in) == question()
    assert after.sign_in == SignIn("urn:x")
