"""idjag.idp.factors.totp: RFC 6238, replays, seeds that are sealed, and enrolment by a first code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.factors import enrolled, operations, qr, totp
from idjag.idp.factors.enrolled import Enrolment
from idjag.idp.factors.proof import Proof, Wrong
from idjag.ledger.entry import Key, Row, Update, Value
from idjag.protocol.errors import Reason, Refused
from idjag.seal import KekSealer, SealBroken
from tests.idp.factors.acme import ALICE, BOB, SEALER, Acme, acme, seed_of

RFC_SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_are_those_of_the_rfc(time: int, code: str) -> None:
    """RFC 6238 appendix B, of whose eight digits we take the last six."""
    assert totp.code_at(RFC_SEED, time // 30) == code[-6:]


def wrong(outcome: Proof | Wrong | None) -> Reason | None:
    return outcome.reason if isinstance(outcome, Wrong) else None


@pytest.mark.parametrize(
    ("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False), (-2880, False)]
)
def test_a_code_is_good_one_step_before_and_after_its_own(here: Acme, steps: int, *, good: bool) -> None:
    id_ = here.add_totp()
    here.now += 300
    outcome = here.show_code(here.code(id_, steps=steps))
    assert isinstance(outcome, Proof) is good
    assert good or wrong(outcome) is Reason.FACTOR_WRONG


def test_a_code_is_good_once(here: Acme) -> None:
    """The row keeps the step, for longer than one-time ids are remembered."""
    id_ = here.add_totp()
    here.now += 60
    code = here.code(id_)
    assert isinstance(here.show_code(code), Proof)
    assert here.show_code(code) == Wrong(Reason.FACTOR_REPLAYED, id_)


def test_an_older_step_is_not_good_after_a_newer_one(here: Acme) -> None:
    id_ = here.add_totp()
    here.now += 300
    older, newer = here.code(id_, steps=-1), here.code(id_)
    assert isinstance(here.show_code(newer), Proof)
    assert wrong(here.show_code(older)) is Reason.FACTOR_REPLAYED
    assert isinstance(here.show_code(here.code(id_, steps=1)), Proof)


def test_two_nodes_that_read_the_row_at_the_same_moment_accept_a_code_once(here: Acme) -> None:
    """The second decides on facts from before the first one's commit: only the one-time id stands there."""
    id_ = here.add_totp()
    here.now += 60
    code, before = here.code(id_), here.found()
    assert isinstance(here.show_code(code), Proof)
    assert isinstance(totp.check(before, ALICE, code, sealer=SEALER, now=here.now), Proof)
    assert here.show_code(code, stale=before) is None
    assert isinstance(here.show_code(here.code(id_, steps=1), stale=before), Proof)


def test_the_same_code_with_other_spaces_is_the_same_code(here: Acme) -> None:
    id_ = here.add_totp()
    here.now += 60
    code, before = here.code(id_), here.found()
    assert isinstance(here.show_code(f" {code[:3]} {code[3:]}\n"), Proof)
    for other in (f"{code[:3]}-{code[3:]}", f"{code[:3]}\u00a0{code[3:]}"):
        assert here.show_code(other, stale=before) is None


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "٠١٢٣٤٥", "-12345", "\ud800", "0" * 10_000]
)
def test_what_is_no_code_is_wrong_and_uses_nothing_up(here: Acme, typed: str) -> None:
    here.add_totp()
    here.now += 60
    assert totp.once(ALICE, typed, now=here.now) == ()
    assert wrong(here.show_code(typed)) is Reason.FACTOR_WRONG


def test_a_wrong_code_burns_nothing(here: Acme) -> None:
    id_ = here.add_totp()
    here.now += 60
    code = here.code(id_)
    wrong_one = f"{(int(code) + 1) % 10**6:06}"
    assert wrong(here.show_code(wrong_one)) is Reason.FACTOR_WRONG
    assert isinstance(here.show_code(code), Proof)


def test_nobodys_code_is_anybody_elses(here: Acme) -> None:
    alice, bob = here.add_totp(), here.add_totp(BOB)
    here.now += 60
    assert wrong(here.show_code(here.code(bob))) is Reason.FACTOR_WRONG
    assert isinstance(here.show_code(here.code(bob), BOB), Proof)
    assert isinstance(here.show_code(here.code(alice)), Proof)


