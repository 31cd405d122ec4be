"""Pushed authorization requests (RFC 9126): who may push, what is pushed, and how often it is good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from idjag.ledger.entry import Insert, Update
from idjag.protocol import names
from idjag.protocol.jose import jws
from idjag.protocol.jose.json import JsonValue
from idjag.trust.memory import MemoryFetcher
from idjag.trust.publications import Publications
from tests import plain_http
from tests.idp.oidc_plans.relying_party import RelyingParty, register, registered
from tests.idp.signin.seeds import BOARD_KEY, NOW, PASSWORDS, VERIFIER, app_row
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, answer_of, form_of
from tests.proofs import KEY, OTHER_KEY, jkt, proof

URN = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture(scope="module")
def site(host: Host) -> Iterator[Site]:
    with running(host) as site:
        register(site)
        yield site


@pytest.fixture
def rp(site: Site, browser: Browser) -> RelyingParty:
    return RelyingParty(site, browser)


@pytest.fixture(autouse=True)
def _now(site: Site) -> Iterator[None]:
    yield
    site.clock.now = NOW


def push(rp: RelyingParty, *, dpop: str | None = None, **changes: str | None) -> httpx.Response:
    """The app leaves a request; ``changes`` replace parameters."""
    headers = {} if dpop is None else {"dpop": dpop}
    return plain_http.post(
        f"{rp.site.url}/par", data=rp.request(**changes), headers=headers, auth=(rp.client_id, rp.secret)
    )


def pushed(rp: RelyingParty, **changes: str | None) -> str:
    answer = push(rp, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["request_uri"])


def come(rp: RelyingParty, uri: str, **more: str) -> httpx.Response:
    """The person comes with the reference."""
    return rp.browser.get("/authorize", params={"client_id": rp.client_id, "request_uri": uri, **more})


def is_over(response: httpx.Response) -> bool:
    """A page: nobody knows where an answer could go."""
    assert "location" not in response.headers
    return response.status_code == 400 and ("has ended" in response.text or "not complete" in response.text)


def test_a_request_is_left_and_answered(rp: RelyingParty) -> None:
    """OIDC-23: 201, a reference that nobody can guess, ninety seconds; state and nonce are those pushed."""
    answer = push(rp, scope="openid email")
    body = answer.json()
    assert (answer.status_code, body["expires_in"]) == (201, 90)
    assert body["request_uri"].startswith(URN)
    assert len(body["request_uri"]) >= len(URN) + 43
    assert answer.headers["cache-control"] == "no-store"
    tokens = rp.redeemed(rp.fill(come(rp, body["request_uri"]))["code"])
    assert tokens.body["scope"] == "openid email"
    events = [event["event"] for event in rp.site.events()[-3:]]
    assert events == ["request.pushed", "login.succeeded", "token.issued"]


def test_the_reference_is_stored_nowhere(rp: RelyingParty) -> None:
    """Contract section 9: only its digest, and no audit row has it."""
    uri = pushed(rp)
    stored = repr([dict(row) for row in rp.site.rows("pushed_request")])
    assert uri.removeprefix(URN) not in stored + repr(rp.site.events())


def test_what_stands_beside_the_reference_counts_for_nothing(rp: RelyingParty) -> None:
    """RFC 9101 section 6.3: what the person's browser adds or changes is passed over."""
    page = come(rp, pushed(rp), scope="openid email profile", redirect_uri="https://evil.example/", state="x")
    assert rp.redeemed(rp.fill(page)["code"]).body["scope"] == "openid"


def test_the_form_does_not_let_the_person_change_the_request(rp: RelyingParty) -> None:
    """OIDC-23: the form carries the reference, and what was pushed is read again."""
    page = come(rp, pushed(rp))
    carried = form_of(page)["request"]
    assert "redirect_uri" not in carried
    assert "scope" not in carried


def test_a_reference_is_good_once(rp: RelyingParty, site: Site) -> None:
    """OIDC-23: at success; a page that is shown again before that is no use of it."""
    uri = pushed(rp)
    come(rp, uri)
    assert rp.fill(come(rp, uri))["code"]
    assert is_over(come(rp, uri))
    with Browser(site) as another:  # nor is there a form for anybody else
        assert is_over(another.get("/authorize", params={"client_id": "rp", "request_uri": uri}))


def test_of_two_forms_of_one_reference_one_is_answered(rp: RelyingParty, site: Site) -> None:
    """OIDC-23, attack case 145: at the same moment, from two browsers."""
    uri = pushed(rp)
    with Browser(site) as another:
        pages = [(browser, browser.get("/authorize", params={"client_id": "rp", "request_uri": uri}))
                 for browser in (rp.browser, another)]  # fmt: skip

        def send(number: int) -> httpx.Response:
            browser, page = pages[number]
            return browser.fill(page, username="alice", password=PASSWORDS["alice"])

        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(send, range(2)))
    assert sorted(answer.status_code for answer in answers) == [303, 400]


