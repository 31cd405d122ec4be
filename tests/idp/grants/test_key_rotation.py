"""Signing keys change under load and nobody notices; a revoked one is trusted by nobody any more."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from idjag.idp.key_rotation import AHEAD, Change, Keys, KeyUnknown
from idjag.idp.keys import KEPT, KeyStatus
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.idp.grants.acme import NOW, SEALER, TENANT, Acme, acme, ledger_in

OPERATOR = {"kind": "operator", "id": "1000@host"}


def keys(idp: Acme) -> Keys:
    return Keys(idp.ledger, SEALER, TENANT, idp.new_id)


def rotate(idp: Acme, *, ahead: int = AHEAD, algs: Sequence[str] = ("ES256",)) -> tuple[Change, ...]:
    return keys(idp).rotate(algs, ahead=ahead, now=idp.clock(), actor=OPERATOR)


def kid_of(idp: Acme) -> str | None:
    """Which key signs an ID-JAG now."""
    token = idp.exchange(idp.sign_in()).json["access_token"]
    return jws.parse(token, max_bytes=names.MAX_ID_JAG).kid


def published(idp: Acme) -> set[object]:
    return {key["kid"] for key in idp.snapshot.keys.published(idp.clock()) if key["alg"] == "ES256"}


def test_the_next_key_is_published_a_day_before_it_signs(idp: Acme) -> None:
    """MET-09, attack case 204."""
    old = kid_of(idp)
    (planned,) = rotate(idp)

    assert published(idp) == {old, planned.kid}
    idp.clock.now += AHEAD - 1
    before = kid_of(idp)
    idp.clock.now += 1
    assert (before, kid_of(idp)) == (old, planned.kid)


def test_the_old_key_is_published_until_its_last_token_is_over(idp: Acme) -> None:
    """MET-09, attack cases 50 and 204: nothing has to be run for it."""
    old = kid_of(idp)
    (planned,) = rotate(idp)
    idp.clock.now += AHEAD + KEPT - 1
    before = published(idp)
    idp.clock.now += 1

    assert (before, published(idp)) == ({old, planned.kid}, {planned.kid})


def test_an_id_token_of_the_old_key_is_still_a_subject_token(idp: Acme) -> None:
    """Attack case 50."""
    token = idp.sign_in()
    rotate(idp, ahead=0, algs=("RS256",))

    assert idp.exchange(token).error == "issued"


def test_a_key_whose_time_is_over_makes_no_subject_tokens(idp: Acme) -> None:
    """Attack case 50: nor does an old key that somebody finds, whether anything was run since or not."""
    old = idp.snapshot.keys.signing("RS256", now=NOW)
    rotate(idp, algs=("RS256",))
    idp.clock.now += AHEAD + KEPT - 1
    claims = dict(jws.parse(idp.sign_in(), max_bytes=names.MAX_SUBJECT_TOKEN).claims)
    found = jws.sign(claims, key=old, typ="JWT")

    assert idp.exchange(found).error == "issued"
    idp.clock.now += 1
    assert idp.exchange(found).error == "invalid_grant"


def test_a_second_rotation_writes_down_what_the_clock_has_done(idp: Acme) -> None:
    old = kid_of(idp)
    (planned,) = rotate(idp)
    idp.clock.now += AHEAD + 60
    changes = {change.kid: change.status for change in rotate(idp)}

    assert (changes[planned.kid], changes[str(old)]) == (KeyStatus.ACTIVE, KeyStatus.RETIRING)
    names_ = sorted(event["event"] for event in idp.events() if event["event"].startswith("key."))
    assert names_ == ["key.activated", "key.created", "key.created", "key.retired"]
    assert kid_of(idp) == planned.kid
    idp.clock.now = NOW + AHEAD + KEPT
    assert old not in published(idp)


def test_a_plan_stays_when_somebody_rotates_again(idp: Acme) -> None:
    (planned,) = rotate(idp)
    (again,) = rotate(idp, ahead=2 * AHEAD)

    assert (again.kid, again.at, again.made) == (planned.kid, planned.at, False)


def test_an_emergency_rotation_takes_the_planned_key(idp: Acme) -> None:
    (planned,) = rotate(idp)
    rotate(idp, ahead=0)

    assert kid_of(idp) == planned.kid


def test_a_revoked_key_verifies_nothing_and_another_signs(idp: Acme) -> None:
    """Attack cases 50 and 205: the next request is refused already."""
    token = idp.sign_in()
    kid = jws.parse(token, max_bytes=names.MAX_SUBJECT_TOKEN).kid
    before = idp.exchange(token).error
    keys(idp).revoke(str(kid), reason="stolen", now=idp.clock(), actor=OPERATOR)

    assert (before, idp.exchange(token).error) == ("issued", "invalid_grant")
    assert idp.exchange(idp.sign_in()).error == "issued"
    assert kid not in {key["kid"] for key in idp.snapshot.keys.published(idp.clock())}


def test_a_revoked_key_is_replaced_by_the_planned_one(idp: Acme) -> None:
    old = str(kid_of(idp))
    (planned,) = rotate(idp)
    keys(idp).revoke(old, reason="stolen", now=idp.clock(), actor=OPERATOR)

    assert (kid_of(idp), published(idp)) == (planned.kid, {planned.kid})


def test_revoking_the_planned_key_ends_the_plan(idp: Acme) -> None:
    old = kid_of(idp)
    (planned,) = rotate(idp)
    keys(idp).revoke(planned.kid, reason="lost", now=idp.clock(), actor=OPERATOR)
    idp.clock.now += AHEAD

    assert (kid_of(idp), published(idp)) == (old, {old})


def test_a_key_is_revoked_once(idp: Acme) -> None:
    kid = str(kid_of(idp))
    keys(idp).revoke(kid, reason="stolen", now=idp.clock(), actor=OPERATOR)

    with pytest.raises(KeyUnknown):
        keys(idp).revoke(kid, reason="stolen", now=idp.clock(), actor=OPERATOR)


def test_of_two_nodes_that_rotate_at_once_one_does(tmp_path: Path) -> None:
    """Attack case 206: one new key, no kid twice, and exactly one signs."""
    database = tmp_path / "idjag.db"
    with acme(database=database) as one, ledger_in(database) as second:
        two = Acme(second, one.clock)
        two.new_id = lambda: f"two-{one.new_id()}"
        with ThreadPoolExecutor() as pool:
            outcomes = [change for changes in pool.map(rotate, (one, two)) for change in changes]

        assert sorted(change.made for change in outcomes) == [False, True]
        assert len({change.kid for change in outcomes}) == 1
        one.clock.now += AHEAD
        assert kid_of(one) == kid_of(two) == outcomes[0].kid
