"""Refused, and what the client reads for each Reason (ANSWERS); the reasons are in reasons.py.

The only place where a refusal becomes an error code: contract section 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from idjag.protocol.reasons import Reason

__all__ = ["ANSWERS", "BEFORE_AUTHENTICATION", "Answer", "Reason", "Refused"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the table: the OAuth error, the HTTP status, the text that strangers read.

    ``text`` uses only %x20-21 / %x23-5B / %x5D-7E (RFC 6749 section 5.2, XCH-64).
    """

    error: str
    status: int
    text: str


def _rows(error: str, status: int, **texts: str) -> dict[Reason, Answer]:
    return {Reason[name]: Answer(error, status, text) for name, text in texts.items()}


def _same(error: str, status: int, text: str, *reasons: Reason) -> dict[Reason, Answer]:
    return {reason: Answer(error, status, text) for reason in reasons}


# One wording for every trust failure of a token: which check failed is nobody's business but ours (RAS-42).
_SUBJECT_TOKEN_TEXT = "The subject token was not accepted."
_REFRESH_TEXT = "The refresh token was not accepted."
_ASSERTION_TEXT = "The assertion was not accepted."
_CLIENT_TEXT = "Client authentication failed."
_DENIED_TEXT = "Access is not allowed by the administrator's rules."
_ACCOUNT_TEXT = "This person has no access here."
_CODE_TEXT = "The authorization code was not accepted."
_TOKEN_TEXT = "The access token was not accepted."
_DETAILS_TEXT = "Authorization details are not supported for this audience."

