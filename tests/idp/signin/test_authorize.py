"""The authorization request as a value: one thing changed in a valid request, one answer."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from idjag.idp.signin.authorize import AuthorizationRequest, carried, destination, failure, parse, success
from idjag.idp.snapshot import RegisteredApp
from idjag.policy.model import App, Who
from idjag.protocol import form
from idjag.protocol.client_auth import Registration
from idjag.protocol.errors import Reason, Refused
from idjag.protocol.form import Form
from tests.idp.signin.seeds import CHALLENGE
from tests.idp.signin.visit import request

ISSUER = "https://idp.example"


def app(
    client_id: str = "wiki", *, active: bool = True, grants: tuple[str, ...] = ("authorization_code",)
) -> RegisteredApp:
    return RegisteredApp(
        app=App(
            id=f"a-{client_id}", key=client_id, name="Wiki", client_id=client_id, assigned=Who(everyone=True)
        ),
        registration=Registration(client_id, "client_secret", active=active),
        grants=frozenset(grants),
        redirect_uris=("https://wiki.example/callback",),
        scopes=("openid", "profile", "email"),
        id_token_alg="RS256",
    )


CLIENTS = {"wiki": app(), "off": app("off", active=False), "robot": app("robot", grants=("token_exchange",))}


def sent(**changes: str | None) -> Form:
    return form.parse(urlencode(request(**changes)).encode())


def read(**changes: str | None) -> AuthorizationRequest:
    asked = sent(**changes)
    return parse(asked, destination(asked, CLIENTS))


def refusal(**changes: str | None) -> Reason:
    with pytest.raises(Refused) as refused:
        read(**changes)
    return refused.value.reason


def test_a_valid_request_is_read() -> None:
    """OIDC-08: state and nonce as they came."""
    asked = read()
    assert (asked.to.redirect_uri, asked.to.state) == ("https://wiki.example/callback", "st/ate+ =&x")
    assert (asked.scopes, asked.code_challenge, asked.nonce) == (("openid",), CHALLENGE, "n-0S6_WzA2Mj")
    assert not asked.forced
    assert not asked.silent


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"client_id": None}, Reason.PARAMETER_MISSING, id="no client_id"),
        pytest.param({"client_id": "nobody"}, Reason.CLIENT_UNKNOWN, id="unknown client"),
        pytest.param({"client_id": "Wiki"}, Reason.CLIENT_UNKNOWN, id="another case"),
        pytest.param({"client_id": "off"}, Reason.CLIENT_DISABLED, id="disabled client"),
        pytest.param({"redirect_uri": None}, Reason.PARAMETER_MISSING, id="no redirect_uri"),
        pytest.param(
            {"redirect_uri": "https://evil.example/"}, Reason.REDIRECT_URI_MISMATCH, id="foreign uri"
        ),
    ],
)
def test_without_a_proven_destination_nothing_may_redirect(
    changes: dict[str, str | None], reason: Reason
) -> None:
    """OIDC-02; attack cases 139, 140: it is ``destination`` that refuses, whatever else is wrong."""
    with pytest.raises(Refused) as refused:
        destination(sent(**{"response_type": "token", "scope": '"', **changes}), CLIENTS)
    assert refused.value.reason is reason


@pytest.mark.parametrize("twice", ["client_id", "redirect_uri", "state", "scope", "prompt", "unheard_of"])
def test_a_parameter_that_comes_twice_is_refused_before_anything_is_read(twice: str) -> None:
    """Attack case 139."""
    with pytest.raises(Refused) as refused:
        form.parse(f"{urlencode(request())}&{twice}=x&{twice}=x".encode())
    assert refused.value.reason is Reason.DUPLICATE_PARAMETER


def test_resource_may_come_twice_and_is_left_alone() -> None:
    """Interop fact 7."""
    asked = form.parse(
        f"{urlencode(request())}&resource=https://a.example&resource=https://b.example".encode()
    )
    assert parse(asked, destination(asked, CLIENTS)).scopes == ("openid",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"response_type": None}, Reason.PARAMETER_MISSING, id="no response_type"),
        pytest.param({"response_type": "token"}, Reason.RESPONSE_TYPE_WRONG, id="implicit"),
        pytest.param({"response_type": "id_token"}, Reason.RESPONSE_TYPE_WRONG, id="id_token"),
        pytest.param({"response_type": "code id_token"}, Reason.RESPONSE_TYPE_WRONG, id="hybrid"),
        pytest.param({"response_mode": "fragment"}, Reason.NOT_BUILT, id="fragment"),
        pytest.param({"response_mode": "form_post"}, Reason.NOT_BUILT, id="form_post"),
    ],
)
def test_the_code_flow_is_the_only_one(changes: dict[str, str | None], reason: Reason) -> None:
    """OIDC-05."""
    assert refusal(**changes) is reason


def test_an_app_without_the_grant_gets_no_code() -> None:
    assert refusal(client_id="robot") is Reason.GRANT_NOT_ALLOWED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"code_challenge": None, "code_challenge_method": None}, Reason.PKCE_REQUIRED, id="none"
        ),
        pytest.param({"code_challenge": None}, Reason.PKCE_REQUIRED, id="method alone"),
        pytest.param({"code_challenge_method": None}, Reason.PKCE_REQUIRED, id="plain by default"),
        pytest.param({"code_challenge_method": "plain"}, Reason.PKCE_REQUIRED, id="plain"),
        pytest.param({"code_challenge_method": "s256"}, Reason.PKCE_REQUIRED, id="another case"),
        pytest.param({"code_challenge": CHALLENGE[:-1]}, Reason.PARAMETER_WRONG, id="too short"),
        pytest.param({"code_challenge": CHALLENGE + "="}, Reason.PARAMETER_WRONG, id="padded"),
    ],
)
def test_pkce_with_s256_is_demanded_of_every_client(changes: dict[str, str | None], reason: Reason) -> None:
    """OIDC-04; attack case 142."""
    assert refusal(**changes) is reason


@pytest.mark.parametrize(
    ("parameter", "error"),
    [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
        ("claims", "invalid_request"),
        ("dpop_jkt", "invalid_request"),
        ("authorization_details", "invalid_request"),
    ],
)
def test_what_is_not_built_is_refused_by_its_name(parameter: str, error: str) -> None:
    """OIDC-29."""
    asked = sent(**{parameter: "x"})
    to = destination(asked, CLIENTS)
    with pytest.raises(Refused) as refused:
        parse(asked, to)
    answer = parse_qs(urlsplit(failure(to, refused.value, issuer=ISSUER, decision_id="d-1")).query)
    assert answer["error"] == [error]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("create", Reason.NOT_BUILT),
        ("none login", Reason.PARAMETER_WRONG),
        ("login  consent", Reason.PARAMETER_WRONG),
        ("Login", Reason.PARAMETER_WRONG),
    ],
)
def test_a_prompt_that_we_do_not_do_is_refused(prompt: str, reason: Reason) -> None:
    """OIDC-09."""
    assert refusal(prompt=prompt) is reason


@pytest.mark.parametrize(
    ("changes", "forced", "silent"),
    [
        ({"prompt": "none"}, False, True),
        ({"prompt": "login"}, True, False),
        ({"prompt": "select_account"}, True, False),
        ({"prompt": "consent"}, False, False),
        ({"prompt": "login consent"}, True, False),
        ({"max_age": "0"}, True, False),
        ({"max_age": "1"}, False, False),
    ],
)
def test_prompt_and_max_age_say_whether_to_ask(changes: dict[str, str], forced: bool, silent: bool) -> None:  # noqa: FBT001
    """OIDC-09, OIDC-10; interop fact 8 for consent."""
    asked = read(**changes)
    assert (asked.forced, asked.silent) == (forced, silent)


@pytest.mark.parametrize(("age", "satisfied"), [(59, True), (60, True), (61, False)])
def test_a_session_older_than_max_age_is_not_enough(age: int, satisfied: bool) -> None:  # noqa: FBT001
    """OIDC-10."""
    assert read(max_age="60").satisfied_by(auth_time=1000, now=1000 + age) is satisfied


@pytest.mark.parametrize("max_age", ["-1", "1.5", "1e3", "+1", " 1", "\u0661", "9999999999"])
def test_a_max_age_that_is_no_number_of_seconds_is_refused(max_age: str) -> None:
    assert refusal(max_age=max_age) is Reason.PARAMETER_WRONG


@pytest.mark.parametrize(("length", "reason"), [(1024, None), (1025, Reason.PARAMETER_WRONG)])
def test_a_nonce_has_a_longest_length(length: int, reason: Reason | None) -> None:
    """OIDC-08."""
    nonce = "n" * length
    if reason:
        assert refusal(nonce=nonce) is reason
    else:
        assert read(nonce=nonce).nonce == nonce


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("openid profile", ("openid", "profile")),
        ("openid phone offline_access", ("openid",)),
        ("email", ("email",)),
        (None, ()),
    ],
)
def test_scopes_are_narrowed_to_what_the_app_has(scope: str | None, granted: tuple[str, ...]) -> None:
    """OpenID Connect Core section 3.1.2.1; interop facts 7 and 8."""
    assert read(scope=scope).scopes == granted


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        ("phone", Reason.SCOPE_NOT_ALLOWED),
        ("OpenID", Reason.SCOPE_NOT_ALLOWED),
        ("openid  email", Reason.SCOPE_MALFORMED),
    ],
)
def test_a_scope_of_which_nothing_is_left_is_refused(scope: str, reason: Reason) -> None:
    assert refusal(scope=scope) is reason


def test_success_carries_code_state_and_issuer() -> None:
    """OIDC-07, OIDC-08."""
    answer = parse_qs(urlsplit(success(read().to, code="c", issuer=ISSUER)).query)
    assert answer == {"code": ["c"], "state": ["st/ate+ =&x"], "iss": [ISSUER]}


def test_failure_carries_error_reference_state_and_issuer() -> None:
    """OIDC-07."""
    to = read(state=None).to
    url = failure(to, Refused(Reason.LOGIN_REQUIRED), issuer=ISSUER, decision_id="d-1")
    assert parse_qs(urlsplit(url).query) == {
        "error": ["login_required"],
        "error_description": ["The person must sign in. (ref d-1)"],
        "iss": [ISSUER],
    }


def test_what_the_form_carries_is_the_same_request_again() -> None:
    changes = {
        "scope": "openid email",
        "prompt": "login",
        "max_age": "5",
        "acr_values": "a b",
        "login_hint": "é&=",
    }
    asked = sent(**changes, unheard_of="x")
    again = form.parse(carried(asked).encode())
    assert parse(again, destination(again, CLIENTS)) == parse(asked, destination(asked, CLIENTS))
    assert "unheard_of" not in again.values
