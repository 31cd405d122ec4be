"""idjag.idp.factors.passkeys and a software authenticator: what it makes is taken, every lie is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.factors import operations, passkeys, responses
from idjag.idp.factors.ceremony import LIFETIME, Ceremony
from idjag.idp.factors.enrolled import spec
from idjag.idp.factors.proof import Proof, Wrong
from idjag.idp.factors.relying_party import RelyingParty
from idjag.protocol.errors import Reason, Refused
from tests.authenticator import (
    BE,
    BS,
    EDDSA,
    ES256,
    RS256,
    UP,
    UV,
    Authenticator,
    Lie,
    NotAllowed,
    b64,
    unb64,
)
from tests.idp.factors.acme import ALICE, BOB, ISSUER, NOW, RP, Acme, enrol

ALGORITHMS = {ES256: "ES256", EDDSA: "EdDSA", RS256: "RS256"}


@pytest.fixture
def key() -> Authenticator:
    return Authenticator()


def reason_of(outcome: Proof | Wrong | None) -> Reason | None:
    return outcome.reason if isinstance(outcome, Wrong) else None


# what is asked


def test_a_browser_is_asked_for_a_verified_discoverable_key_without_attestation(here: Acme) -> None:
    options = here.creation_options(here.ceremony(purpose="enrol"))
    assert options["rp"] == {"id": "idp.acme.example", "name": "Acme Corporation"}
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-8, -7, -257]
    assert options["attestation"] == "none"
    assert options["timeout"] == LIFETIME * 1000
    selection = options["authenticatorSelection"]
    assert (selection["residentKey"], selection["userVerification"]) == ("required", "required")
    assert selection["requireResidentKey"] is True
    assert options["user"] | {"id": None} == {"id": None, "name": "alice", "displayName": "Alice Example"}
    assert json.loads(json.dumps(options)) == options


def test_the_user_handle_says_nothing_about_the_person_and_never_changes(here: Acme) -> None:
    options = [here.creation_options(here.ceremony(), person) for person in (ALICE, ALICE, BOB)]
    handles = [unb64(each["user"]["id"]) for each in options]
    assert handles[0] == handles[1] != handles[2]
    assert len(handles[0]) == 32
    assert b"alice" not in handles[0]
    assert passkeys.user_handle("t2", ALICE) != handles[0]


def test_passkeys_that_are_there_are_excluded_and_named_when_signing_in(
    here: Acme, key: Authenticator
) -> None:
    here.add_passkey(key)
    (resident,) = key.residents
    excluded = here.creation_options(here.ceremony())["excludeCredentials"]
    assert [unb64(each["id"]) for each in excluded] == [resident.id]
    with pytest.raises(NotAllowed, match="registered already"):
        here.add_passkey(key)
    allowed = here.request_options(here.ceremony(), ALICE)["allowCredentials"]
    assert [(unb64(each["id"]), each["transports"]) for each in allowed] == [
        (resident.id, ["internal", "hybrid"])
    ]
    assert here.add_passkey(Authenticator())


def test_nobody_without_a_passkey_is_asked_for_anybodys(here: Acme, key: Authenticator) -> None:
    here.add_passkey(key)
    with pytest.raises(Refused) as refused:
        here.request_options(here.ceremony(), BOB)
    assert refused.value.reason is Reason.FACTOR_UNKNOWN
    assert "allowCredentials" not in here.request_options(here.ceremony())
    assert here.request_options(here.ceremony())["userVerification"] == "required"


# what proves


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=ALGORITHMS.values())
@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_signs_in(here: Acme, algorithm: int, *, synced: bool) -> None:
    key = Authenticator((algorithm,), synced=synced)
    id_ = here.add_passkey(key)
    here.now += 3600
    outcome = here.show_passkey(key.get(here.request_options(here.ceremony(), ALICE), ISSUER))
    assert isinstance(outcome, Proof)
    assert (outcome.kind, outcome.credential_id) == ("passkey", id_)
    assert outcome.amr == {"pop", "user", "mfa"}
    (listed,) = here.factors()
    assert (listed.id, listed.kind, listed.label) == (id_, "passkey", "Key")
    assert (listed.last_used, listed.synced) == (here.now, synced)


def test_a_passkey_signs_in_without_a_name(here: Acme, key: Authenticator) -> None:
    """Passwordless: the person is found by the credential, and proven by it."""
    here.add_passkey(key, BOB)
    answer = key.get(here.request_options(here.ceremony()), ISSUER)
    owner = passkeys.owner(here.ledger, here.tenant, responses.assertion(answer))
    assert owner == BOB
    assert passkeys.owner(here.ledger, "t2", responses.assertion(answer)) is None
    assert isinstance(here.show_passkey(answer, person_id=BOB), Proof)


def test_a_passkey_is_its_owners_alone(here: Acme, key: Authenticator) -> None:
    here.add_passkey(key, BOB)
    here.add_passkey(Authenticator(), ALICE)
    answer = key.get(here.request_options(here.ceremony()), ISSUER)
    assert reason_of(here.show_passkey(answer, person_id=ALICE)) is Reason.FACTOR_UNKNOWN
    assert isinstance(here.show_passkey(answer, person_id=BOB), Proof)


def test_a_passkey_that_is_gone_proves_nothing(here: Acme, key: Authenticator) -> None:
    id_ = here.add_passkey(key)
    options = here.request_options(here.ceremony(), ALICE)
    assert isinstance(here.show_passkey(key.get(options, ISSUER)), Proof)
    operations.remove(here, here.person(), id_, required=False, source=here.source())
    answer = key.get(here.request_options(here.ceremony()), ISSUER)
    assert passkeys.owner(here.ledger, here.tenant, responses.assertion(answer)) is None
    assert reason_of(here.show_passkey(answer)) is Reason.FACTOR_UNKNOWN


LIES = [
    pytest.param(Lie(origin="https://idp.acme.example.evil.example"), id="a page of another host"),
    pytest.param(Lie(origin="https://a.idp.acme.example"), id="a page of a host below ours"),
    pytest.param(Lie(origin="http://idp.acme.example"), id="a page without TLS"),
    pytest.param(Lie(origin="https://idp.acme.example:8443"), id="a page of another port"),
    pytest.param(Lie(origin="HTTPS://idp.acme.example"), id="an origin that no browser writes"),
    pytest.param(Lie(cross_origin=True), id="inside a frame of another site"),
    pytest.param(Lie(rp_id="acme.example"), id="another relying party"),
    pytest.param(Lie(flags=UP), id="the user was not verified"),
    pytest.param(Lie(flags=UV), id="the user was not there"),
    pytest.param(Lie(flags=UP | UV | BS), id="a backup of what cannot be backed up"),
]


@pytest.mark.parametrize("lie", [*LIES, pytest.param(Lie(type="webauthn.get"), id="another ceremony")])
def test_a_new_passkey_is_refused_for_one_lie(here: Acme, key: Authenticator, lie: Lie) -> None:
    assert enrol(here, key, lie) is Reason.PASSKEY_INVALID
    assert enrol(here, Authenticator(), Lie()) is None


@pytest.mark.parametrize(
    "lie",
    [
        *LIES,
        pytest.param(Lie(type="webauthn.create"), id="another ceremony"),
        pytest.param(Lie(flags=UP | UV | BE), id="it has become one that is synced"),
        pytest.param(Lie(user_handle=b"somebody else"), id="another person's handle"),
        pytest.param(Lie(signature=bytes(70)), id="no signature"),
        pytest.param(Lie(signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"), id="a signature of nobody"),
    ],
)
def test_an_answer_is_refused_for_one_lie(here: Acme, key: Authenticator, lie: Lie) -> None:
    id_ = here.add_passkey(key)
    answer = key.get(here.request_options(here.ceremony(), ALICE), ISSUER, lie)
    assert here.show_passkey(answer) == Wrong(Reason.PASSKEY_INVALID, id_)
    truth = key.get(here.request_options(here.ceremony(), ALICE), ISSUER)
    assert isinstance(here.show_passkey(truth), Proof)


def test_an_answer_that_was_signed_by_another_key_is_refused(here: Acme, key: Authenticator) -> None:
    """The credential id is known to whoever was ever shown the page."""
    here.add_passkey(key)
    other = Authenticator(residents=[replace(key.residents[0], private=_another_key())])
    answer = other.get(here.request_options(here.ceremony(), ALICE), ISSUER)
    assert reason_of(here.show_passkey(answer)) is Reason.PASSKEY_INVALID


def _another_key() -> Any:
    key = Authenticator()
    with_key = key.create(
        {
            "rp": {"id": RP.id},
            "user": {"id": "AA", "name": "x"},
            "challenge": "AA",
            "pubKeyCredParams": [{"alg": ES256}],
            "authenticatorSelection": {"userVerification": "required"},
        },
        ISSUER,
    )
    assert with_key
    return key.residents[0].private


# the counter


def test_a_counter_that_does_not_rise_is_refused_and_said(here: Acme, key: Authenticator) -> None:
    """WebAuthn section 6.1.1: two authenticators may have the same key."""
    id_ = here.add_passkey(key)

    def shown(counter: int | None) -> Proof | Wrong | None:
        options = here.request_options(here.ceremony(), ALICE)
        return here.show_passkey(key.get(options, ISSUER, Lie(counter=counter)))

    assert isinstance(shown(5), Proof)
    for counter in (5, 4, 0):
        assert shown(counter) == Wrong(Reason.PASSKEY_COUNTER, id_)
    assert isinstance(shown(6), Proof)
    (row,) = here.rows("passkey")
    assert spec(row)["counter"] == 6


def test_an_authenticator_that_does_not_count_is_taken(here: Acme) -> None:
    """Synced passkeys always say 0."""
    key = Authenticator(counts=False, synced=True)
    here.add_passkey(key)
    for _ in range(2):
        options = here.request_options(here.ceremony(), ALICE)
        assert isinstance(here.show_passkey(key.get(options, ISSUER)), Proof)


def test_what_is_known_of_a_backup_is_kept_up_to_date(here: Acme) -> None:
    key = Authenticator(synced=True)
    here.add_passkey(key, lie=Lie(flags=UP | UV | BE))
    assert [one.synced for one in here.factors()] == [False]
    options = here.request_options(here.ceremony(), ALICE)
    here.show_passkey(key.get(options, ISSUER, Lie(flags=UP | UV | BE | BS)))
    assert [one.synced for one in here.factors()] == [True]


# the challenge


def test_an_answer_is_good_once(here: Acme) -> None:
    """Also of an authenticator whose counter says nothing, and on two nodes at once."""
    key = Authenticator(counts=False)
    here.add_passkey(key)
    before = here.found()
    answer = key.get(here.request_options(here.ceremony(), ALICE), ISSUER)
    assert isinstance(here.show_passkey(answer), Proof)
    assert here.show_passkey(answer) is None
    assert here.show_passkey(answer, stale=before) is None


@pytest.mark.parametrize(
    "other",
    [
        Ceremony(RP, "cookie-of-another-browser", "sign-in"),
        Ceremony(RP, "cookie-of-this-browser", "enrol"),
        Ceremony(RelyingParty("acme.example", ISSUER, "Acme"), "cookie-of-this-browser", "sign-in"),
    ],
    ids=["another browser's", "another purpose's", "another relying party's"],
)
def test_an_answer_to_another_attempts_challenge_is_refused(
    here: Acme, key: Authenticator, other: Ceremony
) -> None:
    """An answer that somebody was made to give elsewhere signs nobody in here."""
    id_ = here.add_passkey(key)
    answer = key.get(here.request_options(here.ceremony(), ALICE), ISSUER)
    assert here.show_passkey(answer, other) == Wrong(Reason.FACTOR_EXPIRED, id_)
    assert isinstance(here.show_passkey(answer), Proof)


@pytest.mark.parametrize(
    "challenge", ["AAAA", "A" * 75, "A" * 44], ids=["short", "of its length", "without a time"]
)
def test_a_challenge_that_was_made_up_is_refused(here: Acme, key: Authenticator, challenge: str) -> None:
    id_ = here.add_passkey(key)
    options = here.request_options(here.ceremony(), ALICE)
    answer = key.get(options, ISSUER, Lie(challenge=challenge))
    assert here.show_passkey(answer) == Wrong(Reason.FACTOR_EXPIRED, id_)
    assert enrol(here, Authenticator(), Lie(challenge=challenge)) is Reason.FACTOR_EXPIRED


def test_a_challenge_expires(here: Acme, key: Authenticator) -> None:
    id_ = here.add_passkey(key)
    answers = [key.get(here.request_options(here.ceremony(), ALICE), ISSUER) for _ in range(2)]
    here.now += LIFETIME - 1
    assert isinstance(here.show_passkey(answers[0]), Proof)
    here.now += 1
    assert here.show_passkey(answers[1]) == Wrong(Reason.FACTOR_EXPIRED, id_)


@given(st.binary(min_size=1, max_size=80), st.integers(0, LIFETIME - 1))
def test_no_other_octets_are_a_challenge(noise: bytes, later: int) -> None:
    """The law: of all texts only the one that was given out fits, and only for its attempt."""
    ceremony = Ceremony(RP, "secret", "sign-in")
    challenge = ceremony.challenge(now=NOW, nonce="nonce")
    octets = bytearray(unb64(challenge))
    for position, octet in enumerate(noise):
        octets[position % len(octets)] ^= octet
    changed = b64(bytes(octets))
    assert ceremony.fits(challenge, now=NOW + later)
    assert ceremony.fits(changed, now=NOW + later) is (changed == challenge)


def test_where_the_browser_refuses_the_page_never_asked_for_us(here: Acme, key: Authenticator) -> None:
    """The software authenticator is as strict as a browser: another site gets nothing to sign."""
    here.add_passkey(key)
    options = here.request_options(here.ceremony(), ALICE)
    for origin in ("https://evil.example", "http://idp.acme.example", "https://192.0.2.1"):
        with pytest.raises(NotAllowed):
            key.get(options, origin)
    assert key.get(options, ISSUER)


def test_a_key_that_cannot_verify_its_user_is_not_offered_the_way(here: Acme) -> None:
    with pytest.raises(NotAllowed):
        here.add_passkey(Authenticator(verifies=False))
