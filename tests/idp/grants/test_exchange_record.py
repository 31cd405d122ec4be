"""What the exchange leaves in the audit log."""

from __future__ import annotations

import itertools
from typing import Any

from tests.idp.grants.acme import (
    Acme,
)


def test_strangers_cannot_fill_the_audit_log(idp: Acme) -> None:
    """Contract section 9: one event a source, reason and minute; the count rides on the next one."""
    for _ in range(20):
        assert idp.post("grant_type=x", credentials=("wiki", "wrong"), source="203.0.113.5").status == 401
    idp.post("grant_type=x", credentials=("wiki", "wrong"), source="203.0.113.6")
    idp.clock.now += 60
    idp.post("grant_type=x", credentials=("wiki", "wrong"), source="203.0.113.5")

    found = idp.events("refused.before_authentication")
    assert [(event["ip"], event["reason"]) for event in found] == [
        ("203.0.113.5", "client_secret_wrong"),
        ("203.0.113.6", "client_secret_wrong"),
        ("203.0.113.5", "client_secret_wrong"),
    ]
    assert found[-1]["inputs"]["in_the_minute_before"] == 20


def test_the_audit_log_has_one_event_for_everything_after_authentication(idp: Acme) -> None:
    """XCH-62; contract section 9; attack case 200."""
    token = idp.sign_in()
    before = len(idp.events())
    kinds: list[dict[str, Any]] = [{}, {"scope": "chat.write"}, {"audience": "x"}, {"grant_type": "x"}, {}]
    answers = [idp.exchange(token, **change) for change in kinds]

    events = idp.events()[before:]
    assert [event["event"] for event in events] == [
        "id_jag.issued", "id_jag.denied", "id_jag.denied", "token.refused", "id_jag.issued",
    ]  # fmt: skip
    assert [event["decision_id"] for event in events] == [
        answer.json.get("decision_id") or answer.header("x-decision-id") for answer in answers
    ]
    assert events[0]["jti"] == answers[0].grant["jti"]
    assert events[1]["inputs"]["scopes"] == ["chat.write"]


def test_no_secret_and_no_token_is_in_the_audit_log(idp: Acme) -> None:
    """Attack case 199."""
    token = idp.sign_in()
    issued = idp.exchange(token).json["access_token"]
    idp.exchange(token + "x")
    idp.exchange("x", audience=token)
    idp.post(f"grant_type={token}&client_secret=wiki-secret-0123456789", credentials=None)

    text = repr(idp.events())
    assert not any(
        secret in text for secret in (token, issued, token.split(".")[2], "wiki-secret-0123456789")
    )


def test_decision_ids_are_never_repeated(idp: Acme) -> None:
    """Contract section 7."""
    ids = {idp.exchange("x").json["decision_id"] for _ in itertools.repeat(None, 20)}

    assert len(ids) == 20
