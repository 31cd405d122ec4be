"""Client authentication with a certificate: which clients may, with which, and with nothing beside it."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.protocol import form, names
from idjag.protocol.client_auth import Presented, Proof, Registration, hash_secret, present, verify
from idjag.protocol.client_certificate import Subject, Told
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose import KeySet, jws
from tests.certificates import DAY, shown
from tests.protocol.parts import IDP, KEY, NOW, reason_of, refusal, signed

ID = "wiki"
CA = shown("CA", key="ca", authority=True)
WIKI = shown(by=CA)
SELF = shown()
DN = Subject("tls_client_auth_subject_dn", "CN=Wiki,O=Acme\\, Inc.")
KEYS = KeySet.parse({"keys": [SELF.jwk()]})[0]
BY_SUBJECT = Registration(ID, names.TLS_CLIENT_AUTH, subject=DN)
BY_KEY = Registration(ID, names.SELF_SIGNED_TLS_CLIENT_AUTH, keys=KEYS)
BOTH = [pytest.param(BY_SUBJECT, id="tls_client_auth"), pytest.param(BY_KEY, id="self_signed")]


def verified(registered: Registration, told: Told | None, **changes: Any) -> Proof:
    presented = Presented(ID, names.NO_AUTHENTICATION, certificate=told)
    return verify(presented, registered, issuer=IDP, **({"now": NOW} | changes))


def verified_reason(told: Told) -> Reason:
    return reason_of(lambda: verified(BY_SUBJECT, told))


def test_the_certificate_of_the_registered_subject_proves_the_client() -> None:
    """CAU-08; nothing of it is used up."""
    assert verified(BY_SUBJECT, WIKI.verified) == Proof(ID, names.TLS_CLIENT_AUTH, jti=None, until=0)


def test_the_registered_key_proves_the_client_whoever_has_signed_for_it() -> None:
    """CAU-08, RFC 8705 section 2.2."""
    proof = Proof(ID, names.SELF_SIGNED_TLS_CLIENT_AUTH)
    assert verified(BY_KEY, SELF.unverified) == verified(BY_KEY, SELF.verified) == proof
    assert verified(BY_KEY, WIKI.verified) == proof


def test_anybody_could_have_written_a_name_into_a_certificate() -> None:
    """CAU-08: a subject counts only from a proxy that has verified the chain."""
    for told in (WIKI.unverified, SELF.unverified):
        assert verified_reason(told) is Reason.CLIENT_CERTIFICATE_UNVERIFIED


@pytest.mark.parametrize("registered", BOTH)
def test_without_a_certificate_nobody_is_such_a_client(registered: Registration) -> None:
    """CAU-08, CAU-09: its name alone does not do."""
    assert reason_of(lambda: verified(registered, None)) is Reason.CLIENT_CERTIFICATE_MISSING


@pytest.mark.parametrize("registered", BOTH)
def test_what_cannot_be_read_is_no_certificate(registered: Registration) -> None:
    """CAU-08: refused by its name."""
    told = Told(b"garbage", chain_verified=True)
    assert reason_of(lambda: verified(registered, told)) is Reason.CLIENT_CERTIFICATE_MALFORMED


@pytest.mark.parametrize("registered", BOTH)
def test_another_certificate_is_another_client_s(registered: Registration) -> None:
    """CAU-08, attack case 174."""
    other = shown("Notes", key="notes", by=CA)
    assert reason_of(lambda: verified(registered, other.verified)) is Reason.CLIENT_CERTIFICATE_WRONG


def test_the_operator_reads_whose_certificate_came() -> None:
    other = shown("Notes", key="notes", by=CA)
    assert refusal(lambda: verified(BY_SUBJECT, other.verified)).fact == {
        "expected": "tls_client_auth_subject_dn CN=Wiki,O=Acme\\, Inc.",
        "got": "CN=Notes,O=Acme\\, Inc.",
    }


@pytest.mark.parametrize("registered", BOTH)
@pytest.mark.parametrize("now", [NOW - DAY - 1, NOW + DAY + 1])
def test_a_certificate_that_is_over_or_not_yet_is_refused(registered: Registration, now: int) -> None:
    """CAU-08, attack case 174: whatever the proxy thinks of it, and of those that nobody else looks at."""
    told = WIKI.verified if registered is BY_SUBJECT else SELF.unverified
    assert verified(registered, told).client_id == ID
    assert reason_of(lambda: verified(registered, told, now=now)) is Reason.CLIENT_CERTIFICATE_EXPIRED


@pytest.mark.parametrize("method", names.MUTUAL_TLS)
def test_a_registration_that_names_nobody_is_nobody_s(method: str) -> None:
    """Attack case 36: a row that lacks what is compared lets nobody in."""
    empty = Registration(ID, method)
    assert reason_of(lambda: verified(empty, WIKI.verified)) is Reason.CLIENT_CERTIFICATE_WRONG


@pytest.mark.parametrize("registered", BOTH)
def test_a_disabled_client_has_no_use_for_its_certificate(registered: Registration) -> None:
    """CAU-08, attack case 37."""
    disabled = Registration(ID, registered.method, keys=KEYS, subject=DN, active=False)
    told = WIKI.verified if registered is BY_SUBJECT else SELF.verified
    assert reason_of(lambda: verified(disabled, told)) is Reason.CLIENT_DISABLED


def test_a_certificate_needs_a_name_beside_it() -> None:
    """CAU-08, RFC 8705 section 2: client_id is required."""
    alone = form.parse(b"grant_type=x")
    named = form.parse(b"client_id=wiki")
    assert reason_of(lambda: present(alone, None, certificate=WIKI.verified)) is (
        Reason.CLIENT_CREDENTIALS_MISSING
    )
    expected = Presented(ID, names.NO_AUTHENTICATION, certificate=WIKI.verified)
    assert present(named, None, certificate=WIKI.verified) == expected


def assertion() -> jws.UnverifiedJwt:
    claims = {"iss": ID, "sub": ID, "aud": IDP, "jti": "j", "exp": NOW + 60}
    return jws.parse(signed(claims, key=KEY), max_bytes=4096)


OTHERS = [
    pytest.param(Presented(ID, names.CLIENT_SECRET_BASIC, "s3cret"), id="basic"),
    pytest.param(Presented(ID, names.CLIENT_SECRET_POST, "s3cret"), id="post"),
    pytest.param(Presented(ID, names.PRIVATE_KEY_JWT, assertion=assertion()), id="assertion"),
]


@pytest.mark.parametrize("presented", OTHERS)
@pytest.mark.parametrize("method", names.MUTUAL_TLS)
def test_a_client_with_a_certificate_has_nothing_else(method: str, presented: Presented) -> None:
    """CAU-08, CAU-09: even where the other thing is right."""
    registered = Registration(
        ID, method, secret_hashes=(hash_secret("s3cret"),), keys=KeySet([KEY.public]), subject=DN
    )

    def reason(told: Told | None) -> Reason:
        both = Presented(ID, presented.method, presented.secret, presented.assertion, told)
        return reason_of(lambda: verify(both, registered, issuer=IDP, now=NOW))

    assert reason(WIKI.verified) is Reason.CLIENT_METHODS_SEVERAL
    assert reason(None) is Reason.CLIENT_METHOD_WRONG


@pytest.mark.parametrize("presented", OTHERS)
def test_other_clients_may_show_a_certificate_that_proves_nothing(presented: Presented) -> None:
    """CAU-08, CAU-09: a network that wants certificates of everybody is no second method.

    And what they show instead of their own method lets nobody in.
    """
    method = names.PRIVATE_KEY_JWT if presented.assertion else names.CLIENT_SECRET
    registered = Registration(
        ID, method, secret_hashes=(hash_secret("s3cret"),), keys=KeySet([KEY.public, *KEYS.keys]), subject=DN
    )
    both = Presented(ID, presented.method, presented.secret, presented.assertion, Told(b"garbage"))
    assert verify(both, registered, issuer=IDP, now=NOW).method == presented.method
    assert reason_of(lambda: verified(registered, WIKI.verified)) is Reason.CLIENT_CREDENTIALS_MISSING


def test_a_public_client_stays_one() -> None:
    """CAU-09: a certificate makes nobody more than they are registered as."""
    public = Registration(ID, names.NO_AUTHENTICATION, keys=KEYS, subject=DN)
    assert verified(public, WIKI.verified).method == names.NO_AUTHENTICATION


def test_strangers_read_one_text_whatever_was_wrong() -> None:
    """XCH-50, attack case 38."""
    about = [reason for reason in Reason if reason.value.startswith("client_certificate_")]
    assert {(ANSWERS[each].error, ANSWERS[each].text) for each in about} == {
        (ANSWERS[Reason.CLIENT_SECRET_WRONG].error, ANSWERS[Reason.CLIENT_SECRET_WRONG].text)
    }
    assert len(about) == 5