@pytest.mark.parametrize(("later", "good"), [(89, True), (90, False)])
def test_a_reference_lives_for_ninety_seconds(rp: RelyingParty, later: int, *, good: bool) -> None:
    """OIDC-23."""
    uri = pushed(rp)
    rp.site.clock.now += later
    assert (come(rp, uri).status_code == 200) is good


@pytest.mark.parametrize(("later", "good"), [(3599, True), (3600, False)])
def test_who_arrived_in_time_may_take_an_hour_for_the_form(
    rp: RelyingParty, later: int, *, good: bool
) -> None:
    """OIDC-23: finding a password takes longer than a redirect."""
    page = come(rp, pushed(rp))
    rp.site.clock.now += later
    answer = rp.browser.fill(page, username="alice", password=PASSWORDS["alice"])
    assert (answer.status_code == 303) is good


def test_a_reference_belongs_to_its_app(rp: RelyingParty, site: Site, browser: Browser) -> None:
    """OIDC-23."""
    uri = pushed(rp)
    assert is_over(browser.get("/authorize", params={"client_id": "wiki", "request_uri": uri}))
    assert is_over(browser.get("/authorize", params={"request_uri": uri}))
    assert come(rp, uri).status_code == 200


def test_a_reference_of_another_tenant_is_none_here(rp: RelyingParty, site: Site) -> None:
    """Attack case 165."""
    uri = pushed(rp)
    row = site.rows("pushed_request")[0]
    site.write(Update("pushed_request", {"app_id": row["app_id"]}, {"tenant_id": "t2"}))
    assert come(rp, uri).status_code == 400
    site.write(Update("pushed_request", {"tenant_id": "t2"}, {"tenant_id": row["tenant_id"]}))
    assert come(rp, uri).status_code == 200


def test_a_reference_that_nobody_gave_out_is_no_reference(rp: RelyingParty) -> None:
    """OIDC-29: ours are looked up; others are refused by their name, where the app can hear it."""
    assert is_over(come(rp, f"{URN}never"))
    elsewhere = rp.ask(request_uri="https://rp.example/request.jwt")
    assert rp.answered(elsewhere)["error"] == "request_uri_not_supported"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"redirect_uri": "https://evil.example/"}, "invalid_request", id="foreign redirect_uri"),
        pytest.param({"redirect_uri": None}, "invalid_request", id="no redirect_uri"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no PKCE"),
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
        pytest.param({"scope": "nothing"}, "invalid_scope", id="nothing of its scopes"),
        pytest.param({"request_uri": f"{URN}x"}, "request_uri_not_supported", id="a reference in it"),
        pytest.param({"request": "e30.e30."}, "request_not_supported", id="an object"),
        pytest.param({"client_id": "wiki"}, "invalid_request", id="another's client_id"),
    ],
)
def test_what_would_be_refused_is_not_taken(
    rp: RelyingParty, changes: dict[str, str | None], error: str
) -> None:
    """OIDC-23, OIDC-29: RFC 9126 section 2.3."""
    answer = push(rp, **changes)
    assert answer.status_code in (400, 401)
    assert (answer.json()["error"], push(rp).status_code) == (error, 201)


def test_a_stranger_leaves_nothing(rp: RelyingParty) -> None:
    """OIDC-23: with a wrong secret, and with none."""
    before = len(rp.site.rows("pushed_request"))
    request = rp.request()
    wrong = plain_http.post(f"{rp.site.url}/par", data=request, auth=("rp", "not the secret of this app"))
    none = plain_http.post(f"{rp.site.url}/par", data=request)
    assert [wrong.json()["error"], none.json()["error"]] == ["invalid_client"] * 2
    assert len(rp.site.rows("pushed_request")) == before


def test_a_public_app_leaves_nothing(rp: RelyingParty) -> None:
    """OIDC-23: anybody could, in its name."""
    request = rp.request(client_id="desk", redirect_uri="http://127.0.0.1/cb")
    answer = plain_http.post(f"{rp.site.url}/par", data=request)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("aud", ["issuer", "par"])