ANSWERS: dict[Reason, Answer] = {
    **_rows(
        "invalid_request",
        400,
        MALFORMED_FORM="The request body is not a well-formed form.",
        MALFORMED_JSON="The request body is not the JSON object that is wanted here.",
        DUPLICATE_PARAMETER="A parameter was sent more than once.",
        PARAMETER_MISSING="A required parameter is missing.",
        PARAMETER_WRONG="A parameter has a value that is not supported.",
        DUPLICATE_HEADER="A header was sent more than once.",
        LENGTH_AMBIGUOUS="The length of the request body is given in two ways.",
        SECRET_IN_QUERY="Parameters belong into the body, not into the URL.",
        CLIENT_METHODS_SEVERAL="Use exactly one way of client authentication.",
        NOT_BUILT="This is not built yet.",
        PKCE_REQUIRED="A code_challenge with the method S256 is required.",
        PUSHED_REQUEST_REQUIRED="This client must push its authorization requests.",
    ),
    **_rows("unsupported_response_type", 400, RESPONSE_TYPE_WRONG="Use the response type code."),
    **_rows("request_not_supported", 400, REQUEST_OBJECT="Request objects are not supported."),
    **_rows("request_uri_not_supported", 400, REQUEST_URI="A request_uri is not supported."),
    **_same(
        "invalid_request_uri",
        400,
        "The request_uri is not valid any more.",
        Reason.REQUEST_URI_UNKNOWN,
        Reason.REQUEST_URI_USED,
    ),
    **_rows("registration_not_supported", 400, REGISTRATION="Registration is not supported."),
    **_rows("login_required", 400, LOGIN_REQUIRED="The person must sign in."),
    **_rows("unmet_authentication_requirements", 400, ACR_UNMET="No sign-in of the kind that is required."),
    **_same(
        "access_denied",
        400,
        "The sign-in was not accepted.",
        Reason.PASSWORD_WRONG,
        Reason.SIGN_IN_LOCKED,
        Reason.STEP_OVER,
        Reason.LINK_DEAD,
        Reason.NO_ADDRESS,
        Reason.FACTOR_WRONG,
        Reason.FACTOR_REPLAYED,
        Reason.FACTOR_EXPIRED,
        Reason.FACTOR_UNKNOWN,
        Reason.FACTOR_ENDED,
        Reason.PASSKEY_INVALID,
        Reason.PASSKEY_COUNTER,
    ),
    **_rows(
        "access_denied",
        400,
        FACTOR_KNOWN="This passkey is registered already.",
        FACTOR_TOO_MANY="There are too many second factors: remove one first.",
        FACTOR_LAST="The last second factor cannot be removed: one is required here.",
        FACTOR_CHANGED="The second factors were changed at the same time: look again.",
        PASSKEYS_UNAVAILABLE="Passkeys do not work here: this server is reached by an address, not a name.",
    ),
    **_rows("invalid_request", 405, METHOD_WRONG="The method is not allowed here."),
    **_rows("invalid_request", 415, MEDIA_TYPE_WRONG="Use application/x-www-form-urlencoded in UTF-8."),
    **_rows("invalid_request", 415, MEDIA_TYPE_NOT_JSON="Use application/json in UTF-8."),
    **_rows("invalid_request", 408, BODY_TOO_SLOW="The request body did not arrive in time."),
    **_rows("invalid_request", 413, TOO_LARGE="The request is too large."),
    **_rows("invalid_request", 421, HOST_UNKNOWN="The request is for another host."),
    **_rows("invalid_request", 431, HEADERS_TOO_LARGE="The request headers are too large."),
    **_rows("unsupported_grant_type", 400, GRANT_TYPE_UNKNOWN="This grant type is not supported."),
    **_same(
        "invalid_client",
        401,
        _CLIENT_TEXT,
        Reason.CLIENT_UNKNOWN,
        Reason.CLIENT_DISABLED,
        Reason.CLIENT_CREDENTIALS_MISSING,
        Reason.CLIENT_CREDENTIALS_MALFORMED,
        Reason.CLIENT_SECRET_WRONG,
        Reason.CLIENT_METHOD_WRONG,
        Reason.CLIENT_ASSERTION_INVALID,
        Reason.CLIENT_ASSERTION_TYPE,
        Reason.CLIENT_ASSERTION_AUD,
        Reason.CLIENT_ASSERTION_EXPIRED,
        Reason.CLIENT_ASSERTION_REPLAY,
        Reason.CLIENT_CERTIFICATE_MISSING,
        Reason.CLIENT_CERTIFICATE_MALFORMED,
        Reason.CLIENT_CERTIFICATE_UNVERIFIED,
        Reason.CLIENT_CERTIFICATE_EXPIRED,
        Reason.CLIENT_CERTIFICATE_WRONG,
        Reason.CLIENT_KEYS_UNAVAILABLE,
        Reason.CLIENT_METADATA_UNAVAILABLE,
    ),
    **_rows(
        "unauthorized_client",
        400,
        CLIENT_PUBLIC="A client without credentials may not do this.",
        GRANT_NOT_ALLOWED="This client may not use this grant.",
        TOKEN_FOREIGN="This token was issued to another client.",
    ),
    **_same(
        "invalid_grant",
        400,
        _CODE_TEXT,
        Reason.CODE_UNKNOWN,
        Reason.CODE_EXPIRED,
        Reason.CODE_REPLAYED,
        Reason.CODE_CLIENT_MISMATCH,
        Reason.REDIRECT_URI_MISMATCH,
        Reason.PKCE_WRONG,
        Reason.CODE_KEY,
    ),
    **_same(
        "invalid_grant",
        400,
        _REFRESH_TEXT,
        Reason.REFRESH_TOKEN_UNKNOWN,
        Reason.REFRESH_TOKEN_CLIENT_MISMATCH,
        Reason.REFRESH_TOKEN_REPLAYED,
        Reason.REFRESH_TOKEN_REVOKED,
        Reason.REFRESH_TOKEN_EXPIRED,
        Reason.REFRESH_TOKEN_KEY,
        Reason.OFFLINE_ACCESS_WITHDRAWN,
    ),
    **_same(
        "invalid_grant",
        400,
        _SUBJECT_TOKEN_TEXT,
        Reason.SUBJECT_TOKEN_INVALID,
        Reason.SUBJECT_TOKEN_TYPE,
        Reason.SUBJECT_TOKEN_ISSUER,
        Reason.SUBJECT_TOKEN_AUDIENCE,
        Reason.SUBJECT_TOKEN_EXPIRED,
        Reason.SUBJECT_TOKEN_NOT_YET,
        Reason.SUBJECT_UNKNOWN,
        Reason.SESSION_ENDED,
        Reason.PERSON_DISABLED,
    ),
    **_same(
        "invalid_target",
        400,
        "The audience is not known here.",
        Reason.AUDIENCE_UNKNOWN,
        Reason.AUDIENCE_AMBIGUOUS,
        Reason.AUDIENCE_SELF,
        Reason.RESOURCE_APP_DISABLED,
    ),
    **_rows(
        "invalid_target",
        400,
        AUDIENCE_SEVERAL="Name one audience.",
        RESOURCE_MALFORMED="A resource is an absolute URI without a fragment.",
        RESOURCE_NOT_GOVERNED="A requested resource does not belong to the audience.",
        RESOURCE_REQUIRED="Name the resource.",
        RESOURCE_NOT_ALLOWED="None of the requested resources can be granted.",
    ),
    **_same(
        "access_denied",
        400,
        _DENIED_TEXT,
        Reason.HELD,
        Reason.APP_DISABLED,
        Reason.NOT_ASSIGNED,
        Reason.NOT_ASSIGNED_SSO,
        Reason.NO_CONNECTION,
        Reason.CONNECTION_NOT_ACTIVE,
        Reason.CONNECTION_EXPIRED,
        Reason.PROFILE_MISMATCH,
        Reason.NO_CLIENT_ID_MAPPING,
        Reason.GUARDRAIL,
        Reason.NO_RULE,
        Reason.CONDITION_UNMET,
        Reason.CLAIM_RESERVED,
        Reason.CLAIMS_TOO_LARGE,
    ),
    **_rows(
        "invalid_scope",
        400,
        SCOPE_MALFORMED="The scope is not a list of scope tokens separated by single spaces.",
        SCOPE_NOT_ALLOWED="None of the requested scopes can be granted.",
        SCOPE_WIDENED="A refresh cannot ask for more than was granted.",
    ),
    **_rows("invalid_authorization_details", 400, AUTHORIZATION_DETAILS=_DETAILS_TEXT),
    **_rows("insufficient_user_authentication", 400, STEP_UP="A stronger or fresher sign-in is needed."),
    **_same(
        "invalid_grant",
        400,
        _ASSERTION_TEXT,
        Reason.ASSERTION_INVALID,
        Reason.ASSERTION_TYPE,
        Reason.ISSUER_NOT_TRUSTED,
        Reason.SIGNATURE_INVALID,
        Reason.KEYS_UNAVAILABLE,
        Reason.AUDIENCE_WRONG,
        Reason.CLAIM_WRONG,
        Reason.EXPIRED,
        Reason.NOT_YET_VALID,
        Reason.GRANT_TOO_OLD,
        Reason.LIFETIME_TOO_LONG,
        Reason.CLIENT_MISMATCH,
        Reason.TENANT_WRONG,
        Reason.REPLAY,
        Reason.RESOURCE_CLAIM_WRONG,
        Reason.CONFIRMATION_UNSUPPORTED,
        Reason.CONFIRMATION_MISSING,
        Reason.CONFIRMATION_MISMATCH,
        Reason.CONFIRMATION_REQUIRED,
        Reason.IDENTITY_CLAIMS_MISSING,
        Reason.SUBJECT_CONFLICT,
        Reason.SAME_DOMAIN,
    ),
    **_same("access_denied", 400, _ACCOUNT_TEXT, Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED),
    **_rows("invalid_dpop_proof", 400, DPOP_PROOF_INVALID="The DPoP proof was not accepted."),
    **_rows(
        "use_dpop_nonce", 400, USE_DPOP_NONCE="Repeat the nonce of the DPoP-Nonce header in the DPoP proof."
    ),
    **_rows("temporarily_unavailable", 429, TOO_MANY_FAILURES="Too many failures. Try again later."),
    **_rows("temporarily_unavailable", 503, UNAVAILABLE="Try again later."),
    **_same(
        "invalid_token",
        401,
        _TOKEN_TEXT,
        Reason.TOKEN_MISSING,
        Reason.TOKEN_INVALID,
        Reason.TOKEN_UNKNOWN,
        Reason.TOKEN_EXPIRED,
        Reason.TOKEN_REVOKED,
    ),
    **_rows("unsupported_token_type", 400, TOKEN_TYPE_UNSUPPORTED="Tokens of this kind cannot be used here."),
    **_rows("access_denied", 403, SUBJECT_FOREIGN="This subject is not one that you speak for."),
    **_rows("invalid_request", 404, SUBJECT_NOT_FOUND="This subject is not known here."),
    **_rows("insufficient_scope", 403, SCOPE_INSUFFICIENT="The access token does not allow this."),
    # Whoever sends a receipt reads the same 202 whatever becomes of it, and no error.
    **_rows("invalid_request", 202, RECEIPT_NOT_TAKEN="All receipts are answered alike."),
    **_rows("server_error", 500, FAULT="Something went wrong here."),
}

