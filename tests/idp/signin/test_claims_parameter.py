"""The claims parameter and hints about who it must be: OpenID Connect Core sections 3.1.2.1 and 5.5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from idjag.idp.signin.claims_parameter import NamedClaims, parse
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.jose import jws
from tests.idp.oidc_plans.relying_party import RelyingParty, register, registered
from tests.idp.signin.seeds import NOW, PASSWORDS
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, form_of

EVERY = ("openid", "profile", "email")
PWD, MFA = "urn:idjag:acr:pwd", "urn:idjag:acr:mfa"


@pytest.fixture(scope="module")
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        register(site)
        yield site


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return RelyingParty(site, browser)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        pytest.param({}, NamedClaims(), id="nothing"),
        pytest.param({"userinfo": {"name": None}}, NamedClaims(userinfo=("name",)), id="from userinfo"),
        pytest.param(
            {"id_token": {"email": {"essential": True}}}, NamedClaims(id_token=("email",)), id="in it"
        ),
        pytest.param({"userinfo": {"phone_number": None, "x": {}}}, NamedClaims(), id="what we have not"),
        pytest.param({"elsewhere": {"name": None}}, NamedClaims(), id="another member"),
        pytest.param({"id_token": None}, NamedClaims(), id="null"),
        pytest.param(
            {"id_token": {"acr": {"value": "a"}}}, NamedClaims(voluntary=("a",)), id="acr as a wish"
        ),
        pytest.param(
            {"id_token": {"acr": {"essential": True, "values": ["a", "b"]}}},
            NamedClaims(essential=("a", "b")),
            id="acr as a demand",
        ),
        pytest.param({"id_token": {"acr": {"essential": True}}}, NamedClaims(), id="any acr"),
        pytest.param({"id_token": {"sub": {"value": "s-1"}}}, NamedClaims(sub="s-1"), id="a sub"),
        pytest.param(
            {"id_token": {"sub": {"value": "s"}}, "userinfo": {"sub": {"value": "s"}}},
            NamedClaims(sub="s"),
            id="twice",
        ),
    ],
)
def test_what_is_asked_for_is_read(asked: dict[str, Any], named: NamedClaims) -> None:
    """OIDC-11, OIDC-15: Core section 5.5; what we do not know is passed over."""
    assert parse(json.dumps(asked), registered=EVERY) == named


def test_no_app_asks_for_more_than_it_is_registered_for() -> None:
    """OIDC-15: the administrator's registration is the consent."""
    asked = json.dumps({"userinfo": {"email": {"essential": True}, "name": None}})
    assert parse(asked, registered=("openid", "profile")).userinfo == ("name",)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"id_token": []}', id="a member that is no object"),
        pytest.param('{"id_token": {"name": true}}', id="a claim that is no object"),
        pytest.param('{"id_token": {"acr": {"values": "a"}}}', id="values that are no list"),
        pytest.param('{"id_token": {"acr": {"value": 1}}}', id="a value that is no text"),
        pytest.param('{"id_token": {}, "id_token": {}}', id="a member twice"),
        pytest.param('{"id_token": {"sub": {"values": ["a", "b"]}}}', id="two people"),
        pytest.param('{"id_token": {"acr": {"values": [' + '"a",' * 40 + '"a"]}}}', id="too many"),
        pytest.param('{"userinfo": {"name": ' + '{"a":' * 9 + "1" + "}" * 9 + "}}", id="too deep"),
        pytest.param('{"userinfo": {"' + "n" * 9000 + '": null}}', id="too long"),
    ],
)
def test_what_is_malformed_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(text, registered=EVERY)
    assert refused.value.reason is Reason.PARAMETER_WRONG


def claims(**asked: object) -> str:
    return json.dumps(asked)


def test_a_claim_by_name_is_where_it_was_asked_for(rp: RelyingParty) -> None:
    """OIDC-15: in the ID token or from UserInfo, and after a refresh in the same place."""
    asked = claims(id_token={"email": None}, userinfo={"name": None})
    tokens = rp.tokens(scope="openid offline_access", claims=asked)
    assert (tokens.claims["email"], "name" in tokens.claims) == ("alice@acme.example", False)
    assert rp.userinfo(tokens.access_token).json().keys() == {"sub", "name"}
    answer = rp.post("/token", grant_type="refresh_token", refresh_token=str(tokens.body["refresh_token"]))
    again = rp.checked(answer.json(), nonce=None)
    assert (again.claims["email"], "name" in again.claims) == ("alice@acme.example", False)
    assert rp.userinfo(again.access_token).json().keys() == {"sub", "name"}


