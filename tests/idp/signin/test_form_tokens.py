"""The token of a form: whose browser it was given to, what for, and with which content."""

from __future__ import annotations

import pytest

from idjag.idp.signin.browser import form_token, form_token_fits

GIVEN = {"secret": "s" * 43, "purpose": "sign-out", "content": "state=1"}


def test_a_form_that_comes_back_as_it_was_given_fits() -> None:
    assert form_token_fits(form_token(**GIVEN), **GIVEN)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"secret": "t" * 43}, id="another browser"),
        pytest.param({"purpose": "sign-in"}, id="another form of ours"),
        pytest.param({"content": "state=2"}, id="another content"),
        pytest.param({"purpose": "sign-out\0state", "content": "=1"}, id="the same text, cut elsewhere"),
    ],
)
def test_what_is_another_in_one_thing_does_not_fit(other: dict[str, str]) -> None:
    """OIDC-25; attack case 183: a form of ours is good for nothing else of ours."""
    assert not form_token_fits(form_token(**GIVEN), **{**GIVEN, **other})


@pytest.mark.parametrize(("token", "secret"), [(None, "s" * 43), (form_token(**GIVEN), None), ("", "s" * 43)])
def test_without_a_token_or_a_cookie_nothing_fits(token: str | None, secret: str | None) -> None:
    assert not form_token_fits(token, secret, purpose="sign-out", content="state=1")
