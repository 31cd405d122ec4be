"""idjag.idp.factors.devices: a remembered browser spares its person a page, and nobody else anything."""

from __future__ import annotations

import pytest

from idjag.idp.factors import devices, operations
from idjag.idp.factors.acr import PWD, context
from idjag.idp.factors.proof import Proof
from idjag.ledger.entry import Update, Verdict
from idjag.protocol.errors import Reason, Refused
from tests.idp.factors.acme import ADMIN, ALICE, BOB, Acme, event_names

COOKIE, OTHER = "c" * 44, "d" * 44


def remember(here: Acme, cookie: str = COOKIE, person_id: str = ALICE, **values: int) -> str:
    source = here.source()
    row = devices.remember(here.person(person_id), cookie, tenant=here.tenant, source=source, **values)
    event = devices.remembered(row, source=source)
    here.commit(lambda _found: Verdict(None, (event,), (row,)))
    return str(row.row["id"])


def check(here: Acme, cookie: str | None = COOKIE, person_id: str = ALICE) -> Proof | None:
    found = here.read(*devices.keys(cookie, person_id))
    return devices.check(found, here.person(person_id), cookie, now=here.now)


def test_a_remembered_browser_is_known_and_says_nothing_of_a_factor(here: Acme) -> None:
    """Decision 0030."""
    id_ = remember(here)
    here.now += 60
    proof = check(here)
    assert proof is not None
    assert (proof.kind, proof.credential_id, proof.amr) == ("device", id_, frozenset())
    made = context([Proof("password", "c-alice"), proof])
    assert (made.acr, made.amr) == (PWD, ("pwd",))
    here.write(*proof.writes)
    assert [(one.id, one.last_used) for one in listed(here)] == [(id_, here.now)]


def listed(here: Acme, person_id: str = ALICE) -> tuple[devices.Device, ...]:
    return devices.listed(here.found(person_id), here.person(person_id), now=here.now)


def test_the_cookie_is_stored_as_its_digest(here: Acme) -> None:
    remember(here)
    assert COOKIE not in str(here.found()(devices.key(ALICE))) + str(here.events())


@pytest.mark.parametrize("cookie", [None, "", OTHER, COOKIE.upper(), COOKIE + "c"])
def test_another_cookie_is_nobodys(here: Acme, cookie: str | None) -> None:
    remember(here)
    assert check(here, cookie) is None
    assert check(here) is not None


def test_a_browser_is_remembered_for_one_person(here: Acme) -> None:
    remember(here)
    assert check(here, person_id=BOB) is None
    remember(here, OTHER, BOB)
    assert check(here, OTHER, BOB) is not None


def test_a_browser_is_forgotten_after_thirty_days_however_often_it_came(here: Acme) -> None:
    remember(here)
    here.now += devices.LIFETIME - 1
    proof = check(here)
    assert proof is not None
    here.write(*proof.writes)
    here.now += 1
    assert check(here) is None
    assert listed(here) == ()


def test_a_tenant_may_want_it_shorter(here: Acme) -> None:
    remember(here, lifetime=3600)
    here.now += 3600
    assert check(here) is None
    here.now -= 1
    assert check(here) is not None


def test_a_new_epoch_forgets_every_browser(here: Acme) -> None:
    """A changed password, a disabled person, a reset."""
    remember(here)
    here.write(Update("person", {"id": ALICE}, {"epoch": 1}))
    assert check(here) is None
    remember(here, OTHER)
    assert check(here, OTHER) is not None


def test_a_person_forgets_one_browser_or_all(here: Acme) -> None:
    cookies = ["a" * 44, "b" * 44, "e" * 44]
    ids = [remember(here, cookie) for cookie in cookies]
    remember(here, OTHER, BOB)
    operations.forget_device(here, here.person(), ids[0], source=here.source())
    assert [check(here, cookie) is not None for cookie in cookies] == [False, True, True]
    assert operations.forget_devices(here, here.person(), source=here.source()) == 2
    assert [check(here, cookie) for cookie in cookies] == [None, None, None]
    assert check(here, OTHER, BOB) is not None
    assert event_names(here)[-2:] == ["device.forgotten", "device.forgotten"]


def test_nobody_forgets_anybody_elses_browser(here: Acme) -> None:
    bobs = remember(here, OTHER, BOB)
    with pytest.raises(Refused) as refused:
        operations.forget_device(here, here.person(), bobs, source=here.source())
    assert refused.value.reason is Reason.FACTOR_UNKNOWN
    assert check(here, OTHER, BOB) is not None
    operations.forget_device(here, here.person(BOB), bobs, source=here.source())
    assert check(here, OTHER, BOB) is None


def test_a_reset_forgets_every_browser(here: Acme) -> None:
    remember(here)
    operations.reset(here, ALICE, source=here.source(), actor=ADMIN)
    assert here.found()(devices.key(ALICE)) == ()
    assert check(here) is None
