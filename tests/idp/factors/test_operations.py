"""idjag.idp.factors.operations: every change is one commit, one event, and of the person who is signed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from idjag.idp import facts
from idjag.idp.factors import devices, operations, recovery, totp
from idjag.idp.factors.enrolled import key, next_version
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.facts import PersonFacts
from idjag.ledger.entry import Entry, Facts, Key, Update, Verdict
from idjag.protocol.errors import ANSWERS, Reason, Refused
from tests.authenticator import Authenticator
from tests.idp.factors.acme import ADMIN, ALICE, BOB, SEALER, Acme, event_names, seed_of


def remove(here: Acme, id_: str, *, required: bool = False, person_id: str = ALICE) -> Reason | None:
    """Why the factor stays; None when it went."""
    try:
        operations.remove(here, here.person(person_id), id_, required=required, source=here.source())
    except Refused as refused:
        return refused.reason
    return None


def test_an_enrolment_is_one_event_that_names_no_secret(here: Acme) -> None:
    before = len(here.events())
    id_ = here.add_totp(label="  Alice's\tphone\u202e ")
    (event,) = here.events()[before:]
    assert event["event"] == "factor.added"
    assert (event["subject"], event["actor"]) == (ALICE, {"kind": "person", "id": ALICE})
    assert event["after"] == {"row": id_, "kind": "totp", "label": "Alice'sphone"}
    assert (event["ip"], event["user_agent"]) == ("192.0.2.7", "Firefox")
    assert here.factors()[0].label == "Alice'sphone"


def test_a_label_is_cut_to_what_can_be_shown(here: Acme) -> None:
    here.add_totp(label="x" * 500)
    here.add_passkey(Authenticator(), label="\ud800\0")
    assert {one.label for one in here.factors()} == {"x" * 64, ""}


def test_a_factor_gets_another_name(here: Acme) -> None:
    id_, other = here.add_totp(), here.add_passkey(Authenticator())
    operations.rename(here, here.person(), id_, label="Work phone", source=here.source())
    assert {one.id: one.label for one in here.factors()} == {id_: "Work phone", other: "Key"}
    event = here.events()[-1]
    assert (event["event"], event["before"]["label"], event["after"]["label"]) == (
        "factor.renamed",
        "Phone",
        "Work phone",
    )


def test_a_factor_is_removed_and_the_others_stay(here: Acme) -> None:
    phone, passkey = here.add_totp(), here.add_passkey(Authenticator())
    codes = operations.regenerate(here, here.person(), source=here.source())
    assert remove(here, phone, required=True) is None
    assert [one.id for one in here.factors()] == [passkey]
    assert recovery.left(here.found(), ALICE) == len(codes)
    event = here.events()[-1]
    assert event["event"] == "factor.removed"
    assert event["before"] == {"row": phone, "kind": "totp", "label": "Phone", "last": False}


def test_the_last_factor_stays_while_one_is_required(here: Acme) -> None:
    id_ = here.add_totp()
    names = event_names(here)
    assert remove(here, id_, required=True) is Reason.FACTOR_LAST
    assert [one.id for one in here.factors()] == [id_]
    assert event_names(here) == names
    assert "one is required" in ANSWERS[Reason.FACTOR_LAST].text
    assert remove(here, id_) is None
    assert here.factors() == ()


def test_what_stood_in_for_the_last_factor_goes_with_it(here: Acme) -> None:
    """Codes and browsers that outlive the factor would let in who once had it."""
    id_ = here.add_totp()
    operations.regenerate(here, here.person(), source=here.source())
    here.write(devices.remember(here.person(), "c" * 44, tenant=here.tenant, source=here.source()))
    assert remove(here, id_) is None
    assert recovery.left(here.found(), ALICE) == 0
    assert here.found()(devices.key(ALICE)) == ()
    assert here.events()[-1]["before"]["last"] is True


def test_nobody_changes_anybody_elses_factors(here: Acme) -> None:
    mine, bobs = here.add_totp(), here.add_totp(BOB)
    assert remove(here, bobs) is Reason.FACTOR_UNKNOWN
    with pytest.raises(Refused):
        operations.rename(here, here.person(), bobs, label="Mine", source=here.source())
    assert [one.label for one in here.factors(BOB)] == ["Phone"]
    assert remove(here, mine) is None
    assert remove(here, bobs, person_id=BOB) is None


@pytest.mark.parametrize("id_", ["c-alice", f"{ALICE}:set", "", "no such"])
def test_what_is_no_factor_is_not_removed(here: Acme, id_: str) -> None:
    """The password, and the row of the set, are rows of the same table."""
    real = here.add_totp()
    assert remove(here, id_) is Reason.FACTOR_UNKNOWN
    assert len(here.rows("password")) == len(here.rows("set")) == 1
    assert remove(here, real) is None


# whose session it is

CHANGES: dict[str, Callable[[Acme, PersonFacts, str], Any]] = {
    "rename": lambda here, who, id_: operations.rename(here, who, id_, label="x", source=here.source()),
    "remove": lambda here, who, id_: operations.remove(here, who, id_, required=False, source=here.source()),
    "regenerate": lambda here, who, _id: operations.regenerate(here, who, source=here.source()),
    "forget": lambda here, who, _id: operations.forget_devices(here, who, source=here.source()),
    "add": lambda here, who, _id: _add(here, who),
}


def _add(here: Acme, who: PersonFacts) -> None:
    pending = here.begin()
    code = totp.code_at(seed_of(pending), here.now // 30)
    made = totp.enrolment(SEALER, pending.token, code, new=here.new())
    operations.add(here, made, person=who)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("ends", [{"epoch": 7}, {"status": "disabled"}], ids=repr)
def test_a_session_that_has_ended_changes_nothing(here: Acme, change: str, ends: dict[str, Any]) -> None:
    id_, who = here.add_totp(), here.person()
    here.write(Update("person", {"id": ALICE}, ends))
    rows, events = here.found()(key(ALICE)), len(here.events())
    with pytest.raises(Refused) as refused:
        CHANGES[change](here, who, id_)
    assert refused.value.reason is Reason.SESSION_ENDED
    assert (here.found()(key(ALICE)), len(here.events())) == (rows, events)
    here.write(Update("person", {"id": ALICE}, {"epoch": 0, "status": "active"}))
    CHANGES[change](here, who, id_)
    assert len(here.events()) == events + 1


# the administrator


def test_a_reset_takes_everything_and_ends_every_session(here: Acme) -> None:
    phone, passkey = here.add_totp(), here.add_passkey(Authenticator())
    operations.regenerate(here, here.person(), source=here.source())
    here.add_totp(BOB)
    before = here.person()
    removed = operations.reset(here, ALICE, source=here.source(), actor=ADMIN)
    assert {one.id for one in removed} == {phone, passkey}
    assert here.factors() == ()
    assert recovery.left(here.found(), ALICE) == 0
    assert here.person().epoch == before.epoch + 1
    assert len(here.rows("password")) == 1
    assert len(here.factors(BOB)) == 1
    event = here.events()[-1]
    assert (event["event"], event["actor"], event["subject"]) == ("factor.reset", ADMIN, ALICE)
    assert {one["kind"] for one in event["before"]["factors"]} == {"totp", "passkey"}
    assert event["before"]["codes"] == 10


def test_a_reset_tells_the_apps(here: Acme) -> None:
    notices = Key("logout_notice", "person_id", ALICE)
    assert here.read(notices)(notices) == ()
    operations.reset(here, ALICE, source=here.source(), actor=ADMIN)
    assert len(here.read(notices)(notices)) == 1


def test_a_reset_of_nobody_is_refused(here: Acme) -> None:
    with pytest.raises(Refused) as refused:
        operations.reset(here, "p-nobody", source=here.source(), actor=ADMIN)
    assert refused.value.reason is Reason.SUBJECT_UNKNOWN
    assert operations.reset(here, ALICE, source=here.source(), actor=ADMIN) == ()


def test_what_was_enrolled_before_a_reset_is_no_proof_after_it(here: Acme) -> None:
    id_ = here.add_totp()
    operations.reset(here, ALICE, source=here.source(), actor=ADMIN)
    here.now += 60
    assert here.show_code(here.code(id_)) == Wrong(Reason.FACTOR_WRONG)
    again = here.add_totp()
    here.now += 60
    assert isinstance(here.show_code(here.code(again)), Proof)


# two nodes at once


class Node:
    """Another node's ledger: something happens here between its reading and its commit."""

    def __init__(self, here: Acme, meanwhile: Callable[[], object], *, stale: bool) -> None:
        self.tenant, self.issuer, self.new_id, self.clock = here.tenant, here.issuer, here.new_id, here.clock
        self.ledger: Any = self
        self.commits = 0
        self._here, self._meanwhile, self._stale = here, meanwhile, stale

    def read(self, keys: Any) -> Facts:
        return self._here.ledger.read(keys)

    def commit(self, entry: Entry[Any, Any]) -> Any:
        self.commits += 1
        if self.commits > 1:
            return self._here.ledger.commit(entry)
        before = self._here.ledger.read(entry.reads)
        self._meanwhile()
        if not self._stale:
            return self._here.ledger.commit(entry)

        def decide(snapshot: Any, _found: Facts) -> Verdict[Any]:
            return entry.decide(snapshot, before)

        return self._here.ledger.commit(replace(entry, decide=decide))


