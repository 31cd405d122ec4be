"""What every Store and Accounts must do, said to the two that we ship."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger import trail
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.ports import AuditEvent, Committed, LinkMoved, Lost, Once, Record
from idjag.ras.store_sql import AccountsWrong, bring_in, open_database
from tests.ras.test_client_auth import by_key
from tests.ras.world import IDP, NOW, OTHER_IDP, World, grant, ids

_HOLDER = ids("holder")
JTI = Once("id_jag", IDP, "jti-1", NOW + 300)
PROOF = Once("client_assertion", "wiki", "proof-1", NOW + 60)
BOB = Link(IDP, "", "bob")
PEOPLE = [
    Account("u-alice", email="alice@acme.example"),
    Account("u-bob", email="Bob@acme.example"),
    Account("u-bob-2", email="bob@acme.example", tenant="globex", active=False),
]
LINKS = {Link(IDP, "", "alice"): "u-alice"}


class Kept:
    """A store, and how its events are read."""

    def __init__(self, store: Any, events: Callable[[], list[str]]) -> None:
        self.store = store
        self.events = events


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """Each kind of store with the same people."""
    if request.param == "memory":
        memory = MemoryStore(PEOPLE, LINKS.items())
        yield Kept(memory, lambda: [event.name for event in memory.events])
        return
    database = open_database(tmp_path / "ras.db", kek_file=tmp_path / "kek")
    bring_in(database.ledger, PEOPLE, LINKS, now=NOW, decision_id="start")
    before = len(trail.events(database.ledger, "ras"))
    yield Kept(
        database.store,
        lambda: [str(event["event"]) for event in trail.events(database.ledger, "ras")[before:]],
    )
    database.close()


def record(**changes: Any) -> Record:
    good: dict[str, Any] = {
        "decision_id": _HOLDER(),
        "now": NOW,
        "event": AuditEvent("id_jag.redeemed", {}),
        "lost": lambda _: AuditEvent("id_jag.refused", {"reason": "replay"}),
    }
    return Record(**(good | changes))


def test_what_is_claimed_is_claimed_once(kept: Kept) -> None:
    """RAS-20: and the event of who came second is written instead."""
    assert kept.store.commit(record(on_success=(JTI,))) is Committed
    assert kept.store.commit(record(on_success=(JTI,))) == Lost(JTI)
    assert kept.events() == ["id_jag.redeemed", "id_jag.refused"]


@pytest.mark.parametrize(
    "other",
    [
        Once("id_jag", OTHER_IDP, "jti-1", NOW + 300),
        Once("id_jag", IDP, "jti-2", NOW + 300),
        Once("client_assertion", IDP, "jti-1", NOW + 300),
    ],
)
def test_kind_and_scope_keep_values_apart(kept: Kept, other: Once) -> None:
    """RAS-19."""
    assert kept.store.commit(record(on_success=(JTI,))) is Committed
    assert kept.store.commit(record(on_success=(other,))) is Committed


def test_a_loser_claims_nothing_else(kept: Kept) -> None:
    """RAS-20: nobody's grant is burnt by somebody's old proof."""
    assert kept.store.commit(record(always=(PROOF,))) is Committed
    assert kept.store.commit(record(always=(PROOF,), on_success=(JTI,))) == Lost(PROOF)
    assert kept.store.commit(record(on_success=(JTI,))) is Committed


def test_a_link_is_written_with_the_event(kept: Kept) -> None:
    """RAS-24."""
    assert kept.store.linked(BOB) is None
    assert kept.store.commit(record(account_id="u-bob", link=BOB)) is Committed
    assert kept.store.linked(BOB) == "u-bob"
    assert kept.store.links_of("u-bob") == (BOB,)


@pytest.mark.parametrize(
    ("account_id", "link"),
    [
        pytest.param("u-bob", Link(IDP, "", "alice"), id="the link is another's"),
        pytest.param("u-alice", BOB, id="the account is another's"),
    ],
)
def test_a_link_that_moved_is_not_written(kept: Kept, account_id: str, link: Link) -> None:
    """RAS-24: looked up free, taken meanwhile; only what is always claimed stays claimed."""
    moved = record(account_id=account_id, link=link, always=(PROOF,), on_success=(JTI,))
    assert kept.store.commit(moved) is LinkMoved
    assert kept.events() == []
    assert kept.store.commit(record(on_success=(JTI,))) is Committed
    assert kept.store.commit(record(always=(PROOF,))) == Lost(PROOF)
    assert kept.store.links_of("u-bob") == ()


def test_links_of_other_issuers_and_tenants_do_not_matter(kept: Kept) -> None:
    """Contract section 5: of that issuer and tenant."""
    for link in (Link(OTHER_IDP, "", "bob"), Link(IDP, "t-1", "bob")):
        assert kept.store.commit(record(account_id="u-alice", link=link)) is Committed
    assert len(kept.store.links_of("u-alice")) == 3


def test_an_account_is_made_with_its_link_or_not_at_all(kept: Kept) -> None:
    """RAS-23."""
    made = Account("u-new", email="new@acme.example", name="New", tenant="globex")
    moved = record(account_id="u-new", create=made, link=Link(IDP, "", "alice"))
    assert kept.store.commit(moved) is LinkMoved
    assert kept.store.by_id("u-new") is None
    good = record(account_id="u-new", create=made, link=Link(IDP, "", "new"))
    assert kept.store.commit(good) is Committed
    assert kept.store.by_id("u-new") == made
    assert kept.store.by_email("new@acme.example", tenant="globex") == (made,)


def test_an_address_that_was_taken_meanwhile_is_not_given_twice(kept: Kept) -> None:
    """RAS-24: two new people of one address at once; the second is looked up again."""
    rival = Account("u-new", email="ALICE@acme.example")
    link = Link(IDP, "", "new")
    assert kept.store.commit(record(account_id="u-new", create=rival, link=link)) is LinkMoved
    elsewhere = Account("u-new", email="alice@acme.example", tenant="globex")
    assert kept.store.commit(record(account_id="u-new", create=elsewhere, link=link)) is Committed


def test_people_are_found_by_id_and_by_address_within_a_tenant(kept: Kept) -> None:
    """TEN-10; disabled people are found too, or they would be made anew."""
    assert kept.store.by_id("nobody") is None
    assert kept.store.by_id("u-bob-2").active is False
    assert [each.id for each in kept.store.by_email("bob@acme.example", tenant=None)] == ["u-bob"]
    assert [each.id for each in kept.store.by_email("bob@acme.example", tenant="globex")] == ["u-bob-2"]
    assert kept.store.by_email("bob@acme.example", tenant="acme") == ()
    assert kept.store.ready()


def test_a_link_that_moves_in_the_middle_is_looked_up_again() -> None:
    """RAS-24: the second look finds what the first one missed; the proof is not spent twice."""

    class Overtaken(MemoryStore):
        """Somebody links Bob between our look and our commit."""

        def commit(self, record: Record) -> Any:
            if record.link is None or self.links_of("u-bob"):
                return super().commit(record)
            self._links[record.link] = "u-bob"
            for once in record.always:
                self._claim(once)
            return LinkMoved

    world = World(store=Overtaken([Account("u-bob", email="bob@acme.example")]))
    bob = {"sub": "bob", "email": "bob@acme.example", "email_verified": True}
    parameters = by_key(assertion=grant(client_id="key-client", **bob))
    assert world.post(parameters, authorization=None).status == 200
    assert len(world.store.events) == 1


def test_links_that_never_stand_still_end_in_503() -> None:
    """Fail closed."""

    class Restless(MemoryStore):
        def commit(self, record: Record) -> Any:
            return LinkMoved if record.link else super().commit(record)

    world = World(store=Restless([Account("u-bob", email="bob@acme.example")]))
    reply = world.post({"assertion": grant(sub="bob", email="bob@acme.example", email_verified=True)})
    assert reply.status == 503
    assert [event.fields["reason"] for event in world.store.events] == ["unavailable"]


def test_memory_forgets_what_has_expired_however_it_grows() -> None:
    """Two one-time values a request, so that every other size is never seen."""
    memory = MemoryStore()
    for number in range(3000):
        until = NOW + number + 10
        proof = Once("client_assertion", "wiki", f"proof-{number}", until)
        jti = Once("id_jag", IDP, f"jti-{number}", until)
        assert memory.commit(record(now=NOW + number, always=(proof,), on_success=(jti,))) is Committed
    assert len(memory._used) < 1200
    last = Once("id_jag", IDP, "jti-2999", NOW + 3009)
    assert memory.commit(record(now=NOW + 3000, on_success=(last,))) == Lost(last)


def test_an_address_beyond_ascii_is_nobody_else_s() -> None:
    """RAS-24: the Kelvin sign folds into a plain k."""
    memory = MemoryStore([Account("u-kelvin", email="\u212aate@acme.example")])
    assert memory.by_email("kate@acme.example", tenant=None) == ()
    memory.put(Account("u-kate", email="Kate@acme.example"))
    assert [each.id for each in memory.by_email("kate@acme.example", tenant=None)] == ["u-kate"]


def test_a_ceiling_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    """RAS-31: never dropped into an account that may have everything."""
    limited = [Account("u-alice", scopes=frozenset({"chat.read"}))]
    with closing(open_database(tmp_path / "ras.db", kek_file=tmp_path / "kek")) as database:
        with pytest.raises(AccountsWrong, match="u-alice: not built: scopes"):
            bring_in(database.ledger, limited, LINKS, now=NOW, decision_id="start")
        assert database.store.by_id("u-alice") is None
        bring_in(database.ledger, [Account("u-alice")], LINKS, now=NOW, decision_id="start")
