"""The authorization request as a value, and the two answers to it; pure.

OpenID Connect Core section 3.1.2, RFC 6749 section 4.1, RFC 7636, RFC 9207.
First ``destination``: until it has returned, nothing may redirect.  Then ``parse``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, urlencode

from idjag.idp.signin import claims_parameter, redirects
from idjag.idp.signin.claims_parameter import NamedClaims
from idjag.idp.snapshot import RegisteredApp
from idjag.ledger.entry import OneTime
from idjag.protocol import names, scopes
from idjag.protocol.errors import ANSWERS, Reason, Refused
from idjag.protocol.form import Form

__all__ = [
    "AuthorizationRequest",
    "Clients",
    "Destination",
    "carried",
    "destination",
    "failure",
    "parse",
    "still_valid",
    "success",
]

Clients: TypeAlias = Mapping[str, RegisteredApp]
"""The registered apps by client_id."""

MAX_NONCE = 1024
MAX_STATE = 4096
MAX_LOGIN_HINT = 256
MAX_UI_LOCALES = 256

_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")  # a SHA-256 in base64url (RFC 7636 section 4.2)
_THUMBPRINT = _CHALLENGE  # as long: RFC 9449 section 10
_SECONDS = re.compile(r"[0-9]{1,9}")
_DISPLAYS = frozenset({"page", "popup", "touch", "wap"})

# consent: the administrator gives it by assigning people, so there is nothing to ask the person
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})

# What would change the answer if we could do it; parameters that merely could be ignored are (fact 7, 12).
_NOT_BUILT = ("authorization_details",)

# What the sign-in form takes along.  It is checked from the start when it comes back, so that nobody has to
# be trusted with it.
_CARRIED = (
    *("client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce"),
    *("code_challenge", "code_challenge_method", "prompt", "max_age", "acr_values", "login_hint"),
    *("ui_locales", "id_token_hint", "claims", "dpop_jkt", "request_uri"),
)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the answer goes, good or bad: proven to belong to the app."""

    client: RegisteredApp
    redirect_uri: str
    state: str | None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A valid request.  ``scopes`` are those that will be granted.

    ``max_age`` in seconds; ``forced``: sign in again whatever session there is; ``silent``: show nothing.
    ``acr_values`` are a wish, ``essential_acr`` a demand that one of them be met.  ``expected_sub``: who it
    must be, as the app knows them.  ``named``: claims asked for by name.  ``jkt``: the key that the code is
    bound to.  ``once``: what is used up with the answer, if the app had pushed the request.
    """

    to: Destination
    scopes: tuple[str, ...]
    scopes_requested: tuple[str, ...]
    code_challenge: str
    nonce: str | None = None
    forced: bool = False
    silent: bool = False
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    login_hint: str = ""
    essential_acr: tuple[str, ...] = ()
    expected_sub: str | None = None
    named: NamedClaims = field(default_factory=NamedClaims)
    jkt: str | None = None
    once: tuple[OneTime, ...] = ()
    ui_locales: str = ""

    def satisfied_by(self, *, auth_time: int, now: int) -> bool:
        """Whether a session of that age needs no new sign-in (OIDC-09, OIDC-10).

        ``acr_values`` are a wish (OpenID Connect Core section 3.1.2.1): the token says truly what there was.
        """
        fresh = self.max_age is None or now - auth_time <= self.max_age
        return fresh and not self.forced


def destination(form: Form, clients: Clients) -> Destination:
    """The app and its redirection URI; raises Refused, and then no redirect must happen (OIDC-02).

    PARAMETER_MISSING, CLIENT_UNKNOWN, CLIENT_DISABLED, REDIRECT_URI_MISMATCH.  Of an app with a metadata
    document, ``clients`` has it with the document: without, no URI is its.
    """
    client_id = form.required("client_id")
    client = clients.get(client_id)
    if client is None:
        raise Refused(Reason.CLIENT_UNKNOWN)
    if not client.registration.active:
        raise Refused(Reason.CLIENT_DISABLED, app=client.app.id)
    # never a default: what the app did not name, it may not expect (case 139)
    redirect_uri = form.required("redirect_uri")
    native = client.app.kind == "native"
    if not redirects.allowed(redirect_uri, registered=client.redirect_uris, native=native):
        raise Refused(Reason.REDIRECT_URI_MISMATCH, app=client.app.id)
    return Destination(client, redirect_uri, form.one("state"))


def parse(form: Form, to: Destination) -> AuthorizationRequest:
    """Everything but client and redirection URI; raises Refused, whose answer goes to ``to``."""
    _check_supported(form)
    _check_kind(form, to.client)
    requested = scopes.parse(form.one("scope")) or ()
    prompt = _prompt(form.one("prompt"))
    max_age = _max_age(form.one("max_age"))
    named = claims_parameter.parse(form.one("claims"), registered=to.client.scopes)
    return AuthorizationRequest(
        to=to,
        scopes=_granted(requested, to.client),
        scopes_requested=requested,
        code_challenge=_code_challenge(form),
        nonce=_limited(form, "nonce", MAX_NONCE),
        forced=max_age == 0 or not prompt.isdisjoint({"login", "select_account"}),
        silent="none" in prompt,
        max_age=max_age,
        # the parameter is a wish like a voluntary claim (Core section 5.5.1.1); who writes both means both
        acr_values=(*filter(None, (form.one("acr_values") or "").split(" ")), *named.voluntary),
        login_hint=(form.one("login_hint") or "")[:MAX_LOGIN_HINT],
        essential_acr=named.essential,
        expected_sub=named.sub,
        named=named,
        jkt=_jkt(form.one("dpop_jkt")),
        ui_locales=(form.one("ui_locales") or "")[:MAX_UI_LOCALES],
    )


def still_valid(request: AuthorizationRequest, clients: Clients) -> RegisteredApp:
    """The app as it is registered now; raises Refused when it may not have this request answered any more."""
    before = request.to.client
    client = clients.get(before.app.client_id)
    if client is None or client.app.id != before.app.id or not client.registration.active:
        raise Refused(Reason.CLIENT_DISABLED, app=before.app.id)
    if client.app.by_document and before.document is not None:  # read before the transaction, as it was then
        client = client.with_document(before.document)
    native = client.app.kind == "native"
    if not redirects.allowed(request.to.redirect_uri, registered=client.redirect_uris, native=native):
        raise Refused(Reason.REDIRECT_URI_MISMATCH)
    if not set(request.scopes) <= set(client.scopes):
        raise Refused(Reason.SCOPE_NOT_ALLOWED)
    return client


def carried(form: Form) -> str:
    """The request as one text, for the sign-in form; ``idjag.protocol.form.parse`` reads it again."""
    parameters = {name: value for name in _CARRIED if (value := form.one(name)) is not None}
    return urlencode(parameters, quote_via=quote, safe="")


def success(to: Destination, *, code: str, issuer: str) -> str:
    """Where the browser goes with the code: RFC 6749 section 4.1.2, RFC 9207 section 2 (OIDC-07, OIDC-08)."""
    return _answer(to, {"code": code}, issuer=issuer)


def failure(to: Destination, refused: Refused, *, issuer: str, decision_id: str) -> str:
    """Where the browser goes with an error: RFC 6749 section 4.1.2.1, from the one table of answers."""
    answer = ANSWERS[refused.reason]
    description = f"{answer.text} (ref {decision_id})"
    return _answer(to, {"error": answer.error, "error_description": description}, issuer=issuer)


def _answer(to: Destination, parameters: dict[str, str], *, issuer: str) -> str:
    state = {} if to.state is None else {"state": to.state}
    return redirects.with_parameters(to.redirect_uri, {**parameters, **state, "iss": issuer})


def _check_supported(form: Form) -> None:
    """OIDC-29 and what is not built: each refused by its own name, none silently ignored."""
    for parameter, reason in (
        ("request", Reason.REQUEST_OBJECT),
        ("request_uri", Reason.REQUEST_URI),
        ("registration", Reason.REGISTRATION),
    ):
        if form.one(parameter) is not None:
            raise Refused(reason)
    for parameter in _NOT_BUILT:
        if form.one(parameter) is not None:
            raise Refused(Reason.NOT_BUILT, parameter=parameter)
    if form.one("response_mode") not in (None, "query"):
        raise Refused(Reason.NOT_BUILT, parameter="response_mode")
    # our page is one page for all of them, but a word of nobody's is a mistake
    if (form.one("display") or "page") not in _DISPLAYS:
        raise Refused(Reason.PARAMETER_WRONG, parameter="display")


def _check_kind(form: Form, client: RegisteredApp) -> None:
    """OIDC-05: the code flow alone, and only for an app that has it."""
    if form.required("response_type") != "code":
        raise Refused(Reason.RESPONSE_TYPE_WRONG)
    if names.AUTHORIZATION_CODE not in client.grants:
        raise Refused(Reason.GRANT_NOT_ALLOWED, grant=names.AUTHORIZATION_CODE)
    _limited(form, "state", MAX_STATE)


def _code_challenge(form: Form) -> str:
    """OIDC-04: every client, S256 only; a method left out means plain (RFC 7636 section 4.3)."""
    challenge = form.one("code_challenge")
    if challenge is None or form.one("code_challenge_method") != "S256":
        raise Refused(Reason.PKCE_REQUIRED)
    if not _CHALLENGE.fullmatch(challenge):
        raise Refused(Reason.PARAMETER_WRONG, parameter="code_challenge")
    return challenge


def _granted(requested: tuple[str, ...], client: RegisteredApp) -> tuple[str, ...]:
    """What the app is registered for; others are left out, and the token response says so.

    OpenID Connect Core section 3.1.2.1 wants unknown scopes ignored, RFC 6749 section 3.3 lets us; an
    answer with nothing of what was asked would be no answer.  No scope at all is plain OAuth (fact 7).
    """
    granted = tuple(scope for scope in requested if scope in client.scopes)
    if requested and not granted:
        raise Refused(Reason.SCOPE_NOT_ALLOWED)
    return granted


def _prompt(text: str | None) -> frozenset[str]:
    values = frozenset(text.split(" ") if text else ())
    if "create" in values:
        raise Refused(Reason.NOT_BUILT, parameter="prompt")
    if not values <= _PROMPTS or ("none" in values and len(values) > 1):
        raise Refused(Reason.PARAMETER_WRONG, parameter="prompt")
    return values


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not _SECONDS.fullmatch(text):
        raise Refused(Reason.PARAMETER_WRONG, parameter="max_age")
    return int(text)


def _jkt(text: str | None) -> str | None:
    """The thumbprint of the key that the app will prove when it redeems the code (RFC 9449 section 10)."""
    if text is not None and not _THUMBPRINT.fullmatch(text):
        raise Refused(Reason.PARAMETER_WRONG, parameter="dpop_jkt")
    return text


def _limited(form: Form, name: str, limit: int) -> str | None:
    value = form.one(name)
    if value is not None and len(value) > limit:
        raise Refused(Reason.PARAMETER_WRONG, parameter=name)
    return value
