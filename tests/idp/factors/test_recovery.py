"""idjag.idp.factors.recovery: ten codes on paper, each good once, all replaced together."""

from __future__ import annotations

import re

import pytest

from idjag.idp.factors import enrolled, operations, recovery
from idjag.idp.factors.proof import Proof, Wrong
from idjag.ledger.entry import Facts
from idjag.protocol.errors import Reason, Refused
from tests.idp.factors.acme import ALICE, BOB, Acme


@pytest.fixture
def codes(here: Acme) -> tuple[str, ...]:
    """Alice's codes, beside the app that they stand in for."""
    here.add_totp()
    return operations.regenerate(here, here.person(), source=here.source())


def show(here: Acme, code: str, person_id: str = ALICE, stale: Facts | None = None) -> Proof | Wrong | None:
    def check(found: Facts) -> Proof | Wrong:
        return recovery.check(found, person_id, code)

    return here.show(check, recovery.once(person_id, code, now=here.now), person_id=person_id, stale=stale)


def left(here: Acme, person_id: str = ALICE) -> int:
    return recovery.left(here.found(person_id), person_id)


def test_ten_codes_of_eighty_random_bits(codes: tuple[str, ...]) -> None:
    assert len(set(codes)) == len(codes) == recovery.CODES == 10
    for code in codes:
        assert re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code)


def test_a_code_is_stored_as_its_hash(here: Acme, codes: tuple[str, ...]) -> None:
    """Shown once: not in a row, not in the audit log."""
    stored = str(here.rows("recovery")) + str(here.events())
    for code in codes:
        assert code not in stored
        assert code.replace("-", "") not in stored


def test_each_code_is_good_once_and_counted(here: Acme, codes: tuple[str, ...]) -> None:
    for number, code in enumerate(codes):
        assert left(here) == 10 - number
        assert isinstance(show(here, code), Proof)
        assert show(here, code) == Wrong(Reason.FACTOR_WRONG)
    assert left(here) == 0


def test_two_nodes_that_read_the_row_at_the_same_moment_accept_a_code_once(
    here: Acme, codes: tuple[str, ...]
) -> None:
    before = here.found()
    assert isinstance(show(here, codes[0]), Proof)
    assert isinstance(recovery.check(before, ALICE, codes[0]), Proof)
    assert show(here, codes[0], stale=before) is None
    assert isinstance(show(here, codes[1], stale=before), Proof)


def test_a_code_may_be_typed_as_people_type(here: Acme, codes: tuple[str, ...]) -> None:
    typed = codes[0].replace("-", " ").upper().replace("0", "O").replace("1", "I")
    before = here.found()
    assert isinstance(show(here, f"  {typed} "), Proof)
    assert show(here, codes[0], stale=before) is None


@pytest.mark.parametrize("code", ["", "-", "0000-0000-0000-0000", "x" * 16, "0" * 10_000, "é" * 16, "\ud800"])
def test_a_wrong_code_is_refused_and_uses_nothing_up(here: Acme, codes: tuple[str, ...], code: str) -> None:
    assert show(here, code) == Wrong(Reason.FACTOR_WRONG)
    assert left(here) == 10
    assert isinstance(show(here, codes[0]), Proof)


def test_nobodys_codes_are_anybody_elses(here: Acme, codes: tuple[str, ...]) -> None:
    here.add_totp(BOB)
    bobs = operations.regenerate(here, here.person(BOB), source=here.source())
    assert show(here, codes[0], BOB) == Wrong(Reason.FACTOR_WRONG)
    assert isinstance(show(here, bobs[0], BOB), Proof)
    assert isinstance(show(here, codes[0]), Proof)


def test_new_codes_replace_all_old_ones(here: Acme, codes: tuple[str, ...]) -> None:
    show(here, codes[0])
    new = operations.regenerate(here, here.person(), source=here.source())
    assert set(new).isdisjoint(codes)
    assert left(here) == 10
    assert {show(here, code) for code in codes} == {Wrong(Reason.FACTOR_WRONG)}
    assert isinstance(show(here, new[0]), Proof)
    event = here.events()[-1]
    assert (event["event"], event["before"], event["after"]) == (
        "factor.codes_made",
        {"codes": 9},
        {"codes": 10},
    )


def test_codes_stand_in_for_a_factor_and_are_none_by_themselves(here: Acme) -> None:
    with pytest.raises(Refused) as refused:
        operations.regenerate(here, here.person(), source=here.source())
    assert refused.value.reason is Reason.FACTOR_UNKNOWN
    here.add_totp()
    assert enrolled.kinds(here.found(), ALICE) == {"totp"}
    operations.regenerate(here, here.person(), source=here.source())
    assert enrolled.kinds(here.found(), ALICE) == {"totp", "recovery"}
