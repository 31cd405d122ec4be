"""What every Store and Accounts must do, said to those that we ship."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger.sqlite import connect
from idjag.ras import Account, Link, MemoryStore
from idjag.ras.ports import Committed, LinkMoved, Lost, Once, Record
from idjag.ras.store_sql import bring_in, open_database
from tests.ras.stores import STORES, kind_of, names, opened_store, record
from tests.ras.test_client_auth import by_key
from tests.ras.world import ALICE, IDP, NOW, OTHER_IDP, World, grant, token_claims

JTI = Once("id_jag", IDP, "jti-1", NOW + 300)
PROOF = Once("client_assertion", "wiki", "proof-1", NOW + 60)
BOB = Link(IDP, "", "bob")
PEOPLE = [
    Account("u-alice", email="alice@acme.example"),
    Account("u-bob", email="Bob@acme.example"),
    Account("u-bob-2", email="bob@acme.example", tenant="globex", active=False),
]
LINKS = {Link(IDP, "", "alice"): "u-alice"}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """Each kind of store with the same people (RAS-20, AT-05: one law, three databases)."""
    with opened_store(kind_of(request), tmp_path, PEOPLE, LINKS) as opened:
        yield opened


def test_what_is_claimed_is_claimed_once(store: Any) -> None:
    """RAS-20: and the event of who came second is written instead."""
    assert store.commit(record(on_success=(JTI,))) is Committed
    assert store.commit(record(on_success=(JTI,))) == Lost(JTI)
    assert names(store) == ["id_jag.redeemed", "id_jag.refused"]


@pytest.mark.parametrize(
    "other",
    [
        Once("id_jag", OTHER_IDP, "jti-1", NOW + 300),
        Once("id_jag", IDP, "jti-2", NOW + 300),
        Once("client_assertion", IDP, "jti-1", NOW + 300),
    ],
)
def test_kind_and_scope_keep_values_apart(store: Any, other: Once) -> None:
    """RAS-19."""
    assert store.commit(record(on_success=(JTI,))) is Committed
    assert store.commit(record(on_success=(other,))) is Committed


def test_a_loser_claims_nothing_else(store: Any) -> None:
    """RAS-20: nobody's grant is burnt by somebody's old proof."""
    assert store.commit(record(always=(PROOF,))) is Committed
    assert store.commit(record(always=(PROOF,), on_success=(JTI,))) == Lost(PROOF)
    assert store.commit(record(on_success=(JTI,))) is Committed


def test_a_link_is_written_with_the_event(store: Any) -> None:
    """RAS-24."""
    assert store.linked(BOB) is None
    assert store.commit(record(account_id="u-bob", link=BOB)) is Committed
    assert store.linked(BOB) == "u-bob"
    assert store.links_of("u-bob") == (BOB,)


@pytest.mark.parametrize(
    ("account_id", "link"),
    [
        pytest.param("u-bob", Link(IDP, "", "alice"), id="the link is another's"),
        pytest.param("u-alice", BOB, id="the account is another's"),
    ],
)
def test_a_link_that_moved_is_not_written(store: Any, account_id: str, link: Link) -> None:
    """RAS-24: looked up free, taken meanwhile; only what is always claimed stays claimed."""
    moved = record(account_id=account_id, link=link, always=(PROOF,), on_success=(JTI,))
    assert store.commit(moved) is LinkMoved
    assert names(store) == []
    assert store.commit(record(on_success=(JTI,))) is Committed
    assert store.commit(record(always=(PROOF,))) == Lost(PROOF)
    assert store.links_of("u-bob") == ()


def test_links_that_were_seen_do_not_matter_and_others_do(store: Any) -> None:
    """RAS-24, decision 0022: who may be linked was judged by the links that the account had then."""
    for link in (Link(OTHER_IDP, "", "bob"), Link(IDP, "t-1", "bob")):
        beside = frozenset(store.links_of("u-alice"))
        unseen = record(account_id="u-alice", link=link, beside=beside - {Link(IDP, "", "alice")})
        assert store.commit(unseen) is LinkMoved
        assert store.commit(record(account_id="u-alice", link=link, beside=beside)) is Committed
    assert len(store.links_of("u-alice")) == 3


def test_an_account_is_made_with_its_link_or_not_at_all(store: Any) -> None:
    """RAS-23."""
    made = Account("u-new", email="new@acme.example", name="New", tenant="globex")
    moved = record(account_id="u-new", create=made, link=Link(IDP, "", "alice"))
    assert store.commit(moved) is LinkMoved
    assert store.by_id("u-new") is None
    good = record(account_id="u-new", create=made, link=Link(IDP, "", "new"))
    assert store.commit(good) is Committed
    assert store.by_id("u-new") == made
    assert store.by_email("new@acme.example", tenant="globex") == (made,)


def test_an_address_that_was_taken_meanwhile_is_not_given_twice(store: Any) -> None:
    """RAS-24: two new people of one address at once; the second is looked up again."""
    rival = Account("u-new", email="ALICE@acme.example")
    link = Link(IDP, "", "new")
    assert store.commit(record(account_id="u-new", create=rival, link=link)) is LinkMoved
    elsewhere = Account("u-new", email="alice@acme.example", tenant="globex")
    assert store.commit(record(account_id="u-new", create=elsewhere, link=link)) is Committed


def test_people_are_found_by_id_and_by_address_within_a_tenant(store: Any) -> None:
    """TEN-10; disabled people are found too, or they would be made anew."""
    assert store.by_id("nobody") is None
    assert store.by_id("u-bob-2").active is False
    assert [each.id for each in store.by_email("bob@acme.example", tenant=None)] == ["u-bob"]
    assert [each.id for each in store.by_email("bob@acme.example", tenant="globex")] == ["u-bob-2"]
    assert store.by_email("bob@acme.example", tenant="acme") == ()
    assert store.ready()


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


CEILINGS = [None, frozenset[str](), frozenset({"chat.read"}), frozenset({"chat.read", "chat.history"})]


@pytest.mark.parametrize("scopes", CEILINGS, ids=["no ceiling", "nothing", "one", "two"])
def test_the_ceiling_of_an_account_is_kept(tmp_path: Path, scopes: frozenset[str] | None) -> None:
    """RAS-31: none, one that lets nothing through, and others; changed by the file alone."""
    with closing(open_database(tmp_path / "ras.db", kek_file=tmp_path / "kek")) as database:
        for account in (Account("u-alice", scopes=scopes), Account("u-alice", scopes=frozenset({"files"}))):
            bring_in(database.ledger, [account], LINKS, now=NOW, decision_id=f"start {account.scopes}")
            assert database.store.by_id("u-alice") == account


def test_a_ceiling_in_the_database_narrows_the_token(tmp_path: Path) -> None:
    """RAS-31: the whole way; a second start with the same file changes nothing."""
    people = [Account("u-alice", scopes=frozenset({"chat.history"}))]
    links = {Link(IDP, "", ALICE): "u-alice"}
    with opened_store("sqlite", tmp_path, people, links) as store:
        assert token_claims(World(store=store).post())["scope"] == "chat.history"
        bring_in(store.database.ledger, people, links, now=NOW, decision_id="again")
        assert names(store) == ["id_jag.redeemed"]


def test_a_database_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    """Operators upgrade in place."""
    path, kek = tmp_path / "ras.db", tmp_path / "kek"
    with opened_store("sqlite", tmp_path, [Account("u-alice")], {}):
        pass
    with closing(connect(path)) as connection:
        connection.execute("ALTER TABLE account DROP COLUMN scopes")
        connection.execute("DROP TABLE issued_token")
        connection.execute("DROP TABLE standing")
    with closing(open_database(path, kek_file=kek)) as database:
        assert database.store.by_id("u-alice") == Account("u-alice")
        assert database.store.token("jti") is None


def test_the_folder_of_a_database_is_ours_alone(tmp_path: Path) -> None:
    """The key-encryption key stands beside it."""
    folder = tmp_path / "data"
    open_database(folder / "ras.db", kek_file=folder / "ras.db.kek").close()
    assert folder.stat().st_mode & 0o777 == 0o700
