"""What a sign-in rests on makes its acr, amr and auth_time; nothing is more than what was shown."""

from __future__ import annotations

import pytest

from idjag.idp.factors.proof import Kind, Proof
from idjag.idp.signin.needs import Need, Wanted
from idjag.idp.signin.sessions import Authentication, Session
from idjag.idp.signin.shown import NOBODY, Shown
from tests.idp.signin.factors import MFA, PHR, PWD

NOW, THEN = 2000, 1000
MORE = (Need((MFA,), Wanted.PERSON),)
BY_PASSWORD = Session("s", Authentication(PWD, ("pwd",), THEN))
BY_PASSKEY = Session("s", Authentication(PHR, ("pop", "user", "mfa"), THEN))


def shown(*kinds: Kind, base: Session | None = None) -> Authentication:
    return Shown(tuple(Proof(kind, "") for kind in kinds), base).by(MORE, now=NOW)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("password",), (PWD, ("pwd",), NOW)),
        (("password", "totp"), (MFA, ("pwd", "otp", "mfa"), NOW)),
        (("password", "recovery"), (MFA, ("pwd", "otp", "mfa"), NOW)),
        (("passkey",), (PHR, ("pop", "user", "mfa"), NOW)),
        (("password", "passkey"), (PHR, ("pwd", "pop", "user", "mfa"), NOW)),
    ],
)
def test_a_new_sign_in_is_what_was_shown(kinds: tuple[Kind, ...], expected: object) -> None:
    """OIDC-13."""
    by = shown(*kinds)
    assert (by.acr, by.amr, by.auth_time) == expected


@pytest.mark.parametrize("kind", ["totp", "recovery", "device"])
def test_a_code_without_its_password_is_no_sign_in(kind: Kind) -> None:
    assert shown(kind) is NOBODY
    assert shown() is NOBODY


def test_a_code_raises_a_session_that_has_shown_the_password() -> None:
    """OIDC-10: as old as that."""
    by = shown("totp", base=BY_PASSWORD)
    assert (by.acr, by.amr, by.auth_time) == (MFA, ("pwd", "otp", "mfa"), THEN)


def test_a_code_does_nothing_for_a_session_that_has_shown_no_password() -> None:
    assert shown("totp", base=BY_PASSKEY) == BY_PASSKEY.by


def test_a_passkey_is_a_sign_in_of_its_own_whatever_the_session_was() -> None:
    by = shown("passkey", base=BY_PASSWORD)
    assert (by.acr, by.amr, by.auth_time) == (PHR, ("pop", "user", "mfa"), NOW)


def test_a_session_alone_is_what_it_was() -> None:
    assert shown(base=BY_PASSWORD) == BY_PASSWORD.by