def test_of_two_apps_either_will_do(here: Acme) -> None:
    phone, tablet = here.add_totp(label="Phone"), here.add_totp(label="Tablet")
    here.now += 60
    for id_ in (tablet, phone):
        outcome = here.show_code(here.code(id_))
        assert isinstance(outcome, Proof)
        assert outcome.credential_id == id_


def test_a_use_is_noted_with_its_time(here: Acme) -> None:
    id_ = here.add_totp()
    here.now += 600
    here.show_code(here.code(id_))
    assert [(one.id, one.last_used) for one in here.factors()] == [(id_, here.now)]


# the seed at rest


def test_a_seed_is_nowhere_in_the_clear(here: Acme) -> None:
    """Architecture section 7: TOTP seeds are encrypted at rest."""
    id_ = here.add_totp()
    (row,) = here.rows("totp")
    seed = here.seeds[id_]
    assert isinstance(row["sealed"], bytes)
    assert all(seed not in bytes(str(value), "utf-8") for value in row.values())
    assert seed not in row["sealed"]
    assert seed.hex() not in str(here.events())


def test_a_sealed_seed_opens_for_its_own_row_alone(here: Acme) -> None:
    """Whoever can write to the table cannot make Alice's seed into Bob's."""
    mine = here.add_totp()
    bobs = here.add_totp(BOB)
    (stolen,) = here.rows("totp", BOB)
    here.now += 60
    here.write(Update("credential", {"id": mine}, {"sealed": stolen["sealed"]}))
    with pytest.raises(SealBroken):
        totp.check(here.found(), ALICE, here.code(bobs), sealer=SEALER, now=here.now)
    assert isinstance(here.show_code(here.code(bobs), BOB), Proof)


# enrolment