def test_an_assertion_is_for_the_issuer(site: Site, rp: RelyingParty, aud: str) -> None:
    """OIDC-23, CAU-03: and good once."""
    audience = site.issuer if aud == "issuer" else f"{site.issuer}/par"
    claims: dict[str, JsonValue] = {"iss": "board", "sub": "board", "aud": audience, "jti": aud}
    assertion = jws.sign(
        {**claims, "iat": NOW, "exp": NOW + 60}, key=BOARD_KEY, typ=names.CLIENT_AUTHENTICATION_TYP
    )
    fields = rp.request(client_id="board", redirect_uri="https://board.example/cb")
    fields |= {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
    answers = [plain_http.post(f"{site.url}/par", data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == ([201, 401] if aud == "issuer" else [401, 401])


@pytest.fixture
def pushing(site: Site, browser: Browser) -> RelyingParty:
    if not site.rows("app", id="app-pushing"):
        return registered(site, browser, id="pushing", require_pushed_authorization_requests=True)
    return RelyingParty(site, browser, client_id="pushing")


def test_an_app_that_must_push_may_not_ask_openly(pushing: RelyingParty) -> None:
    """OIDC-23: RFC 9126 section 6."""
    assert pushing.answered(pushing.ask())["error"] == "invalid_request"
    assert pushing.fill(come(pushing, pushed(pushing)))["code"]


def test_an_app_with_a_metadata_document_pushes_to_its_own_addresses(host: Host) -> None:
    """OIDC-23, MET-17: what may be named is in its document, as at the authorization endpoint."""
    url, callback = "https://client.example/app.json", "https://client.example/callback"
    jwks = {"keys": [BOARD_KEY.public.to_dict()]}
    document = {"client_id": url, "client_name": "Client", "redirect_uris": [callback], "jwks": jwks}
    document |= {"token_endpoint_auth_method": "private_key_jwt"}
    publications, shared = Publications(MemoryFetcher({url: document}), loopback=True), host.app
    with running(host, publications=publications) as site, Browser(site) as browser:
        auth = {"method": "client_id_metadata_document"}
        entry = {"id": "client", "client_id": url, "auth": auth, "assigned": {"everyone": True}}
        site.write(Insert("app", app_row(entry)), policy=True)
        rp = RelyingParty(site, browser, client_id=url, redirect_uri=callback)
        answers = []
        for number, address in enumerate(["https://evil.example/", callback]):
            claims: dict[str, JsonValue] = {"iss": url, "sub": url, "aud": site.issuer, "jti": f"j-{number}"}
            claims |= {"iat": NOW, "exp": NOW + 60}
            assertion = jws.sign(claims, key=BOARD_KEY, typ=names.CLIENT_AUTHENTICATION_TYP)
            fields = rp.request(redirect_uri=address)
            fields |= {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": assertion}
            answers.append(plain_http.post(f"{site.url}/par", data=fields))
        assert [answer.status_code for answer in answers] == [400, 201]
        assert rp.fill(come(rp, answers[1].json()["request_uri"]))["code"]
    host.app = shared


def redeem(rp: RelyingParty, code: str, *, key: Any) -> httpx.Response:
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": rp.redirect_uri}
    headers = {"dpop": proof(f"{rp.site.issuer}/token", now=rp.site.clock.now, key=key)} if key else {}
    return plain_http.post(
        f"{rp.site.url}/token",
        data={**fields, "code_verifier": VERIFIER},
        headers=headers,
        auth=(rp.client_id, rp.secret),
    )


@pytest.mark.parametrize("way", ["proof at the push", "dpop_jkt pushed", "dpop_jkt openly"])
@pytest.mark.parametrize(("key", "status"), [(KEY, 200), (OTHER_KEY, 400), (None, 400)])
def test_a_code_may_be_bound_to_a_key(rp: RelyingParty, way: str, key: Any, status: int) -> None:
    """RFC 9449 section 10: who has the code must have the key."""
    text = proof(f"{rp.site.issuer}/par", now=rp.site.clock.now)
    if way == "proof at the push":
        page = come(rp, str(push(rp, dpop=text).json()["request_uri"]))
    elif way == "dpop_jkt pushed":
        page = come(rp, pushed(rp, dpop_jkt=jkt()))
    else:
        page = rp.ask(dpop_jkt=jkt())
    answer = redeem(rp, rp.fill(page)["code"], key=key)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"] == "invalid_grant"
        assert rp.site.last_event()["reason"] == "code_key"


def test_two_keys_in_one_push_are_refused(rp: RelyingParty) -> None:
    """RFC 9449 section 10.1."""
    text = proof(f"{rp.site.issuer}/par", now=rp.site.clock.now)
    answer = push(rp, dpop=text, dpop_jkt=jkt(OTHER_KEY))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    wrong = push(rp, dpop=proof(f"{rp.site.issuer}/token", now=rp.site.clock.now))
    assert wrong.json()["error"] == "invalid_dpop_proof"


def test_a_session_answers_a_pushed_request_without_a_page(rp: RelyingParty) -> None:
    """OIDC-09."""
    rp.tokens()
    assert "code" in answer_of(come(rp, pushed(rp, prompt="none")))
