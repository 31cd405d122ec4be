"""Redeeming a code over real HTTP: what binds it, what ends it, and what is in the ID token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from idjag.idp.signin.codes import challenge_of
from idjag.ledger.entry import Delete, Insert
from idjag.protocol.id_token import subject_token
from tests.idp.signin.seeds import (
    APPS,
    CHALLENGE,
    NOTES_SECRET,
    NOW,
    VERIFIER,
    WIKI_SECRET,
    app_row,
    hold,
    update,
)
from tests.idp.signin.site import Site
from tests.idp.signin.visit import Browser, claims, is_refused

NOTES = {"client_id": "notes", "redirect_uri": "https://notes.example/cb"}
NOTES_AUTH = ("notes", NOTES_SECRET)
DESK = {"client_id": "desk", "redirect_uri": "http://127.0.0.1:51004/cb"}


def test_a_code_is_redeemed_for_an_id_token(site: Site, browser: Browser) -> None:
    """OIDC-01, OIDC-08, OIDC-12, OIDC-13, OIDC-22, OIDC-28; draft section 4.3.3."""
    response = browser.redeem(browser.code())
    body, found = response.json(), claims(site, response)
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 300, "openid")
    (session_app,) = site.rows("session_app")
    (subject,) = site.rows("subject")
    assert found == {
        "iss": site.issuer,
        "sub": subject["sub"],
        "aud": "wiki",
        "iat": NOW,
        "exp": NOW + 3600,
        "auth_time": NOW,
        "acr": "urn:idjag:acr:pwd",
        "amr": ["pwd"],
        "sid": session_app["sid"],
        "session_expiry": NOW + 12 * 3600,
        "idjag_use": "id_token",
        "nonce": "n-0S6_WzA2Mj",
    }


def test_the_id_token_is_one_that_our_own_exchange_takes(site: Site, browser: Browser) -> None:
    token = browser.redeem(browser.code()).json()["id_token"]
    accepted = subject_token(token, keys=site.keys, issuer=site.issuer, client_id="wiki", now=NOW)
    assert accepted.sub == site.rows("subject")[0]["sub"]


def test_a_redemption_leaves_one_event_and_a_family(site: Site, browser: Browser) -> None:
    """Contract section 9."""
    code = browser.code(scope="openid email")
    events = len(site.events())
    browser.redeem(code)
    (event,) = site.events()[events:]
    assert (event["event"], event["actor"]) == ("token.issued", {"kind": "app", "id": "app-wiki"})
    assert (event["subject"], event["scopes_granted"]) == ("p-alice", ["openid", "email"])
    (family,) = site.rows("family")
    assert (family["person_id"], family["app_id"], family["revoked"]) == ("p-alice", "app-wiki", None)


def test_an_id_token_does_not_outlive_its_session(site: Site, browser: Browser) -> None:
    """OIDC-28; JAG-13 rests on it."""
    browser.sign_in()
    for _ in range(11):  # somebody is there, or the session would end for lying idle
        site.clock.now += 3600
        browser.ask()
    site.clock.now += 3600 - 100
    code = httpx.URL(browser.ask().headers["location"]).params["code"]
    found = claims(site, browser.redeem(code))
    assert (found["exp"], found["session_expiry"]) == (NOW + 12 * 3600, NOW + 12 * 3600)


@pytest.mark.parametrize(
    ("scope", "released"),
    [
        ("openid", set[str]()),
        ("openid email", {"email", "email_verified"}),
        ("openid profile", {"name", "preferred_username"}),
    ],
)
def test_scopes_release_claims(site: Site, browser: Browser, scope: str, released: set[str]) -> None:
    """OpenID Connect Core section 5.4; modules scope-email and scope-profile."""
    found = claims(site, browser.redeem(browser.code(scope=scope)))
    assert found.keys() & {"email", "email_verified", "name", "preferred_username"} == released


def test_a_request_without_openid_gets_no_id_token(browser: Browser) -> None:
    """Plain OAuth: interop fact 7."""
    body = browser.redeem(browser.code(scope=None)).json()
    assert set(body) == {"access_token", "token_type", "expires_in"}


def test_a_request_without_nonce_gets_none(site: Site, browser: Browser) -> None:
    """Module ensure-request-without-nonce-succeeds-for-code-flow."""
    assert "nonce" not in claims(site, browser.redeem(browser.code(nonce=None)))


def test_the_algorithm_is_the_one_of_the_app(site: Site, browser: Browser) -> None:
    """OIDC-27."""
    response = browser.redeem(browser.code(**NOTES), auth=NOTES_AUTH, redirect_uri=NOTES["redirect_uri"])
    assert claims(site, response, alg="ES256")["aud"] == "notes"


def test_a_sub_is_the_same_at_every_sign_in_and_pairwise_by_sector(site: Site, browser: Browser) -> None:
    """OIDC-14."""
    first = claims(site, browser.redeem(browser.code()))["sub"]
    second = claims(site, browser.redeem(browser.code(prompt="login")))["sub"]
    notes = browser.redeem(
        browser.code(prompt="login", **NOTES), auth=NOTES_AUTH, redirect_uri=NOTES["redirect_uri"]
    )
    third = claims(site, notes, alg="ES256")["sub"]
    assert first == second != third
    assert {(row["sector"], row["sub"]) for row in site.rows("subject")} == {
        ("", first),
        ("notes.example", third),
    }


def test_a_native_app_redeems_at_the_port_that_it_named(site: Site, browser: Browser) -> None:
    """OIDC-03: a public client, proven by PKCE alone."""
    code = browser.code(**DESK)
    response = browser.redeem(code, auth=None, client_id="desk", redirect_uri=DESK["redirect_uri"])
    assert claims(site, response)["aud"] == "desk"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"auth": NOTES_AUTH}, "code_client_mismatch", id="another client"),
        pytest.param(
            {"redirect_uri": "https://wiki.example/other?tenant=7"}, "redirect_uri_mismatch", id="another uri"
        ),
        pytest.param({"redirect_uri": None}, "redirect_uri_mismatch", id="no uri"),
        pytest.param({"code_verifier": "w" * 64}, "pkce_wrong", id="wrong verifier"),
        pytest.param({"code_verifier": None}, "pkce_wrong", id="no verifier"),
        pytest.param({"code_verifier": VERIFIER[:42]}, "pkce_wrong", id="too short"),
        pytest.param({"code_verifier": CHALLENGE}, "pkce_wrong", id="the challenge itself"),
    ],
)
def test_a_code_is_bound_and_a_wrong_use_burns_it(
    site: Site, browser: Browser, changes: dict[str, Any], reason: str
) -> None:
    """OIDC-04, OIDC-06; attack cases 142, 144."""
    code = browser.code()
    assert is_refused(browser.redeem(code, **changes))
    event = site.last_event()
    assert (event["event"], event["reason"]) == ("token.refused", reason)
    assert is_refused(browser.redeem(code))
    assert browser.redeem(browser.code(prompt="login")).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(59, 200), (60, 400), (10_000, 400)])
def test_a_code_lives_for_a_minute(site: Site, browser: Browser, age: int, status: int) -> None:
    """OIDC-06; attack case 145."""
    code = browser.code()
    site.clock.now += age
    assert browser.redeem(code).status_code == status


@pytest.mark.parametrize("code", ["", "A" * 44, "é"])
def test_a_code_that_never_was_is_refused(browser: Browser, code: str) -> None:
    assert is_refused(browser.redeem(code), "invalid_grant" if code else "invalid_request")


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        pytest.param(update("person", "p-alice", status="disabled"), "person_disabled", id="person disabled"),
        pytest.param(update("person", "p-alice", epoch=1), "session_ended", id="a new epoch"),
        pytest.param(hold("user", "p-alice"), "held", id="person held"),
        pytest.param(hold("app", "app-wiki"), "held", id="app held"),
        pytest.param(hold("user-in-app", "p-alice", app="app-wiki"), "held", id="person held in the app"),
    ],
)
def test_what_stops_a_person_between_sign_in_and_redemption(
    site: Site, browser: Browser, write: Any, reason: str
) -> None:
    """Attack cases 158, 160."""
    code = browser.code()
    site.write(write)
    assert is_refused(browser.redeem(code), "access_denied" if reason == "held" else "invalid_grant")
    assert (site.last_event()["reason"], site.last_event()["subject"]) == (reason, "p-alice")


def test_a_session_that_ended_redeems_nothing(site: Site, browser: Browser) -> None:
    """Attack case 160."""
    code = browser.code()
    site.write(update("session", str(site.rows("session")[0]["id"]), ended=NOW))
    response = browser.redeem(code)
    assert is_refused(response)
    assert "subject token" not in response.text


def test_a_code_belongs_to_the_epoch_it_was_born_under(site: Site, browser: Browser) -> None:
    """Architecture section 4.1: codes carry the epoch themselves, whatever the session says."""
    code = browser.code()
    session = update("session", str(site.rows("session")[0]["id"]), epoch=1)
    site.write(session, update("person", "p-alice", epoch=1))
    assert is_refused(browser.redeem(code))
    assert site.last_event()["reason"] == "session_ended"


@pytest.mark.parametrize(
    ("verifier", "status"),
    [("v" * 43, 200), ("-._~" * 32, 200), ("v" * 42, 400), ("v" * 129, 400), ("v" * 60 + "+", 400)],
)
def test_a_verifier_has_the_length_and_alphabet_of_one(browser: Browser, verifier: str, status: int) -> None:
    """RFC 7636 section 4.1: refused although it fits its challenge."""
    code = browser.code(code_challenge=challenge_of(verifier))
    assert browser.redeem(code, code_verifier=verifier).status_code == status


def test_who_is_no_longer_assigned_gets_no_token(site: Site, browser: Browser) -> None:
    code = browser.code(**NOTES)
    site.write(update("membership", "g-engineering:p-alice", group_id="g-other"))
    response = browser.redeem(code, auth=NOTES_AUTH, redirect_uri=NOTES["redirect_uri"])
    assert is_refused(response, "access_denied")


def test_an_app_that_was_made_again_under_the_same_client_id_inherits_no_code(
    site: Site, browser: Browser
) -> None:
    """Attack case 161: codes belong to the app's id, not to its client_id."""
    code = browser.code()
    site.write(
        Delete("app", {"id": "app-wiki"}), Insert("app", app_row(APPS[0], row_id="app-new")), policy=True
    )
    assert is_refused(browser.redeem(code, auth=("wiki", WIKI_SECRET)))
    assert site.last_event()["reason"] == "code_client_mismatch"


def test_a_code_of_another_tenant_is_not_found(site: Site, browser: Browser) -> None:
    """Attack case 165."""
    code = browser.code()
    (row,) = site.rows("code")
    site.write(update("code", str(row["id"]), tenant_id="t2"))
    assert is_refused(browser.redeem(code))
    site.write(update("code", str(row["id"]), tenant_id=str(row["tenant_id"])))
    assert browser.redeem(code).status_code == 200


def test_an_app_without_the_grant_redeems_nothing(browser: Browser) -> None:
    response = browser.redeem(browser.code(), auth=("robot", "robot-secret-of-some-length"))
    assert is_refused(response, "unauthorized_client")


def test_two_redirections_have_two_codes(site: Site, browser: Browser) -> None:
    first, second = browser.code(), browser.code(prompt="login")
    assert first != second
    assert min(len(first), len(second)) >= 43
    assert {browser.redeem(first).status_code, browser.redeem(second).status_code} == {200}
    assert first not in str(site.rows("code"))
