"""Why a request is refused (Reason, for us), what the client reads (ANSWERS), and Refused itself.

The only place where a refusal becomes an error code: contract section 7.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["ANSWERS", "BEFORE_AUTHENTICATION", "Answer", "Reason", "Refused"]


class Reason(StrEnum):
    """The true reason, for the audit log; never shown to a stranger."""

    # the request itself
    MALFORMED_FORM = "malformed_form"
    DUPLICATE_PARAMETER = "duplicate_parameter"
    PARAMETER_MISSING = "parameter_missing"
    PARAMETER_WRONG = "parameter_wrong"
    DUPLICATE_HEADER = "duplicate_header"
    LENGTH_AMBIGUOUS = "length_ambiguous"
    SECRET_IN_QUERY = "secret_in_query"
    METHOD_WRONG = "method_wrong"
    MEDIA_TYPE_WRONG = "media_type_wrong"
    TOO_LARGE = "too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_SLOW = "body_too_slow"
    HOST_UNKNOWN = "host_unknown"
    GRANT_TYPE_UNKNOWN = "grant_type_unknown"
    NOT_BUILT = "not_built"
    # the client
    CLIENT_UNKNOWN = "client_unknown"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_CREDENTIALS_MISSING = "client_credentials_missing"
    CLIENT_CREDENTIALS_MALFORMED = "client_credentials_malformed"
    CLIENT_SECRET_WRONG = "client_secret_wrong"
    CLIENT_METHOD_WRONG = "client_method_wrong"
    CLIENT_METHODS_SEVERAL = "client_methods_several"
    CLIENT_ASSERTION_INVALID = "client_assertion_invalid"
    CLIENT_ASSERTION_TYPE = "client_assertion_type"
    CLIENT_ASSERTION_AUD = "client_assertion_aud"
    CLIENT_ASSERTION_EXPIRED = "client_assertion_expired"
    CLIENT_ASSERTION_REPLAY = "client_assertion_replay"
    CLIENT_PUBLIC = "client_public"
    GRANT_NOT_ALLOWED = "grant_not_allowed"
    # the authorization request and the sign-in
    RESPONSE_TYPE_WRONG = "response_type_wrong"
    REQUEST_OBJECT = "request_object"
    REQUEST_URI = "request_uri"
    REGISTRATION = "registration"
    PKCE_REQUIRED = "pkce_required"
    LOGIN_REQUIRED = "login_required"
    PASSWORD_WRONG = "password_wrong"
    # the code
    CODE_UNKNOWN = "code_unknown"
    CODE_EXPIRED = "code_expired"
    CODE_REPLAYED = "code_replayed"
    CODE_CLIENT_MISMATCH = "code_client_mismatch"
    REDIRECT_URI_MISMATCH = "redirect_uri_mismatch"
    PKCE_WRONG = "pkce_wrong"
    # the subject token
    SUBJECT_TOKEN_INVALID = "subject_token_invalid"
    SUBJECT_TOKEN_TYPE = "subject_token_type"
    SUBJECT_TOKEN_ISSUER = "subject_token_issuer"
    SUBJECT_TOKEN_AUDIENCE = "subject_token_audience"
    SUBJECT_TOKEN_EXPIRED = "subject_token_expired"
    SUBJECT_TOKEN_NOT_YET = "subject_token_not_yet"
    SUBJECT_UNKNOWN = "subject_unknown"
    SESSION_ENDED = "session_ended"
    PERSON_DISABLED = "person_disabled"
    # the target
    AUDIENCE_UNKNOWN = "audience_unknown"
    AUDIENCE_AMBIGUOUS = "audience_ambiguous"
    AUDIENCE_SEVERAL = "audience_several"
    AUDIENCE_SELF = "audience_self"
    RESOURCE_MALFORMED = "resource_malformed"
    RESOURCE_NOT_GOVERNED = "resource_not_governed"
    RESOURCE_REQUIRED = "resource_required"
    RESOURCE_NOT_ALLOWED = "resource_not_allowed"
    # the policy
    HELD = "held"
    APP_DISABLED = "app_disabled"
    RESOURCE_APP_DISABLED = "resource_app_disabled"
    NOT_ASSIGNED = "not_assigned"
    NOT_ASSIGNED_SSO = "not_assigned_sso"
    NO_CONNECTION = "no_connection"
    CONNECTION_NOT_ACTIVE = "connection_not_active"
    CONNECTION_EXPIRED = "connection_expired"
    PROFILE_MISMATCH = "profile_mismatch"
    NO_CLIENT_ID_MAPPING = "no_client_id_mapping"
    GUARDRAIL = "guardrail"
    NO_RULE = "no_rule"
    CONDITION_UNMET = "condition_unmet"
    SCOPE_MALFORMED = "scope_malformed"
    SCOPE_NOT_ALLOWED = "scope_not_allowed"
    AUTHORIZATION_DETAILS = "authorization_details"
    STEP_UP = "step_up"
    # the ID-JAG at the resource authorization server
    ASSERTION_INVALID = "assertion_invalid"
    ASSERTION_TYPE = "assertion_type"
    ISSUER_NOT_TRUSTED = "issuer_not_trusted"
    SIGNATURE_INVALID = "signature_invalid"
    KEYS_UNAVAILABLE = "keys_unavailable"
    AUDIENCE_WRONG = "audience_wrong"
    CLAIM_WRONG = "claim_wrong"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME_TOO_LONG = "lifetime_too_long"
    CLIENT_MISMATCH = "client_mismatch"
    TENANT_WRONG = "tenant_wrong"
    REPLAY = "replay"
    RESOURCE_CLAIM_WRONG = "resource_claim_wrong"
    CONFIRMATION_UNSUPPORTED = "confirmation_unsupported"
    IDENTITY_CLAIMS_MISSING = "identity_claims_missing"
    SUBJECT_CONFLICT = "subject_conflict"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_DISABLED = "account_disabled"
    SAME_DOMAIN = "same_domain"
    # DPoP, throttling, faults
    DPOP_PROOF_INVALID = "dpop_proof_invalid"
    TOO_MANY_FAILURES = "too_many_failures"
    UNAVAILABLE = "unavailable"
    # the resource server
    TOKEN_MISSING = "token_missing"
    TOKEN_INVALID = "token_invalid"
    SCOPE_INSUFFICIENT = "scope_insufficient"
    FAULT = "fault"


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
        DUPLICATE_PARAMETER="A parameter was sent more than once.",
        PARAMETER_MISSING="A required parameter is missing.",
        PARAMETER_WRONG="A parameter has a value that is not supported.",
        DUPLICATE_HEADER="A header was sent more than once.",
        LENGTH_AMBIGUOUS="The length of the request body is given in two ways.",
        SECRET_IN_QUERY="Parameters belong into the body, not into the URL.",
        CLIENT_METHODS_SEVERAL="Use exactly one way of client authentication.",
        NOT_BUILT="This is not built yet.",
        PKCE_REQUIRED="A code_challenge with the method S256 is required.",
    ),
    **_rows("unsupported_response_type", 400, RESPONSE_TYPE_WRONG="Use the response type code."),
    **_rows("request_not_supported", 400, REQUEST_OBJECT="Request objects are not supported."),
    **_rows("request_uri_not_supported", 400, REQUEST_URI="A request_uri is not supported."),
    **_rows("registration_not_supported", 400, REGISTRATION="Registration is not supported."),
    **_rows("login_required", 400, LOGIN_REQUIRED="The person must sign in."),
    **_rows("access_denied", 400, PASSWORD_WRONG="The sign-in was not accepted."),
    **_rows("invalid_request", 405, METHOD_WRONG="The method is not allowed here."),
    **_rows("invalid_request", 415, MEDIA_TYPE_WRONG="Use application/x-www-form-urlencoded in UTF-8."),
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
    ),
    **_rows(
        "unauthorized_client",
        400,
        CLIENT_PUBLIC="A client without credentials may not use this grant.",
        GRANT_NOT_ALLOWED="This client may not use this grant.",
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
    ),
    **_rows(
        "invalid_scope",
        400,
        SCOPE_MALFORMED="The scope is not a list of scope tokens separated by single spaces.",
        SCOPE_NOT_ALLOWED="None of the requested scopes can be granted.",
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
        Reason.LIFETIME_TOO_LONG,
        Reason.CLIENT_MISMATCH,
        Reason.TENANT_WRONG,
        Reason.REPLAY,
        Reason.RESOURCE_CLAIM_WRONG,
        Reason.CONFIRMATION_UNSUPPORTED,
        Reason.IDENTITY_CLAIMS_MISSING,
        Reason.SUBJECT_CONFLICT,
        Reason.SAME_DOMAIN,
    ),
    **_same("access_denied", 400, _ACCOUNT_TEXT, Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_DISABLED),
    **_rows("invalid_dpop_proof", 400, DPOP_PROOF_INVALID="The DPoP proof was not accepted."),
    **_rows("temporarily_unavailable", 429, TOO_MANY_FAILURES="Too many failures. Try again later."),
    **_rows("temporarily_unavailable", 503, UNAVAILABLE="Try again later."),
    **_same("invalid_token", 401, _TOKEN_TEXT, Reason.TOKEN_MISSING, Reason.TOKEN_INVALID),
    **_rows("insufficient_scope", 403, SCOPE_INSUFFICIENT="The access token does not allow this."),
    **_rows("server_error", 500, FAULT="Something went wrong here."),
}

# Refusals of people we do not know yet: counted per source and minute instead of one event each.
BEFORE_AUTHENTICATION = frozenset(
    reason
    for reason, answer in ANSWERS.items()
    if answer.error == "invalid_client" or answer.status in (405, 408, 413, 415, 421, 429, 431)
) | {Reason.MALFORMED_FORM, Reason.DUPLICATE_HEADER, Reason.LENGTH_AMBIGUOUS}
BEFORE_AUTHENTICATION |= {Reason.SECRET_IN_QUERY, Reason.CLIENT_METHODS_SEVERAL}


def _printable(text: str) -> str:
    """Claims are quoted before they are checked: NUL breaks databases, CR and LF forge lines (case 198)."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


@dataclass(slots=True, eq=False)  # an exception that compares by value cannot be hashed
class Refused(Exception):
    """A request that will not be answered with a token.

    ``fact`` is for the audit log: short strings about what was expected and what came, never a secret;
    what cannot be printed is shown as "?".
    ``extra`` members are added to the error body (``acr_values``, ``max_age``).
    """

    reason: Reason
    fact: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str | int] = field(default_factory=dict)

    def __init__(self, reason: Reason, *, extra: dict[str, str | int] | None = None, **fact: object) -> None:
        Exception.__init__(self, reason.value)
        self.reason = reason
        self.fact = {name: _printable(str(value)[:200]) for name, value in fact.items() if value is not None}
        self.extra = extra or {}

    def __str__(self) -> str:
        return " ".join([self.reason.value, *(f"{name}={value}" for name, value in self.fact.items())])
