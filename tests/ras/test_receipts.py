"""What issuers are told of their grants, and that no redemption waits for it or fails by it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from idjag.ras import Account, JwtSigner, Link, MemoryStore, NotRedeemed, Ras
from idjag.ras.ports import Outcome, Record, Report
from tests.ras.world import ALICE, IDP, NOW, RAS, World, body, client, grant, ids, key


@dataclass
class Kept:
    """The port, which keeps what it is told; ``broken`` raises."""

    told: list[Report] = field(default_factory=list)
    broken: bool = False
    closed: bool = False

    def report(self, report: Report) -> None:
        if self.broken:
            raise OSError("no route")
        self.told.append(report)

    def close(self) -> None:
        self.closed = True


class Down(MemoryStore):
    """A store whose disk is full."""

    def commit(self, _record: Record) -> Outcome:
        raise OSError("disk")


def served(kept: Kept, **changes: Any) -> World:
    """A server that tells ``kept``."""
    world = World(**changes)
    world.ras = Ras(
        world.config,
        keys=world.keys,
        accounts=world.store,
        store=world.store,
        signer=JwtSigner(world.signing_key),
        receipts=kept,
        clock=world.clock,
        new_id=ids("ref"),
    )
    return world


def test_a_redemption_is_reported_once_it_is_durable() -> None:
    kept = Kept()
    world = served(kept)
    assert world.post({"assertion": grant(jti="j-1")}).status == 200
    assert kept.told == [Report(sender=RAS, issuer=IDP, id_jag="j-1", outcome="redeemed", at=NOW)]


@pytest.mark.parametrize("door", ["token", "redeem"])
def test_a_replay_is_reported_through_every_door(door: str) -> None:
    kept = Kept()
    world = served(kept)
    text, answers = grant(jti="j-2"), []
    for _ in range(2):
        try:
            if door == "token":
                answers.append(body(world.post({"assertion": text})).get("error", "redeemed"))
            else:
                world.ras.redeem(text, client_id=client().client_id)
                answers.append("redeemed")
        except NotRedeemed as refused:
            answers.append(refused.error)
    assert answers == ["redeemed", "invalid_grant"]
    assert [(report.id_jag, report.outcome) for report in kept.told] == [
        ("j-2", "redeemed"),
        ("j-2", "replay"),
    ]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"sub": "nobody", "email": "no@acme.example", "email_verified": True}, "access_denied"),
        ({"exp": NOW - 100, "iat": NOW - 200}, "expired"),
        ({"client_id": "somebody-else"}, "wrong_client"),
        ({"aud": "https://other.example/"}, "invalid_grant"),
        ({"resource": "https://api.other.example/"}, "invalid_grant"),
        ({"scope": "chat.delete"}, "invalid_scope"),
    ],
)
def test_what_is_signed_and_refused_is_reported_with_a_word_and_no_more(
    changes: dict[str, Any], outcome: str
) -> None:
    kept = Kept()
    assert served(kept).post({"assertion": grant(jti="j-3", **changes)}).status == 400
    assert kept.told == [Report(RAS, IDP, "j-3", outcome, NOW)]


def test_what_nobody_signed_is_reported_to_nobody() -> None:
    """Strangers must not make us talk: neither with a wrong signature, nor without credentials, nor a jti."""
    kept = Kept()
    world = served(kept)
    world.post({"assertion": grant(key("other"))})
    world.post({"assertion": "nonsense"})
    world.post({"assertion": grant()}, authorization=None)
    world.post({"assertion": grant(jti="x" * 300)})
    world.post({"assertion": grant(typ="JWT")})
    assert kept.told == []


def test_a_redemption_that_is_not_durable_is_reported_as_nothing() -> None:
    """503: nobody knows whether it was redeemed."""
    kept = Kept()
    world = served(kept, store=Down([Account("u-alice")], [(Link(IDP, "", ALICE), "u-alice")]))
    assert world.post({"assertion": grant()}).status == 503
    assert kept.told == []


def test_no_redemption_fails_by_a_receipt(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept(broken=True)
    with caplog.at_level(logging.WARNING, "idjag.ras"):
        assert served(kept).post({"assertion": grant()}).status == 200
    assert "receipt not taken error=OSError" in caplog.text


def test_a_server_ends_its_receipts() -> None:
    kept = Kept()
    served(kept).ras.close()
    assert kept.closed