def test_an_essential_acr_that_nobody_can_give_is_told_to_the_app(rp: RelyingParty) -> None:
    """OIDC-11: OpenID Connect Core Error Code unmet_authentication_requirements."""
    demand = claims(id_token={"acr": {"essential": True, "values": ["urn:other:gold"]}})
    assert rp.answered(rp.ask(claims=demand))["error"] == "unmet_authentication_requirements"
    wish = claims(id_token={"acr": {"values": ["urn:other:gold"]}})
    assert rp.tokens(claims=wish).claims["acr"] == PWD


def test_an_essential_acr_that_is_met_is_what_the_token_says(rp: RelyingParty) -> None:
    """OIDC-11: the positive control."""
    demand = claims(id_token={"acr": {"essential": True, "values": [MFA, PWD]}})
    assert rp.tokens(claims=demand).claims["acr"] == PWD


def test_without_a_page_a_demand_that_needs_one_is_refused(rp: RelyingParty) -> None:
    """OIDC-09, OIDC-11: prompt=none shows nothing."""
    rp.tokens()
    demand = claims(id_token={"acr": {"essential": True, "values": [MFA]}})
    error = rp.answered(rp.ask(prompt="none", claims=demand))["error"]
    assert error in ("login_required", "unmet_authentication_requirements")


def hints(rp: RelyingParty, way: str) -> dict[str, str]:
    """Two ways to say that it must be bob."""
    with Browser(rp.site) as elsewhere:
        bob = RelyingParty(rp.site, elsewhere).tokens("bob")
    if way == "id_token_hint":
        return {"id_token_hint": bob.id_token}
    return {"claims": claims(id_token={"sub": {"value": bob.claims["sub"]}})}


@pytest.mark.parametrize("way", ["id_token_hint", "claims.sub"])
def test_somebody_else_is_not_who_is_meant(rp: RelyingParty, way: str) -> None:
    """OIDC-09: Core section 3.1.2.1: an answer about another person is an error."""
    rp.tokens("alice")
    hint = hints(rp, way)
    assert rp.answered(rp.ask(prompt="none", **hint))["error"] == "login_required"
    page = rp.ask(**hint)
    fields = {**form_of(page), "username": "alice", "password": PASSWORDS["alice"]}
    assert rp.answered(rp.browser.post("/signin", data=fields))["error"] == "login_required"
    assert rp.fill(rp.ask(**hint), "bob")["code"]
    assert "code" in rp.answered(rp.ask(prompt="none", **hint))


@pytest.mark.parametrize("hint", ["rubbish", "expired", "of another app", "no ID token"])
def test_a_hint_that_is_none_is_refused(rp: RelyingParty, site: Site, hint: str) -> None:
    """OIDC-20: expired ones are for signing out alone."""
    tokens = rp.tokens(prompt="login")
    key = site.services.snapshot.keys.signing("RS256", now=NOW)
    old = {**tokens.claims, "iat": NOW - 7200, "exp": NOW - 3600}
    values = {"rubbish": "x.y.z", "expired": jws.sign(old, key=key, typ="JWT")}
    values["of another app"] = jws.sign({**tokens.claims, "aud": "wiki"}, key=key, typ="JWT")
    values["no ID token"] = jws.sign(dict(tokens.claims), key=key, typ="at+jwt")
    assert rp.answered(rp.ask(id_token_hint=values[hint]))["error"] == "invalid_request"
    assert "code" in rp.answered(rp.ask(id_token_hint=tokens.id_token))


def test_a_pairwise_app_means_its_own_sub(site: Site, browser: Browser) -> None:
    """OIDC-14: a hint speaks in the sector of the app."""
    pairwise = registered(site, browser, id="pairwise", subject_type="pairwise")
    first = pairwise.tokens()
    assert "code" in pairwise.answered(pairwise.ask(prompt="none", id_token_hint=first.id_token))
    assert first.claims["sub"] != RelyingParty(site, browser).tokens(prompt="login").claims["sub"]