# Refusals of people we do not know yet: counted per source and minute instead of one event each.
BEFORE_AUTHENTICATION = frozenset(
    reason
    for reason, answer in ANSWERS.items()
    if answer.error == "invalid_client" or answer.status in (405, 408, 413, 415, 421, 429, 431)
) | {Reason.MALFORMED_FORM, Reason.DUPLICATE_HEADER, Reason.LENGTH_AMBIGUOUS}
BEFORE_AUTHENTICATION |= {Reason.SECRET_IN_QUERY, Reason.CLIENT_METHODS_SEVERAL, Reason.RECEIPT_NOT_TAKEN}


def _printable(text: str) -> str:
    """Claims are quoted before they are checked: NUL breaks databases, CR and LF forge lines (case 198)."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


@dataclass(slots=True, eq=False)  # an exception that compares by value cannot be hashed
class Refused(Exception):
    """A request that will not be answered with a token.

    ``fact`` is for the audit log: short strings about what was expected and what came, never a secret;
    what cannot be printed is shown as "?".
    ``extra`` members are added to the error body (``acr_values``, ``max_age``).  ``wait`` is how many seconds
    a 429 or 503 asks the client to stay away.
    """

    reason: Reason
    fact: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str | int] = field(default_factory=dict)
    wait: int = 5

    def __init__(
        self, reason: Reason, *, extra: dict[str, str | int] | None = None, wait: int = 5, **fact: object
    ) -> None:
        Exception.__init__(self, reason.value)
        self.reason = reason
        self.fact = {name: _printable(str(value)[:200]) for name, value in fact.items() if value is not None}
        self.extra = extra or {}
        self.wait = wait

    def __str__(self) -> str:
        return " ".join([self.reason.value, *(f"{name}={value}" for name, value in self.fact.items())])
