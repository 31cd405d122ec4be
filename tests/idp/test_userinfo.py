"""UserInfo: whose token opens it, what ends that, and what it says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import httpx
import pytest

from idjag.ledger.entry import Delete, Update, Write
from idjag.protocol import names
from tests import plain_http
from tests.idp.oidc_plans.relying_party import RelyingParty, registered
from tests.idp.signin.seeds import NOW, VERIFIER, hold, release, update
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser
from tests.proofs import KEY, OTHER_KEY, jkt, proof

PAGE = "https://page.example"


@pytest.fixture(scope="module")
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        yield site


@pytest.fixture(scope="module")
def rp(site: Site) -> Iterator[RelyingParty]:
    with Browser(site) as browser:
        yield registered(site, browser)


@pytest.fixture(scope="module")
def spa(site: Site) -> Iterator[RelyingParty]:
    with Browser(site) as browser:
        yield registered(
            site, browser, id="spa", kind="spa", auth={"method": "none"}, redirect_uris=[f"{PAGE}/cb"],
            backchannel_logout_uri=None, backchannel_logout_session_required=False,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _now(site: Site) -> Iterator[None]:
    yield
    site.clock.now = NOW


def is_refused(answer: httpx.Response) -> bool:
    """RFC 6750 section 3.1: one answer, whatever is wrong with the token."""
    challenge = answer.headers.get_list("www-authenticate")[0]
    text = 'error="invalid_token", error_description="The access token was not accepted."'
    assert text in challenge
    assert answer.json()["error"] == "invalid_token"
    return answer.status_code == 401


def with_proof(
    rp: RelyingParty,
    token: str,
    *,
    method: str = "GET",
    scheme: str = "DPoP",
    ath: str | None = None,
    **wrong: object,
) -> httpx.Response:
    """A request with a proof for it; ``wrong`` replaces members of the proof."""
    hashed = base64.urlsafe_b64encode(hashlib.sha256((ath or token).encode()).digest()).rstrip(b"=").decode()
    made = {"now": rp.site.clock.now, "htm": method, "ath": hashed, **wrong}
    text = proof(f"{rp.site.issuer}/userinfo", **made)  # type: ignore[arg-type]
    headers = {"authorization": f"{scheme} {token}", "dpop": text}
    return plain_http.request(method, f"{rp.site.url}/userinfo", headers=headers)


def bound(rp: RelyingParty) -> str:
    """An access token that is bound to the key."""
    code = rp.signed_in(prompt="login")["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": rp.redirect_uri}
    fields |= {"client_id": rp.client_id, "code_verifier": VERIFIER}
    text = proof(f"{rp.site.issuer}/token", now=rp.site.clock.now)
    answer = plain_http.post(
        f"{rp.site.url}/token", data=fields, headers={"dpop": text}, auth=(rp.client_id, rp.secret)
    )
    assert answer.json()["token_type"] == "DPoP"
    return str(answer.json()["access_token"])


def test_it_says_who_signed_in(rp: RelyingParty) -> None:
    """OIDC-15: the sub of the ID token, and the claims of the scopes; nobody may keep it."""
    tokens = rp.tokens(scope="openid email", prompt="login")
    answer = rp.userinfo(tokens.access_token)
    assert answer.json() == {
        "sub": tokens.claims["sub"],
        "email": "alice@acme.example",
        "email_verified": True,
    }
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_has_no_case(rp: RelyingParty, scheme: str) -> None:
    token = rp.tokens(prompt="login").access_token
    answer = plain_http.get(f"{rp.site.url}/userinfo", headers={"authorization": f"{scheme} {token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer", id="no token"),
        pytest.param("Bearer a b", id="two"),
        pytest.param("Basic cnA6c2VjcmV0", id="another scheme"),
        pytest.param("Bearer dW5rbm93bg", id="unknown"),
        pytest.param("Bearer " + "a" * 600, id="too long"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(rp: RelyingParty, header: str) -> None:
    """OIDC-15."""
    assert is_refused(plain_http.get(f"{rp.site.url}/userinfo", headers={"authorization": header}))


def test_without_a_token_it_says_only_how(rp: RelyingParty) -> None:
    """RFC 6750 section 3.1: no error code to who has shown nothing."""
    answer = plain_http.get(f"{rp.site.url}/userinfo")
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate")[0].startswith('Bearer realm="idjag"')
    assert "error=" not in "".join(answer.headers.get_list("www-authenticate"))


def test_a_token_in_the_url_opens_nothing(rp: RelyingParty) -> None:
    """RFC 6750 section 5.3: addresses are in logs and histories."""
    token = rp.tokens(prompt="login").access_token
    assert plain_http.get(f"{rp.site.url}/userinfo", params={"access_token": token}).status_code == 401


def test_an_id_token_and_a_refresh_token_open_nothing(rp: RelyingParty) -> None:
    """OIDC-15: each token opens its own."""
    tokens = rp.tokens(scope="openid offline_access", prompt="login")
    assert is_refused(rp.userinfo(str(tokens.body["refresh_token"])))
    assert is_refused(rp.userinfo(tokens.id_token.replace(".", "-")[:500]))
    assert rp.userinfo(tokens.access_token).status_code == 200


def test_an_access_token_buys_no_id_jag(site: Site, rp: RelyingParty) -> None:
    """OIDC-16."""
    with Browser(site) as browser:
        access_token = browser.redeem(browser.code()).json()["access_token"]
    fields = {
        "grant_type": names.TOKEN_EXCHANGE,
        "requested_token_type": names.ID_JAG_TOKEN,
        "subject_token": access_token,
        "subject_token_type": names.ID_TOKEN,
        "audience": "https://acme.chat.example/",
    }
    answer = plain_http.post(f"{site.url}/token", data=fields, auth=("wiki", "wiki-secret-of-some-length"))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert site.last_event()["reason"] == "subject_token_invalid"


def test_another_method_is_refused(rp: RelyingParty) -> None:
    answer = plain_http.put(f"{rp.site.url}/userinfo")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")


_ENDS = [
    pytest.param(
        [update("person", "p-bob", status="disabled")], [update("person", "p-bob", status="active")],
        id="the person is disabled",
    ),
    pytest.param([hold("user", "p-bob")], [release("user")], id="the person is held"),
    pytest.param([Update("session", {"person_id": "p-bob"}, {"ended": NOW})], [], id="the session ended"),
    pytest.param([Delete("session_app", {"tenant_id": "t1"})], [], id="the code was replayed"),
    pytest.param(
        [update("app", "app-rp", status="disabled")], [update("app", "app-rp", status="active")],
        id="the app is switched off",
    ),
    pytest.param([update("person", "p-bob", epoch=1)], [], id="the epoch rose"),
]  # fmt: skip


@pytest.mark.parametrize(("end", "undo"), _ENDS)
def test_what_ends_a_sign_in_ends_its_access_token(
    rp: RelyingParty, end: list[Write], undo: list[Write]
) -> None:
    """OIDC-15, attack cases 158, 161: for the next request, on every node, for everything is read anew."""
    token = rp.tokens("bob", prompt="login").access_token
    assert rp.userinfo(token).status_code == 200
    rp.site.write(*end, policy=True)
    assert is_refused(rp.userinfo(token))
    rp.site.write(*undo, policy=True)


def test_an_access_token_lives_for_five_minutes(rp: RelyingParty) -> None:
    """OIDC-15."""
    token = rp.tokens(prompt="login").access_token
    rp.site.clock.now += 299
    assert rp.userinfo(token).status_code == 200
    rp.site.clock.now += 1
    assert is_refused(rp.userinfo(token))


def test_offline_access_goes_on_after_the_session(rp: RelyingParty) -> None:
    """Decision 0025: what a refresh gives opens UserInfo although the person signed out."""
    first = rp.tokens(scope="openid offline_access", prompt="login")
    rp.site.write(Update("session", {"person_id": "p-alice"}, {"ended": rp.site.clock.now}))
    answer = rp.post("/token", grant_type="refresh_token", refresh_token=str(first.body["refresh_token"]))
    assert rp.userinfo(answer.json()["access_token"]).json()["sub"] == first.claims["sub"]
    rp.post("/revoke", token=answer.json()["refresh_token"])
    assert is_refused(rp.userinfo(answer.json()["access_token"]))


def test_a_family_that_is_given_back_takes_its_access_tokens_along(rp: RelyingParty) -> None:
    """RFC 7009 section 2.1: although the person is still signed in."""
    tokens = rp.tokens(scope="openid offline_access", prompt="login")
    assert rp.userinfo(tokens.access_token).status_code == 200
    rp.post("/revoke", token=str(tokens.body["refresh_token"]))
    assert is_refused(rp.userinfo(tokens.access_token))


def test_an_access_token_is_given_back_alone(rp: RelyingParty) -> None:
    """RFC 7009: it ends, the sign-in does not; and nobody gives back what is another's."""
    tokens = rp.tokens(scope="openid offline_access", prompt="login")
    with Browser(rp.site) as browser:
        other = RelyingParty(rp.site, browser, client_id="wiki", secret="wiki-secret-of-some-length")
        assert other.post("/revoke", token=tokens.access_token).status_code == 200
    assert rp.userinfo(tokens.access_token).status_code == 200
    assert rp.post("/revoke", token=tokens.access_token).status_code == 200
    assert is_refused(rp.userinfo(tokens.access_token))
    again = rp.post("/token", grant_type="refresh_token", refresh_token=str(tokens.body["refresh_token"]))
    assert again.status_code == 200


