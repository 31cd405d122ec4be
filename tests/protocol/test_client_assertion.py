"""private_key_jwt: one valid client assertion, and everything that can be wrong with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from idjag.protocol import names
from idjag.protocol.client_auth import Presented, Proof, Registration, verify
from idjag.protocol.errors import ANSWERS, Reason
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.protocol.parts import (
    ED,
    IDP,
    KEY,
    KEYS,
    NOW,
    OUT,
    RSA,
    STRANGER,
    changed,
    reason_of,
    refusal,
    signed,
)

ID = "wiki"
CLAIMS: dict[str, Any] = {"iss": ID, "sub": ID, "aud": IDP, "jti": "a-1", "iat": NOW, "exp": NOW + 60}
REGISTERED = Registration(ID, names.PRIVATE_KEY_JWT, keys=KEYS)


def verified(assertion: str, registered: Registration = REGISTERED, *, now: int = NOW) -> Proof:
    jwt = jws.parse(assertion, max_bytes=names.MAX_CLIENT_ASSERTION)
    return verify(Presented(ID, names.PRIVATE_KEY_JWT, assertion=jwt), registered, issuer=IDP, now=now)


def with_claims(**changes: Any) -> str:
    return signed(changed(CLAIMS, changes))


@pytest.mark.parametrize("key", [KEY, RSA, ED], ids=lambda key: key.alg)
def test_an_assertion_proves_the_client_and_names_its_jti(key: PrivateKey) -> None:
    """CAU-02, CAU-05: the pair must still be claimed until no skew can revive it."""
    proof = verified(signed(CLAIMS, key=key))
    assert proof == Proof(ID, names.PRIVATE_KEY_JWT, jti="a-1", until=NOW + 120)


def test_an_assertion_is_not_accepted_any_more_when_its_jti_is_forgotten() -> None:
    """CAU-05, attack case 29: ``until`` is the first second at which it has expired."""
    until = verified(with_claims()).until
    assert verified(with_claims(), now=until - 1).until == until
    assert reason_of(lambda: verified(with_claims(), now=until)) is Reason.CLIENT_ASSERTION_EXPIRED


@pytest.mark.parametrize(
    "typ",
    [
        OUT,
        "JWT",
        "jwt",
        "client-authentication+jwt",
        "application/client-authentication+jwt",
        "application/JWT",
    ],
)
def test_a_type_is_tolerated_when_it_says_nothing_else(typ: Any) -> None:
    """CAU-04, attack case 27."""
    assert verified(signed(CLAIMS, typ=typ)).client_id == ID


@pytest.mark.parametrize(
    "typ",
    [
        "oauth-id-jag+jwt",
        "application/oauth-id-jag+jwt",
        "at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "idjag-receipt+jwt",
        "client-authentication",
        "JOSE",
    ],
)
def test_another_type_is_another_token(typ: str) -> None:
    """CAU-04, attack case 27: signed by the client, all claims as they should be."""
    refused = refusal(lambda: verified(signed(CLAIMS, typ=typ)))
    assert refused.reason is Reason.CLIENT_ASSERTION_INVALID
    assert refused.fact == {"typ": typ.lower().removeprefix("application/")}


@pytest.mark.parametrize(
    ("aud", "got"),
    [
        (f"{IDP}/token", f"{IDP}/token"),
        (f"{IDP}/", f"{IDP}/"),
        ("https://IDP.acme.example", "https://IDP.acme.example"),
        (f"{IDP}:443", f"{IDP}:443"),
        ("http://idp.acme.example", "http://idp.acme.example"),
        ("https://other.example", "https://other.example"),
        (ID, ID),
        ("", ""),
        ("a\x00b", "a?b"),
        ([], "list"),
        ([IDP, IDP], "list"),
        ([IDP, f"{IDP}/token"], "list"),
        ([f"{IDP}/token"], "list"),
        ([[IDP]], "list"),
        ({IDP: 1}, "dict"),
        (None, "NoneType"),
        (OUT, "NoneType"),
        (True, "bool"),
    ],
)
def test_only_our_issuer_alone_is_the_audience(aud: Any, got: str) -> None:
    """CAU-02, CAU-03, A-22, attack cases 21 to 23: not the token endpoint, not a list of two."""
    refused = refusal(lambda: verified(with_claims(aud=aud)))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_AUD, {"expected": IDP, "got": got})


def test_an_audience_list_of_one_is_tolerated() -> None:
    """CAU-02, attack case 22."""
    assert verified(with_claims(aud=[IDP])).client_id == ID


@pytest.mark.parametrize("name", ["iss", "sub"])
@pytest.mark.parametrize("value", [OUT, None, "", "other", "WIKI", "wiki ", IDP, [ID], 1])
def test_issuer_and_subject_are_the_client(name: str, value: Any) -> None:
    """CAU-02, attack case 25."""
    refused = refusal(lambda: verified(with_claims(**{name: value})))
    assert refused.reason is Reason.CLIENT_ASSERTION_INVALID
    assert refused.fact == {"claim": "iss", "problem": "not_the_client"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": NOW - 59}, None),
        ({"exp": NOW - 60}, Reason.CLIENT_ASSERTION_EXPIRED),
        ({"exp": NOW - 300}, Reason.CLIENT_ASSERTION_EXPIRED),
        ({"exp": NOW + 3660}, None),
        ({"exp": NOW + 3661}, Reason.CLIENT_ASSERTION_INVALID),
        ({"exp": NOW + 86_400}, Reason.CLIENT_ASSERTION_INVALID),
        ({"iat": NOW + 8}, None),
        ({"iat": NOW + 60}, None),
        ({"iat": NOW + 61}, Reason.CLIENT_ASSERTION_INVALID),
        ({"nbf": NOW + 8}, None),
        ({"nbf": NOW + 60}, None),
        ({"nbf": NOW + 61}, Reason.CLIENT_ASSERTION_INVALID),
        ({"iat": OUT}, None),
        ({"iat": OUT, "nbf": NOW + 61}, Reason.CLIENT_ASSERTION_INVALID),
        ({"iat": NOW - 86_400}, None),
    ],
)
def test_an_assertion_is_short_lived_and_of_now(changes: dict[str, Any], reason: Reason | None) -> None:
    """CAU-02, CAU-05, attack case 26: the boundary seconds."""
    if reason is None:
        assert verified(with_claims(**changes)).jti == "a-1"
    else:
        refused = refusal(lambda: verified(with_claims(**changes)))
        assert refused.reason is reason
        assert refused.fact.get("problem") in (None, "too_far", "in_the_future")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("exp", OUT, "missing"),
        ("exp", None, "not_a_number"),
        ("exp", True, "not_a_number"),
        ("exp", str(NOW + 60), "not_a_number"),
        ("exp", NOW + 60.5, "not_whole"),
        ("exp", float(NOW + 60), "not_whole"),
        ("exp", 1e30, "out_of_range"),
        ("iat", None, "not_a_number"),
        ("iat", True, "not_a_number"),
        ("iat", 1e30, "out_of_range"),
        ("nbf", "now", "not_a_number"),
        ("jti", OUT, "missing"),
        ("jti", None, "not_a_string"),
        ("jti", 1, "not_a_string"),
        ("jti", ["a-1"], "not_a_string"),
        ("jti", "", "empty"),
        ("jti", "j" * 256, "too_long"),
        ("jti", "a\x00b", "control_character"),
    ],
)
def test_a_claim_that_is_not_as_it_must_be_is_refused(name: str, value: Any, problem: str) -> None:
    """CAU-02, CAU-05, attack cases 98 and 126 for this token."""
    refused = refusal(lambda: verified(with_claims(**{name: value})))
    assert refused.reason is Reason.CLIENT_ASSERTION_INVALID
    assert refused.fact == {"claim": name, "problem": problem}


def test_the_longest_jti_passes() -> None:
    assert verified(with_claims(jti="j" * 255)).jti == "j" * 255


@pytest.mark.parametrize(
    ("assertion", "problem"),
    [
        pytest.param(signed(CLAIMS, key=STRANGER), "signature_wrong", id="another key under the kid"),
        pytest.param(signed(CLAIMS, kid="unknown"), "key_unknown", id="unknown kid"),
        pytest.param(signed(CLAIMS, kid=RSA.kid), "key_algorithm", id="kid of another algorithm"),
        pytest.param(signed(CLAIMS)[:-2], "signature_wrong", id="signature shortened"),
    ],
)
def test_only_a_registered_key_signs(assertion: str, problem: str) -> None:
    """CAU-06, attack cases 31, 115 and 117."""
    refused = refusal(lambda: verified(assertion))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_INVALID, {"problem": problem})


@pytest.mark.parametrize(
    ("keys", "problem"), [(None, "no registered keys"), (KeySet([]), "key_unknown")], ids=["none", "empty"]
)
def test_a_client_without_keys_proves_nothing(keys: KeySet | None, problem: str) -> None:
    """CAU-06, attack case 36: an empty JWKS."""
    keyless = Registration(ID, names.PRIVATE_KEY_JWT, keys=keys)
    refused = refusal(lambda: verified(with_claims(), keyless))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_INVALID, {"problem": problem})


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (
            Registration(ID, names.PRIVATE_KEY_JWT, jwks_uri="https://wiki.example/keys"),
            Reason.CLIENT_ASSERTION_INVALID,
        ),
        (Registration(ID, names.CLIENT_ID_METADATA_DOCUMENT), Reason.CLIENT_METHOD_WRONG),
    ],
    ids=["jwks_uri", "document"],
)
def test_who_publishes_elsewhere_proves_nothing_before_it_was_read(
    there: Registration, reason: Reason
) -> None:
    """CAU-06, CAU-10: whoever forgets to fetch authenticates nobody."""
    assert there.published
    assert refusal(lambda: verified(with_claims(), there)).reason is reason
    read = replace(there, method=names.PRIVATE_KEY_JWT, keys=KEYS)
    assert not read.published
    assert verified(with_claims(), read).client_id == ID


def test_only_a_registered_algorithm_signs() -> None:
    """CAU-06, attack case 31: the key is registered, its algorithm is not."""
    rsa_only = Registration(ID, names.PRIVATE_KEY_JWT, keys=KEYS, algorithms=("RS256",))
    assert verified(signed(CLAIMS, key=RSA), rsa_only).client_id == ID
    refused = refusal(lambda: verified(signed(CLAIMS, key=KEY), rsa_only))
    assert (refused.reason, refused.fact) == (Reason.CLIENT_ASSERTION_INVALID, {"problem": "algorithm"})


def test_the_registration_says_who_the_client_is() -> None:
    """CAU-02: what another client's key signed proves nothing about this one."""
    other = Registration("other", names.PRIVATE_KEY_JWT, keys=KEYS)
    assert reason_of(lambda: verified(with_claims(), other)) is Reason.CLIENT_ASSERTION_INVALID


def test_every_refusal_of_an_assertion_is_an_invalid_client() -> None:
    """CAU-03, CAU-07, RFC 7521 section 4.2.1."""
    reasons = [reason for reason in Reason if reason.value.startswith("client_assertion_")]
    assert {(ANSWERS[reason].error, ANSWERS[reason].status) for reason in reasons} == {
        ("invalid_client", 401)
    }
