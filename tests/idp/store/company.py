"""The company that the tests of the console's lists look at, twice in one database: Acme and Beta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.idp.store import large
from tests.idp.store.large import DAY, NOW, event

__all__ = ["DAY", "NOW", "TODAY", "A", "B", "log", "tables"]

A, B = "acme", "beta"
TODAY = NOW - NOW % DAY


def log(t: str) -> Iterator[dict[str, Any]]:
    """What happened in a tenant, one after the other."""
    pair = {"requesting_app": f"{t}-wiki", "resource_app": f"{t}-chat"}
    other = {"requesting_app": f"{t}-wiki", "resource_app": f"{t}-files"}
    rules = {"rule_ids": [f"{t}-wiki-chat-readers"], "scopes_granted": ["chat.read"]}
    about = {"actor": {"kind": "person", "id": f"{t}-alice"}}
    made = {"row": f"{t}-wiki-chat", "key": "wiki-chat"}
    yield event("connection.created", NOW - 40 * DAY, **pair, **about, after=made)  # 1
    yield event("group.created", NOW - 40 * DAY, **about, after={"row": f"{t}-eng", "key": "eng"})  # 2
    yield event("id_jag.issued", NOW - 35 * DAY, **pair, **rules, subject=f"{t}-alice", jti=f"{t}-j1")  # 3
    for _ in range(25):  # 4 to 28
        yield event("id_jag.denied", NOW - 3600, **other, subject=f"{t}-bob", reason="not_allowed")
    yield event(
        "rule.updated", NOW - 1800, **pair, **about, before={"row": "r"}, after={"row": f"{t}-rule"}
    )  # 29
    yield event("user.updated", NOW - 900, **about, subject=f"{t}-bob", after={"row": f"{t}-bob"})  # 30
    yield event("hold.placed", NOW - 800, **about, subject=f"{t}-bob", after={"row": f"{t}-hold"})  # 31
    yield event("id_jag.issued", NOW - 60, **pair, **rules, subject=f"{t}-alice", jti=f"{t}-j2")  # 32
    yield event("id_jag.redeemed", NOW - 50, **pair, jti=f"{t}-j2", reason=None)  # 33
    yield event("id_jag.refused", NOW - 40, **pair, jti=f"{t}-j2", reason="replayed")  # 34
    yield event("login.succeeded", NOW - 30, subject=f"{t}-alice", user_agent='a "browser" 100%_')  # 35


def tables(t: str) -> dict[str, list[dict[str, Any]]]:
    """A small company."""
    everyone, eng, sales = large.who(everyone=True), large.who(f"{t}-eng"), large.who(f"{t}-sales")
    rules = {"readers": eng, "writers": large.who(f"{t}-eng", except_people=[f"{t}-alice"])}
    named = large.who(people=[f"{t}-bob", f"{t}-dave"])
    return {
        "person": list(large.people(t)),
        **large.groups(t, {"eng": ["alice", "bob", "dave"], "sales": ["carol", "erin"], "empty": []}),
        "app": [
            large.app(t, "wiki", "The 100%_ Wiki", everyone),
            large.app(t, "notes", "Notes", eng),
            large.app(t, "chat-rp", "Chat sign-in", sales),
        ],
        "resource_app": [
            large.target(t, "chat", "Chat"),
            large.target(t, "files", "Files"),
            large.target(t, "mail", "Mail", "chat-rp"),
        ],
        "connection": [
            large.connection(t, ("wiki", "chat"), rules, owner="IT@acme.example"),
            large.connection(t, ("wiki", "files"), {"all": everyone}, expires=NOW + 5 * DAY),
            large.connection(t, ("notes", "chat"), {"all": everyone}, expires=NOW - DAY, owner="it2"),
            large.connection(t, ("notes", "files"), {"named": named}, status="draft"),
            large.connection(t, ("wiki", "mail"), {"sales": sales, "eng": eng}, created=NOW - DAY),
            large.connection(t, ("notes", "mail"), {}, status="paused", expires=NOW + DAY),
        ],
        "hold": [
            _hold(t, "user", f"{t}-bob", None),
            _hold(t, "user", f"{t}-carol", NOW - 1),
            _hold(t, "connection", f"{t}-wiki-chat", None),
        ],
    }


def _hold(t: str, kind: str, target: str, until: int | None) -> dict[str, Any]:
    told = {"kind": kind, "target": target, "app": "", "reason": "because", "by": "user a", "since": 1}
    return {"id": f"hold-{target}", "tenant_id": t, "until": until, **told}