def test_introspection_knows_it(rp: RelyingParty) -> None:
    """RFC 7662: to the app whose it is, as long as it lasts."""
    tokens = rp.tokens(scope="openid email", prompt="login")
    said = rp.post("/introspect", token=tokens.access_token).json()
    expected = {"active": True, "token_type": "Bearer", "scope": "openid email", "client_id": "rp"}
    expected |= {"sub": tokens.claims["sub"], "exp": NOW + 300}
    assert {name: said[name] for name in expected} == expected
    rp.site.clock.now += 300
    assert rp.post("/introspect", token=tokens.access_token).json() == {"active": False}


def test_a_token_without_openid_says_nothing_of_the_person(rp: RelyingParty) -> None:
    """OpenID Connect Core section 5.3: UserInfo is for OpenID Connect."""
    rp.tokens(prompt="login")  # the app knows this person by another sign-in
    code = rp.signed_in(scope="email", prompt="login")["code"]
    answer = rp.userinfo(rp.token(code).json()["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")


def test_a_scope_that_the_app_lost_says_nothing_any_more(rp: RelyingParty, site: Site) -> None:
    """OIDC-15: what the administrator takes away is away."""
    token = rp.tokens(scope="openid email", prompt="login").access_token
    before = site.rows("app", id="app-rp")[0]
    spec = str(before["spec"]).replace('"email"', '"profile"', 1)
    site.write(update("app", "app-rp", spec=spec), policy=True)
    said = rp.userinfo(token).json()
    site.write(update("app", "app-rp", spec=str(before["spec"])), policy=True)
    assert said.keys() == {"sub"}
    assert rp.userinfo(token).json().keys() == {"sub", "email", "email_verified"}


def test_a_bound_token_needs_its_key(rp: RelyingParty) -> None:
    """DPOP-17, at our own resource: RFC 9449 section 7.1."""
    token = bound(rp)
    assert with_proof(rp, token).json().keys() == {"sub"}
    assert with_proof(rp, token, method="POST").status_code == 200
    assert is_refused(rp.userinfo(token))
    said = rp.post("/introspect", token=token).json()
    assert (said["token_type"], said["cnf"]) == ("DPoP", {"jkt": jkt(KEY)})


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        pytest.param({"htm": "DELETE"}, "invalid_dpop_proof", id="another method"),
        pytest.param({"htu": "https://other.example/userinfo"}, "invalid_dpop_proof", id="another place"),
        pytest.param({"iat": NOW - 600}, "invalid_dpop_proof", id="old"),
        pytest.param({"ath": "another token"}, "invalid_token", id="another token"),
        pytest.param({"key": OTHER_KEY}, "invalid_token", id="another key"),
    ],
)
def test_a_wrong_proof_opens_nothing(rp: RelyingParty, wrong: dict[str, object], error: str) -> None:
    """DPOP-17: with the error in the challenge of its scheme."""
    answer = with_proof(rp, bound(rp), **wrong)  # type: ignore[arg-type]
    challenges = answer.headers.get_list("www-authenticate")
    assert answer.status_code == 401
    assert f'error="{error}"' in challenges[-1]


