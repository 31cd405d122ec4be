"""One-time links from the host's terminal: the first owner, and an administrator who comes back."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.idp.administration import links
from idjag.idp.administration.administrators import listed, operator
from idjag.idp.administration.appointments import NoSuch, end, give
from idjag.idp.administration.arrival import arrive, whose
from idjag.idp.administration.links import LIFETIME, AdminLink, OwnerExists
from idjag.idp.administration.roles import Role
from idjag.idp.catalog.user import UserEntry
from idjag.idp.facts import PersonFacts
from idjag.idp.passwords.setting import NewPassword, credential_key, password_hashes
from idjag.ledger.entry import Key
from tests.idp.administration.meeting import together
from tests.idp.factors.acme import ALICE, BOB, ISSUER, Acme
from tests.idp.signin.seeds import hold, update

OPERATOR = operator({"kind": "operator", "id": "1000@host"})


def create(here: Acme, username: str = "alice", role: Role = Role.OWNER) -> str:
    """A link's value."""
    return value_of(links.create(here, UserEntry(username=username), role, by=OPERATOR))


def value_of(link: AdminLink) -> str:
    address, _, value = link.url.partition("#")
    assert address == f"{ISSUER}/admin/first"
    assert len(value) >= 43
    return value


def use(here: Acme, value: str, encoded: str = "a-hash") -> bool:
    """Open the form and send it; whether it did anything."""
    person = whose(here, value, now=here.now)
    return person is not None and send(here, value, person, encoded)


def send(here: Acme, value: str, person: PersonFacts, encoded: str = "a-hash") -> bool:
    new = NewPassword(encoded, here.new_id())
    return arrive(here, value, new, before=person, source=here.source()) is not None


def roles(here: Acme) -> dict[str, Role]:
    return {one.username: one.role for one in listed(here)}


def hashes(here: Acme, person_id: str) -> list[str]:
    key = credential_key(person_id)
    return password_hashes(here.read(key), person_id)


def names(here: Acme, *, after: int) -> list[str]:
    return [str(event["event"]) for event in here.events(after=after)]


def test_a_link_makes_a_new_person_the_first_owner(here: Acme) -> None:
    """Attack case 197: no default password; the person has none until the link is used."""
    before = len(here.events())
    link = links.create(here, UserEntry(username="root", name="Root"), Role.OWNER, by=OPERATOR)
    key = Key("person", "username", "root")
    (row,) = here.read(key)(key)
    assert (link.new, link.expires) == (True, here.now + LIFETIME)
    assert (hashes(here, str(row["id"])), roles(here)) == ([], {})
    assert use(here, value_of(link))
    assert (hashes(here, str(row["id"])), roles(here)) == (["a-hash"], {"root": Role.OWNER})
    assert names(here, after=before) == [
        *("user.created", "admin.link_made", "password.changed", "admin.created"),
    ]
    created = here.events()[-1]
    assert (created["actor"], created["subject"]) == ({"kind": "person", "id": row["id"]}, row["id"])
    assert created["after"] == {"row": row["id"], "key": "root", "role": "owner"}


def test_a_link_makes_somebody_who_is_there_the_owner_and_ends_what_they_had(here: Acme) -> None:
    old, epoch, seq = hashes(here, ALICE), here.person().epoch, here.ledger.fresh(here.tenant).policy.seq
    assert use(here, create(here))
    assert here.ledger.fresh(here.tenant).policy.seq == seq + 1
    assert roles(here) == {"alice": Role.OWNER}
    assert (hashes(here, ALICE), here.person().epoch) == (["a-hash"], epoch + 1)
    assert old != ["a-hash"]


def test_a_link_gives_the_role_that_it_was_made_for(here: Acme) -> None:
    assert use(here, create(here, role=Role.AUDITOR))
    assert roles(here) == {"alice": Role.AUDITOR}
    assert use(here, create(here))
    assert roles(here) == {"alice": Role.OWNER}


def test_a_link_lives_an_hour_and_works_once(here: Acme) -> None:
    value = create(here, role=Role.VIEWER)
    person = whose(here, value, now=here.now + LIFETIME - 1)
    assert person is not None
    assert whose(here, value, now=here.now + LIFETIME) is None
    here.now += LIFETIME
    assert not send(here, value, person)
    here.now -= 1
    assert send(here, value, person)
    assert not send(here, value, person)
    assert whose(here, value, now=here.now) is None


