"""idjag.idp.factors.acr: what a sign-in says of itself, and which wishes it grants."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idjag.idp.factors.acr import MFA, PHR, PWD, SIGN_INS, context, reported, satisfies, sign_ins
from idjag.idp.factors.proof import AMR, Kind, Proof
from idjag.idp.factors.relying_party import relying_party

REGISTERED = {"pwd", "otp", "mfa", "user", "pop"}  # IANA, Authentication Method Reference Values
KINDS: list[Kind] = list(AMR)
SHOWN = st.lists(st.sampled_from(KINDS), max_size=5)


def proofs(*kinds: Kind) -> list[Proof]:
    return [Proof(kind, f"c-{kind}") for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "acr", "amr"),
    [
        (["password"], PWD, ("pwd",)),
        (["password", "device"], PWD, ("pwd",)),
        (["password", "totp"], MFA, ("pwd", "otp", "mfa")),
        (["password", "recovery"], MFA, ("pwd", "otp", "mfa")),
        (["password", "device", "totp"], MFA, ("pwd", "otp", "mfa")),
        (["passkey"], PHR, ("pop", "user", "mfa")),
        (["password", "passkey"], PHR, ("pwd", "pop", "user", "mfa")),
        (["password", "totp", "passkey"], PHR, ("pwd", "otp", "pop", "user", "mfa")),
    ],
)
def test_the_table_of_contexts(kinds: list[Kind], acr: str, amr: tuple[str, ...]) -> None:
    """OIDC-13: acr, and amr of registered values."""
    made = context(proofs(*kinds))
    assert (made.acr, made.amr) == (acr, amr)
    assert set(made.amr) <= REGISTERED


@pytest.mark.parametrize("kinds", [[], ["device"], ["totp"], ["recovery"], ["totp", "device"]])
def test_what_is_no_sign_in_has_no_context(kinds: list[Kind]) -> None:
    """A second factor alone is none, and a cookie is none: factor skipping has nothing to become."""
    with pytest.raises(ValueError, match="no sign-in"):
        context(proofs(*kinds))
    assert context(proofs("password", *kinds)).acr in SIGN_INS


@given(SHOWN)
def test_a_context_always_has_what_the_policy_counts_on(kinds: list[Kind]) -> None:
    """XCH-60: a step-up that is offered for an acr is met by every sign-in of that acr."""
    made = context(proofs("password", *kinds))
    assert set(made.amr) >= SIGN_INS[made.acr]
    assert made.amr == context(reversed(proofs("password", *kinds))).amr


@given(SHOWN, st.sampled_from(KINDS))
def test_showing_more_never_makes_a_sign_in_weaker(kinds: list[Kind], one: Kind) -> None:
    before, after = context(proofs("password", *kinds)), context(proofs("password", *kinds, one))
    assert satisfies(after.acr, before.acr)
    assert set(before.amr) <= set(after.amr)


@given(SHOWN)
def test_a_remembered_device_changes_nothing_that_is_reported(kinds: list[Kind]) -> None:
    """Decision 0030."""
    assert context(proofs("password", *kinds, "device")) == context(
        proofs("password", *(kind for kind in kinds if kind != "device"))
    )


def test_a_stronger_context_satisfies_a_weaker_wish_and_not_the_other_way() -> None:
    order = [PWD, MFA, PHR]
    for (strength, acr), (wish, wanted) in product(enumerate(order), enumerate(order)):
        assert satisfies(acr, wanted) is (strength >= wish)


@pytest.mark.parametrize("foreign", ["", "urn:idjag:acr:PHR", "phr", "1", "urn:idjag:acr:phr "])
def test_a_context_that_is_not_ours_is_never_satisfied_and_satisfies_nothing(foreign: str) -> None:
    assert not satisfies(PHR, foreign)
    assert not satisfies(foreign, PWD)
    assert satisfies(PHR, PHR)


@pytest.mark.parametrize(
    ("acr", "wanted", "said"),
    [
        (PHR, [], PHR),
        (PHR, [MFA], MFA),
        (PHR, [MFA, PHR], MFA),
        (PHR, ["urn:other", PHR], PHR),
        (PWD, [MFA], PWD),
        (MFA, [PHR, PWD], PWD),
    ],
)
def test_an_app_is_told_the_first_wish_that_was_granted(acr: str, wanted: list[str], said: str) -> None:
    """OIDC-11: honoured, or truthfully reported."""
    assert reported(acr, wanted) == said


@given(st.sampled_from(list(SIGN_INS)), st.lists(st.sampled_from([*SIGN_INS, "urn:other"])))
def test_what_is_reported_was_always_reached(acr: str, wanted: list[str]) -> None:
    assert satisfies(acr, reported(acr, wanted))


@pytest.mark.parametrize(
    "issuer",
    [
        "http://127.0.0.1:8700",
        "https://192.0.2.1",
        "https://[2001:db8::1]/t/acme",
        "http://127.1",
        "https://2130706433",
    ],
)
def test_nobody_is_promised_a_passkey_where_the_host_is_an_address(issuer: str) -> None:
    assert list(sign_ins(issuer)) == [PWD, MFA]
    assert relying_party(issuer, "Acme") is None
    assert list(sign_ins("https://idp.acme.example")) == [PWD, MFA, PHR]


@pytest.mark.parametrize(
    ("issuer", "id_", "origin"),
    [
        ("https://idp.acme.example", "idp.acme.example", "https://idp.acme.example"),
        ("https://IDP.acme.example/t/blue", "idp.acme.example", "https://idp.acme.example"),
        ("https://idp.acme.example:8443/", "idp.acme.example", "https://idp.acme.example:8443"),
        ("http://localhost:8700", "localhost", "http://localhost:8700"),
        ("https://idp.acme.example:443/", "idp.acme.example", "https://idp.acme.example"),
    ],
)
def test_the_relying_party_is_the_issuers_host_and_its_origin(issuer: str, id_: str, origin: str) -> None:
    rp = relying_party(issuer, "Acme")
    assert rp is not None
    assert (rp.id, rp.origin, rp.name) == (id_, origin, "Acme")