def test_a_proof_is_good_once(rp: RelyingParty) -> None:
    """DPOP-16, attack case 108."""
    token = bound(rp)
    assert with_proof(rp, token, jti="once-1").status_code == 200
    assert with_proof(rp, token, jti="once-1").json()["error"] == "invalid_dpop_proof"


def test_a_proof_for_an_unbound_token_is_refused(rp: RelyingParty) -> None:
    """RFC 9449 section 7.1: who believes that it is bound is told that it is not."""
    assert with_proof(rp, rp.tokens(prompt="login").access_token).status_code == 401


def test_pages_of_single_page_apps_may_call_it(rp: RelyingParty, spa: RelyingParty) -> None:
    """Interop fact 10: theirs, and nobody else's; never with cookies."""
    sent = {
        "origin": PAGE,
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    ahead = httpx.options(f"{rp.site.url}/userinfo", headers=sent)
    assert (ahead.status_code, ahead.headers["access-control-allow-origin"]) == (204, PAGE)
    assert "authorization" in ahead.headers["access-control-allow-headers"]
    assert ahead.headers["access-control-allow-methods"] == "GET, POST"
    token = rp.tokens(prompt="login").access_token
    answer = rp.userinfo(token, origin=PAGE)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-credentials" not in answer.headers
    other = rp.userinfo(token, origin="https://evil.example")
    assert "access-control-allow-origin" not in other.headers


def test_refusals_of_strangers_are_counted_and_not_each_recorded(rp: RelyingParty) -> None:
    """Contract section 9: who comes with rubbish cannot fill the log."""
    rp.site.clock.now += 60
    before = len(rp.site.events())
    for number in range(5):
        assert is_refused(rp.userinfo(f"rubbish-{number}"))
    events = rp.site.events()[before:]
    assert [(event["event"], event["reason"]) for event in events] == [
        ("refused.before_authentication", "token_unknown")
    ]