def test_a_link_is_dead_once_an_owner_exists_and_none_is_made(here: Acme) -> None:
    """Attack case 197: it cannot be replayed after the first owner exists."""
    late = create(here, "bob")
    person = whose(here, late, now=here.now)
    assert person is not None
    assert use(here, create(here))
    assert whose(here, late, now=here.now) is None
    assert not send(here, late, person)
    for role in (Role.OWNER, Role.VIEWER):
        with pytest.raises(OwnerExists):
            create(here, "bob", role)
    assert roles(here) == {"alice": Role.OWNER}


def test_an_owner_who_cannot_come_in_is_none(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    here.write(update("person", ALICE, status="disabled"))
    assert use(here, create(here, "bob"))
    assert roles(here) == {"alice": Role.OWNER, "bob": Role.OWNER}


@pytest.mark.parametrize("stop", [update("person", ALICE, status="disabled"), hold("user", ALICE)])
def test_who_could_not_sign_in_gets_no_link_and_uses_none(here: Acme, stop: Any) -> None:
    value = create(here)
    person = whose(here, value, now=here.now)
    assert person is not None
    here.write(stop)
    assert whose(here, value, now=here.now) is None
    assert not send(here, value, person)
    with pytest.raises(NoSuch):
        create(here)


def test_a_new_link_ends_the_one_before_and_so_does_a_new_epoch(here: Acme) -> None:
    first, second = create(here), create(here)
    assert whose(here, first, now=here.now) is None
    assert whose(here, second, now=here.now) is not None
    here.write(update("person", ALICE, epoch=7))
    assert whose(here, second, now=here.now) is None


def test_the_value_is_stored_and_said_nowhere(here: Acme) -> None:
    """Attack case 199."""
    value = create(here)
    key = Key("link", "person_id", ALICE)
    assert value not in repr(here.read(key)(key))
    assert value not in repr(here.events())
    assert value not in repr(links.create(here, UserEntry(username="alice"), Role.OWNER, by=OPERATOR))


def test_a_reset_takes_password_and_factors_and_brings_an_owner_back(here: Acme) -> None:
    give(here, ALICE, Role.OWNER, by=OPERATOR)
    here.add_totp()
    before = len(here.events())
    value = value_of(links.reset(here, ALICE, by=OPERATOR))
    assert (here.factors(), hashes(here, ALICE)) == ((), [])
    assert names(here, after=before) == ["factor.reset", "admin.link_made"]
    assert use(here, value)
    assert (roles(here), hashes(here, ALICE)) == ({"alice": Role.OWNER}, ["a-hash"])
    assert names(here, after=before)[2:] == ["password.changed"]


def test_a_reset_is_for_administrators_and_keeps_their_role(here: Acme) -> None:
    here.add_totp(BOB)
    with pytest.raises(NoSuch):
        links.reset(here, BOB, by=OPERATOR)
    assert hashes(here, BOB) != []
    assert len(here.factors(BOB)) == 1
    give(here, BOB, Role.VIEWER, by=OPERATOR)
    value = value_of(links.reset(here, BOB, by=OPERATOR))
    person = whose(here, value, now=here.now)
    assert person is not None
    end(here, BOB, by=OPERATOR)
    assert not send(here, value, person)
    give(here, BOB, Role.VIEWER, by=OPERATOR)
    assert use(here, value)
    assert roles(here) == {"bob": Role.VIEWER}


def test_one_link_at_two_nodes_at_once_is_used_once(nodes: tuple[Acme, Acme]) -> None:
    """Attack case 197, promise P4: safe under two parallel uses."""
    one, two = nodes
    value = create(one)
    person = whose(two, value, now=one.now)
    assert person is not None
    done = together(
        nodes,
        lambda node: send(node, value, person, "hash of one"),
        lambda node: send(node, value, person, "hash of two"),
    )
    assert sorted(done) == [False, True]
    assert len(hashes(one, ALICE)) == 1
    assert roles(two) == {"alice": Role.OWNER}


def test_of_two_links_at_two_nodes_at_once_one_makes_the_owner(nodes: tuple[Acme, Acme]) -> None:
    """Attack case 197: dead once an owner exists, also when that owner comes to be at this moment."""
    one, two = nodes
    alices, bobs = create(one, "alice"), create(two, "bob")
    alice, bob = whose(one, alices, now=one.now), whose(two, bobs, now=two.now)
    assert alice is not None
    assert bob is not None
    done = together(nodes, lambda node: send(node, alices, alice), lambda node: send(node, bobs, bob))
    assert sorted(done) == [False, True]
    assert list(roles(one).values()) == [Role.OWNER]