def test_an_authenticator_app_finds_all_it_needs_in_the_address(here: Acme) -> None:
    pending = totp.begin(
        SEALER,
        tenant=here.tenant,
        person_id=ALICE,
        organisation="Acme: Corp & Söhne",
        username="alice@acme.example",
        now=here.now,
    )
    address = urlsplit(pending.uri)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Acme  Corp & Söhne:alice@acme.example"
    assert parse_qs(address.query) == {
        "secret": [pending.secret],
        "issuer": ["Acme  Corp & Söhne"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert len(seed_of(pending)) == 20
    assert pending.secret not in repr(pending)


def test_a_qr_code_fetches_and_styles_nothing(here: Acme) -> None:
    """The pages' policy allows neither; and the address, which has the seed, is not in it as text."""
    pending = here.begin()
    svg = qr.svg(pending.uri)
    assert svg.startswith("<svg ")
    assert "viewBox" in svg or "width=" in svg
    for banned in ("style", "<script", "href", "http", pending.secret, "otpauth"):
        assert banned not in svg


def enrolment(here: Acme, pending: totp.Pending, code: str, person_id: str = ALICE) -> Enrolment | Wrong:
    return totp.enrolment(SEALER, pending.token, code, new=here.new(person_id))


def good_code(here: Acme, pending: totp.Pending) -> str:
    return totp.code_at(seed_of(pending), here.now // 30)


def test_nothing_is_stored_before_the_first_code_is_right(here: Acme) -> None:
    pending = here.begin()
    code = good_code(here, pending)
    other = f"{(int(code) + 1) % 10**6:06}"
    assert wrong(enrolment(here, pending, other)) is Reason.FACTOR_WRONG  # type: ignore[arg-type]
    with pytest.raises(Refused) as refused:
        operations.add(here, enrolment(here, pending, other), person=here.person())
    assert refused.value.reason is Reason.FACTOR_WRONG
    assert here.factors() == ()
    assert operations.add(here, enrolment(here, pending, code), person=here.person()).kind == "totp"
    assert [one.kind for one in here.factors()] == ["totp"]


def test_the_first_code_does_not_sign_in_again(here: Acme) -> None:
    id_ = here.add_totp()
    assert here.show_code(here.code(id_)) == Wrong(Reason.FACTOR_REPLAYED, id_)
    here.now += 30
    assert isinstance(here.show_code(here.code(id_)), Proof)


def test_one_seed_is_stored_once(here: Acme) -> None:
    """Two copies of a seed would let a code be used twice."""
    pending = here.begin()
    operations.add(here, enrolment(here, pending, good_code(here, pending)), person=here.person())
    here.now += 60
    with pytest.raises(Refused) as refused:
        operations.add(here, enrolment(here, pending, good_code(here, pending)), person=here.person())
    assert refused.value.reason is Reason.FACTOR_REPLAYED
    assert len(here.factors()) == 1


def test_a_pending_seed_is_its_persons_alone_and_expires(here: Acme) -> None:
    pending = here.begin()
    code = good_code(here, pending)
    assert enrolment(here, pending, code, BOB) == Wrong(Reason.FACTOR_EXPIRED)
    assert isinstance(enrolment(here, pending, code), Enrolment)
    here.now += totp.PENDING
    assert enrolment(here, pending, good_code(here, pending)) == Wrong(Reason.FACTOR_EXPIRED)
    here.now -= 1
    assert isinstance(enrolment(here, pending, good_code(here, pending)), Enrolment)


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "\ud800", "A" * 400])
def test_a_pending_seed_that_was_made_up_is_refused(here: Acme, token: str) -> None:
    pending = replace(here.begin(), token=token)
    assert enrolment(here, pending, "123456") == Wrong(Reason.FACTOR_EXPIRED)


def test_a_pending_seed_of_another_key_is_refused(here: Acme) -> None:
    pending = here.begin()
    other = KekSealer(bytes(range(40, 72)))
    made = totp.enrolment(other, pending.token, good_code(here, pending), new=here.new())
    assert made == Wrong(Reason.FACTOR_EXPIRED)


def test_the_page_can_show_the_same_seed_again(here: Acme) -> None:
    pending = here.begin()
    shown = {"organisation": "Acme Corporation", "username": "alice", "tenant": here.tenant}
    again = totp.reopen(SEALER, pending.token, person_id=ALICE, now=here.now + 5, **shown)
    assert again == pending
    assert totp.reopen(SEALER, pending.token, person_id=BOB, now=here.now + 5, **shown) is None


@given(st.integers(min_value=0, max_value=2**40), st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_whatever_is_typed_in_whatever_order_the_accepted_steps_only_rise(
    start: int, offsets: list[int]
) -> None:
    """The law of the module, on rows alone: what is accepted is inside the window and newer than the last."""
    step, seed = start + 100, RFC_SEED
    context = f"t1/{enrolled.TABLE}/sealed/c1"
    row: dict[str, Value] = {"id": "c1", "tenant_id": "t1", "kind": "totp", "created": 0, "label": ""}
    row |= {"sealed": SEALER.seal(seed, context=context), "spec": '{"step":0}', "last_used": None}

    def found(key: Key) -> tuple[Row, ...]:
        return (dict(row),)

    last = 0
    for offset in offsets:
        code = totp.code_at(seed, step + offset)
        outcome = totp.check(found, "p", code, sealer=SEALER, now=step * 30)
        if isinstance(outcome, Proof):
            (update,) = outcome.writes
            assert isinstance(update, Update)
            row |= dict(update.values)
            accepted = int(enrolled.spec(row)["step"])
            assert last < accepted
            assert abs(accepted - step) <= 1
            last = accepted
        else:
            in_window = [each for each in (step - 1, step, step + 1) if totp.code_at(seed, each) == code]
            assert not in_window or max(in_window) <= last


def test_a_person_may_have_many_factors_and_not_any_number(here: Acme) -> None:
    for number in range(enrolled.MOST):
        here.add_totp(label=f"App {number}")
    with pytest.raises(Refused) as refused:
        here.add_totp()
    assert refused.value.reason is Reason.FACTOR_TOO_MANY
    assert here.add_totp(BOB)


def test_seeds_open_after_their_rows_were_read_from_sqlite(tmp_path: Path) -> None:
    with acme(tmp_path / "idjag.db") as here:
        id_ = here.add_totp()
        here.now += 60
        assert isinstance(here.show_code(here.code(id_)), Proof)
        assert here.show_code(here.code(id_)) == Wrong(Reason.FACTOR_REPLAYED, id_)
