"""A policy with a few changes equals one that is made anew; what nobody asked for stays undecoded."""

from __future__ import annotations

from dataclasses import replace

from idjag.policy.decide import decide
from idjag.policy.index import Changes, Deferred, Policy
from idjag.policy.model import Connection
from tests.policy.parts import CHAT, CHAT_ID, WIKI, WIKI_ID, connection, question, rule
from tests.policy.test_index import Row

OTHER = replace(WIKI, id="app-9", key="other", client_id="other")
FINANCE = replace(CHAT, id="ra-9", key="finance", issuer="https://finance.example", aliases=())


def deferred(stored: Connection, row: Row | None = None) -> Deferred:
    return Deferred(stored.id, stored.app, stored.resource_app, row or Row(stored))


def policy(*stored: Deferred) -> Policy:
    return Policy(
        apps=[WIKI, OTHER], resource_apps=[CHAT], connections=stored, issuers=["https://idp.example"]
    )


def made(before: Policy, changes: Changes) -> Policy:
    after = before.after(changes)
    assert after is not None
    return after


def test_a_changed_connection_counts_and_no_other_is_decoded() -> None:
    """Architecture section 4.2: catching up costs by the size of the change."""
    mine = connection(rule())
    others = replace(mine, id="c9", app="app-9")
    untouched = Row(others)
    before = policy(deferred(mine), deferred(others, untouched))
    assert decide(before, question()).allowed
    after = made(before, Changes(2, connections={mine.id: deferred(replace(mine, rules=()))}))
    assert (after.seq, decide(after, question()).allowed, untouched.decoded) == (2, False, 0)
    assert decide(before, question()).allowed  # whoever decides on the old one is not disturbed
    assert after.connection("app-9", CHAT_ID) == others
    assert after.is_own_issuer("https://idp.example")


def test_connections_come_go_and_change_places() -> None:
    mine = connection(rule())
    before = policy(deferred(mine))
    assert made(before, Changes(2, connections={mine.id: None})).connections == {}
    moved = replace(mine, app="app-9")
    after = made(before, Changes(2, connections={mine.id: deferred(moved)}))
    assert (after.connection(WIKI_ID, CHAT_ID), after.connection("app-9", CHAT_ID)) == (None, moved)
    second = replace(mine, id="c2")
    swapped = made(after, Changes(3, connections={mine.id: deferred(moved), "c2": deferred(second)}))
    assert set(swapped.connections) == {mine.id, "c2"}
    exchanged = Changes(
        4,
        connections={mine.id: deferred(mine), "c2": deferred(replace(second, app="app-9"))},
    )
    last = made(swapped, exchanged)
    assert (last.connection(WIKI_ID, CHAT_ID), len(last.connections), last.size) == (mine, 2, 2)


def test_apps_resource_apps_and_guardrails_are_replaced() -> None:
    before = policy(deferred(connection(rule())))
    after = made(
        before,
        Changes(2, apps={OTHER.id: None}, resource_apps={FINANCE.id: FINANCE}, guardrails=()),
    )
    assert (set(after.apps), set(after.resource_apps)) == ({WIKI.id}, {CHAT.id, FINANCE.id})
    assert [each.id for each in after.audience(FINANCE.issuer)] == [FINANCE.id]
    assert before.audience(FINANCE.issuer) == ()
    gone = made(after, Changes(3, resource_apps={CHAT.id: None}))
    assert gone.audience(CHAT.issuer) == ()
    assert not decide(gone, question()).allowed


def test_an_app_that_is_an_address_takes_a_policy_made_anew() -> None:
    """JAG-09: what its connections were decoded to has its address in it."""
    published = replace(WIKI, client_id="https://wiki.example/app.json", by_document=True)
    before = policy(deferred(connection(rule())))
    assert before.after(Changes(2, apps={WIKI.id: published})) is None
    there = Policy(apps=[published])
    assert there.after(Changes(2, apps={WIKI.id: WIKI})) is None
    assert there.after(Changes(2, apps={OTHER.id: OTHER})) is not None
