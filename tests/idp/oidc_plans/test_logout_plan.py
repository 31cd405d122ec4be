"""The modules of the certification plan for RP-initiated logout, each by its name."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.idp.oidc_plans.relying_party import BYE, RelyingParty, Tokens
from tests.idp.signin.visit import form_of


def log_out(rp: RelyingParty, tokens: Tokens | None, **changes: str | None) -> httpx.Response:
    """The browser at the end-session endpoint; ``changes`` replace parameters, None leaves one out."""
    hint = tokens.id_token if tokens else None
    valid: dict[str, str | None] = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "s 1"}
    sent = {name: value for name, value in {**valid, **changes}.items() if value is not None}
    return rp.browser.get("/logout", params=sent)


def asks(response: httpx.Response) -> bool:
    """A page with a question, and nobody was sent anywhere."""
    assert "location" not in response.headers
    return response.status_code == 200 and "/logout/confirm" in response.text


def still_signed_in(rp: RelyingParty) -> bool:
    return "code" in rp.answered(rp.ask(prompt="none"))


def test_rp_initiated_logout_discovery_endpoint_verification(rp: RelyingParty) -> None:
    """OIDC-20."""
    assert rp.metadata()["end_session_endpoint"] == f"{rp.site.issuer}/logout"


def test_rp_initiated_logout(rp: RelyingParty) -> None:
    """OIDC-20: with state back; afterwards prompt=none must fail."""
    answer = log_out(rp, rp.tokens())
    location = urlsplit(answer.headers["location"])
    assert (answer.status_code, dict(parse_qsl(location.query))) == (303, {"state": "s 1"})
    assert answer.headers["location"].startswith(f"{BYE}?")
    assert rp.answered(rp.ask(prompt="none"))["error"] == "login_required"


def test_rp_initiated_logout_no_state(rp: RelyingParty) -> None:
    """OIDC-20."""
    assert log_out(rp, rp.tokens(), state=None).headers["location"] == BYE
    assert not rp.browser.cookies.get("idjag_t1")


def test_rp_initiated_logout_query_added_to_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """OIDC-20, attack case 140: an address with more behind it is another; its own query is fine."""
    answer = log_out(rp, rp.tokens(), post_logout_redirect_uri=f"{BYE}?extra=1")
    assert "location" not in answer.headers
    answer = log_out(rp, rp.tokens(), post_logout_redirect_uri=f"{BYE}?from=idp")
    assert answer.headers["location"] == f"{BYE}?from=idp&state=s%201"


@pytest.mark.parametrize(
    "uri", ["https://evil.example/bye", f"{BYE}/", f"{BYE}#x", "https://rp.example/callback", "javascript:1"]
)
def test_rp_initiated_logout_bad_post_logout_redirect_uri(rp: RelyingParty, uri: str) -> None:
    """OIDC-20, attack case 140: no place to go after signing out; they are signed out all the same."""
    answer = log_out(rp, rp.tokens(), post_logout_redirect_uri=uri)
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert rp.answered(rp.ask(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("module", ["bad", "modified", "none", "of another app"])
def test_rp_initiated_logout_without_a_good_id_token_hint(rp: RelyingParty, module: str) -> None:
    """OIDC-20: bad-id-token-hint, modified-id-token-hint, no-id-token-hint: asked, and not sent anywhere."""
    tokens = rp.tokens()
    head, claims, signature = tokens.id_token.split(".")
    hints: dict[str, str | None] = {"bad": "bad", "none": None, "of another app": tokens.id_token}
    hints["modified"] = f"{head}.{claims}.{signature[:-8]}AAAAAAAA"
    other = {"client_id": "wiki"} if module == "of another app" else {}
    page = log_out(rp, None, **{"id_token_hint": hints[module], **other})
    assert asks(page)
    assert still_signed_in(rp)
    done = rp.browser.post("/logout/confirm", data=form_of(page))
    assert (done.status_code, "location" in done.headers) == (200, False)
    assert not rp.browser.cookies.get("idjag_t1")
    assert rp.answered(rp.ask(prompt="none"))["error"] == "login_required"


def test_rp_initiated_logout_no_params(rp: RelyingParty) -> None:
    """OIDC-20: who only follows a link is asked."""
    rp.tokens()
    assert asks(rp.browser.get("/logout"))
    assert still_signed_in(rp)


def test_rp_initiated_logout_no_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """OIDC-20: signed out, with a page that says so."""
    answer = log_out(rp, rp.tokens(), post_logout_redirect_uri=None)
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert rp.answered(rp.ask(prompt="none"))["error"] == "login_required"


def test_rp_initiated_logout_only_state(rp: RelyingParty) -> None:
    """OIDC-20."""
    rp.tokens()
    assert asks(log_out(rp, None, post_logout_redirect_uri=None))
    assert still_signed_in(rp)
