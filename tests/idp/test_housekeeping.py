"""Housekeeping: what is dead goes, in small steps, and nothing goes before its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from idjag.idp import families
from idjag.idp.grants.authorization_code import AuthorizationCode  # noqa: F401 - its code is what is cleaned up
from idjag.idp.housekeeping import KEYS_KEPT, Housekeeping
from idjag.idp.key_rotation import Keys
from idjag.idp.keys import KEPT as KEY_PUBLISHED
from idjag.idp.store.dead import dead
from idjag.ledger.entry import Entry, Expire, Facts, Insert, OneTime, Row, Unavailable, Verdict
from idjag.ledger.expiry import CLOCK_STEP, KEPT
from idjag.protocol.names import SKEW
from tests.idp.grants.acme import NOW, SEALER, TENANT, Acme, acme
from tests.ledger.parts import sql

ACTOR = {"kind": "operator", "id": "1000@host"}


@dataclass(slots=True)
class House:
    """A running IdP on a file, and its housekeeping."""

    acme: Acme
    path: Path
    housekeeping: Housekeeping
    steps: int = 0

    def keep(self) -> None:
        """One whole round."""
        self.housekeeping.run(self._stopping)

    def _stopping(self, _seconds: float) -> bool:
        self.steps += 1
        return False

    def ids(self, table: str) -> list[str]:
        return [str(row["id"]) for row in sql(self.path, f"SELECT id FROM {table} ORDER BY id")]  # noqa: S608


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    path = tmp_path / "idjag.db"
    tmp_path.chmod(0o700)
    with acme(database=path) as running:
        look = partial(dead, f"sqlite:///{path}")
        yield House(running, path, Housekeeping(running.ledger, TENANT, look, running.clock, running.new_id))


def throttle(name: str, *, until: int) -> Insert:
    return Insert("throttle", {"id": name, "tenant_id": TENANT, "failures": 1, "until": until})


def code(name: str, *, expires: int) -> Insert:
    row: Row = {
        "id": name, "tenant_id": TENANT, "app_id": "a", "session_id": "s", "person_id": "p", "epoch": 0,
        "spec": "{}", "expires": expires,
    }  # fmt: skip
    return Insert("code", row)


def token(name: str, *, expires: int) -> Insert:
    row: Row = {
        "id": name, "tenant_id": TENANT, "family_id": "f", "app_id": "a", "person_id": "p", "session_id": "s",
        "sid": "sid", "created": 0, "expires": expires, "rotated": None,
    }  # fmt: skip
    return Insert("refresh_token", row)


def family(name: str, *, expires: int) -> Insert:
    row: Row = {
        "id": name, "tenant_id": TENANT, "code_id": "c", "app_id": "a", "person_id": "p", "session_id": "s",
        "epoch": 0, "offline": 1, "created": 0, "revoked": None, "sid": "sid", "jkt": None, "spec": "{}",
        "last_used": 0, "expires": expires,
    }  # fmt: skip
    return Insert("family", row)


def use(acme: Acme, value: str, *, until: int) -> str:
    """Use a one-time id; "won" or "lost"."""

    def decide(_snapshot: object, _facts: Facts) -> Verdict[str]:
        return Verdict("won", ())

    def lost(_one_time: OneTime) -> Verdict[str]:
        return Verdict("lost", (), succeeded=False)

    once = OneTime("jti", "x", value, until)
    return acme.ledger.commit(
        Entry(TENANT, acme.new_id(), acme.clock(), decide, lost, consume_always=(once,))
    )


TABLES: list[Any] = [
    pytest.param("throttle", lambda name, end: throttle(name, until=end), id="throttle"),
    pytest.param("code", lambda name, end: code(name, expires=end), id="code"),
    pytest.param("refresh_token", lambda name, end: token(name, expires=end), id="refresh token"),
    pytest.param("family", lambda name, end: family(name, expires=end), id="family"),
]


@pytest.mark.parametrize(("table", "row"), TABLES)
def test_a_row_goes_when_no_clock_that_we_tolerate_needs_it_and_not_before(
    house: House, table: str, row: Any
) -> None:
    """Expiry, skew, and the largest step of a clock (issue 5, attack case 210)."""
    assert KEPT == SKEW + CLOCK_STEP
    house.acme.write(row("dead", NOW - KEPT), row("needed", NOW - KEPT + 1))
    house.keep()
    assert house.ids(table) == ["needed"]
    house.acme.clock.now += 1
    house.keep()
    assert house.ids(table) == []


def test_a_used_id_stays_used_until_its_time_and_then_is_forgotten(house: House) -> None:
    """A clock that runs a day ahead, and is set right, brings back nothing (attack case 210)."""
    assert use(house.acme, "j-1", until=NOW + 300) == "won"
    house.acme.clock.now = NOW + CLOCK_STEP
    house.keep()
    house.acme.clock.now = NOW
    assert use(house.acme, "j-1", until=NOW + 300) == "lost"
    house.acme.clock.now = NOW + 300 + KEPT - 1
    house.keep()
    assert len(house.ids("one_time")) == 1
    house.acme.clock.now += 1
    house.keep()
    assert house.ids("one_time") == []


def test_no_other_write_reaches_the_tables_of_the_ledger(house: House) -> None:
    for write in (
        Expire("one_time", "id", NOW, 1),
        Expire("audit", "time", NOW, 1),
        Expire("ledger_head", "x", 0, 1),
    ):
        with pytest.raises(Unavailable):
            house.acme.write(write)
    house.acme.write(Expire("one_time", "until", 0, 1))


def test_a_thousand_dead_rows_go_in_steps(house: House) -> None:
    """No step is larger than 256 rows, so that no request waits for long."""
    house.acme.write(*(throttle(f"t-{n:04d}", until=0) for n in range(1000)))
    house.keep()
    assert house.ids("throttle") == []
    assert house.steps >= 4


def test_a_process_that_stops_waits_for_one_step_at_most(house: House) -> None:
    house.acme.write(*(throttle(f"t-{n:04d}", until=0) for n in range(1000)))
    house.housekeeping.run(lambda _seconds: True)
    assert 0 < 1000 - len(house.ids("throttle")) <= 256


def test_a_session_stays_as_long_as_families_may_rest_on_it(house: House) -> None:
    """Decision 0025: a family whose session is not there is over."""
    house.acme.sign_in()
    [session] = house.ids("session")
    ends = NOW + 12 * 3600
    house.acme.clock.now = ends + families.LIFETIME + KEPT - 1
    house.keep()
    assert (house.ids("session"), len(house.ids("session_app"))) == ([session], 1)
    house.acme.clock.now += 1
    house.keep()
    assert (house.ids("session"), house.ids("session_app")) == ([], [])


def test_a_session_that_went_on_after_the_look_stays(house: House) -> None:
    """What was looked up without a lock is looked at again in the transaction."""
    house.acme.sign_in()
    [session] = house.ids("session")
    looks = {"session": [session]}
    house.housekeeping.dead = lambda table, _by, **_: looks.pop(table, [])
    house.keep()
    assert house.ids("session") == [session]


def test_a_key_that_nobody_needs_is_destroyed_and_that_is_recorded(house: House) -> None:
    changing = Keys(house.acme.ledger, SEALER, TENANT, house.acme.new_id)
    before = house.ids("signing_key")
    changing.rotate(["ES256"], ahead=0, now=NOW, actor=ACTOR)
    gone = NOW + KEY_PUBLISHED + KEPT + KEYS_KEPT
    house.acme.clock.now = gone - 1
    house.keep()
    assert len(house.ids("signing_key")) == len(before) + 1
    house.acme.clock.now = gone
    house.keep()
    left = house.ids("signing_key")
    assert len(left) == len(before)
    [event] = house.acme.events("key.deleted")
    assert {event["before"]["kid"]} == set(before) - set(left)
    house.acme.clock.now = NOW
    assert house.acme.exchange(house.acme.sign_in()).status == 200


def test_a_revoked_key_is_destroyed_too(house: House) -> None:
    changing = Keys(house.acme.ledger, SEALER, TENANT, house.acme.new_id)
    kid = house.ids("signing_key")[0]
    changing.revoke(kid, reason="seen", now=NOW, actor=ACTOR)
    house.acme.clock.now = NOW + KEPT + KEYS_KEPT
    house.keep()
    assert kid not in house.ids("signing_key")


@pytest.mark.soak
def test_tables_are_bounded_over_a_month_of_use(house: House) -> None:
    """Issue 5: bounded tables, with a clock by hand."""
    sizes = []
    for _day in range(80):
        house.acme.clock.now += 86_400
        now = house.acme.clock.now
        use(house.acme, f"j-{now}", until=now + 300)
        house.acme.write(throttle(f"t-{now}", until=now + 60), code(f"c-{now}", expires=now + 60))
        house.acme.sign_in()
        house.keep()
        sizes.append(
            sum(len(house.ids(name)) for name in ("one_time", "throttle", "code", "session", "session_app"))
        )
    assert max(sizes[40:]) == min(sizes[40:])