@pytest.mark.parametrize("stale", [False, True], ids=["read again", "read before"])
def test_two_removals_never_take_the_last_two_factors(here: Acme, *, stale: bool) -> None:
    """``stale``: two transactions, each of which has read before the other's commit."""
    one, two = here.add_totp(), here.add_passkey(Authenticator())
    node = Node(here, lambda: remove(here, one, required=True), stale=stale)
    with pytest.raises(Refused) as refused:
        operations.remove(node, here.person(), two, required=True, source=here.source())
    assert refused.value.reason is Reason.FACTOR_LAST
    assert [each.id for each in here.factors()] == [two]
    assert node.commits == 2


@pytest.mark.parametrize("stale", [False, True], ids=["read again", "read before"])
def test_no_enrolment_outruns_a_reset(here: Acme, *, stale: bool) -> None:
    """Whoever has taken over a session adds a factor in the very moment of the reset."""
    who = here.person()
    pending = here.begin()
    code = totp.code_at(seed_of(pending), here.now // 30)
    made = totp.enrolment(SEALER, pending.token, code, new=here.new())
    reset = lambda: operations.reset(here, ALICE, source=here.source(), actor=ADMIN)  # noqa: E731
    with pytest.raises(Refused) as refused:
        operations.add(Node(here, reset, stale=stale), made, person=who)
    assert refused.value.reason is Reason.SESSION_ENDED
    assert here.factors() == ()


def test_a_change_that_is_always_outrun_gives_up(here: Acme) -> None:
    id_ = here.add_totp()

    class Busy(Node):
        def commit(self, entry: Entry[Any, Any]) -> Any:
            self.commits = 0
            return super().commit(entry)

    def meanwhile() -> None:
        here.write(next_version(ALICE, tenant=here.tenant, value=here.new_id(), now=here.now))

    with pytest.raises(Refused) as refused:
        operations.rename(
            Busy(here, meanwhile, stale=False), here.person(), id_, label="x", source=here.source()
        )
    assert refused.value.reason is Reason.FACTOR_CHANGED


def test_the_same_change_can_be_made_again_and_again(here: Acme) -> None:
    """A version never comes back, so that no change is refused because of one that was undone."""
    for _ in range(3):
        id_ = here.add_totp()
        assert remove(here, id_) is None
        here.now += 60
    person = facts.person(here.read(*facts.person_keys(ALICE)), ALICE)
    assert person is not None
    assert person.epoch == 0
