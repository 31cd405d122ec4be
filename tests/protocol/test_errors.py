"""The one table of refusals, row by row as the contract has it, and what a refusal keeps to itself."""

from __future__ import annotations

import ast
import inspect
import re
import traceback
from collections import Counter
from typing import Any

import pytest

from idjag.protocol import errors
from idjag.protocol.errors import ANSWERS, BEFORE_AUTHENTICATION, Answer, Reason, Refused
from idjag.protocol.http import refusal_reply

# Contract section 7. A new Reason is added to its row here, beside its row in ANSWERS.
TABLE: list[tuple[str, int, str]] = [
    (
        "invalid_request",
        400,
        "malformed_form duplicate_parameter parameter_missing parameter_wrong duplicate_header"
        " length_ambiguous secret_in_query client_methods_several not_built pkce_required malformed_json"
        " pushed_request_required",
    ),
    ("invalid_request", 202, "receipt_not_taken"),
    ("unsupported_grant_type", 400, "grant_type_unknown"),
    (
        "invalid_client",
        401,
        "client_unknown client_disabled client_credentials_missing client_credentials_malformed"
        " client_secret_wrong client_method_wrong client_assertion_invalid client_assertion_type"
        " client_assertion_aud client_assertion_expired client_assertion_replay client_keys_unavailable"
        " client_metadata_unavailable client_certificate_missing client_certificate_malformed"
        " client_certificate_unverified client_certificate_expired client_certificate_wrong",
    ),
    ("unauthorized_client", 400, "client_public grant_not_allowed token_foreign"),
    (
        "invalid_grant",
        400,
        "subject_token_invalid subject_token_type subject_token_issuer subject_token_audience"
        " subject_token_expired subject_token_not_yet subject_unknown session_ended person_disabled",
    ),
    (
        "invalid_grant",
        400,
        "assertion_invalid assertion_type issuer_not_trusted signature_invalid keys_unavailable"
        " audience_wrong claim_wrong expired not_yet_valid lifetime_too_long client_mismatch tenant_wrong"
        " replay resource_claim_wrong confirmation_unsupported confirmation_missing confirmation_mismatch"
        " confirmation_required identity_claims_missing subject_conflict"
        " same_domain grant_too_old",
    ),
    (
        "invalid_grant",
        400,
        "refresh_token_unknown refresh_token_client_mismatch refresh_token_replayed refresh_token_revoked"
        " refresh_token_expired refresh_token_key offline_access_withdrawn",
    ),
    (
        "invalid_grant",
        400,
        "code_unknown code_expired code_replayed code_client_mismatch redirect_uri_mismatch pkce_wrong"
        " code_key",
    ),
    (
        "invalid_target",
        400,
        "audience_unknown audience_ambiguous audience_several audience_self resource_app_disabled"
        " resource_malformed resource_not_governed resource_required resource_not_allowed",
    ),
    (
        "access_denied",
        400,
        "held app_disabled not_assigned not_assigned_sso no_connection connection_not_active"
        " connection_expired profile_mismatch no_client_id_mapping guardrail no_rule condition_unmet"
        " claim_reserved claims_too_large"
        " account_unknown account_disabled password_wrong sign_in_locked step_over link_dead no_address"
        " factor_wrong factor_replayed factor_expired factor_unknown factor_ended factor_known"
        " factor_too_many"
        " factor_last factor_changed passkey_invalid passkey_counter passkeys_unavailable",
    ),
    ("invalid_scope", 400, "scope_malformed scope_not_allowed scope_widened"),
    ("invalid_authorization_details", 400, "authorization_details"),
    ("insufficient_user_authentication", 400, "step_up"),
    ("invalid_dpop_proof", 400, "dpop_proof_invalid"),
    ("use_dpop_nonce", 400, "use_dpop_nonce"),
    ("temporarily_unavailable", 429, "too_many_failures"),
    ("temporarily_unavailable", 503, "unavailable"),
    ("invalid_token", 401, "token_missing token_invalid token_unknown token_expired token_revoked"),
    ("unsupported_token_type", 400, "token_type_unsupported"),
    ("access_denied", 403, "subject_foreign"),
    ("invalid_request", 404, "subject_not_found"),
    ("insufficient_scope", 403, "scope_insufficient"),
    ("invalid_request", 405, "method_wrong"),
    ("invalid_request", 408, "body_too_slow"),
    ("invalid_request", 413, "too_large"),
    ("invalid_request", 415, "media_type_wrong media_type_not_json"),
    ("invalid_request", 421, "host_unknown"),
    ("invalid_request", 431, "headers_too_large"),
    ("server_error", 500, "fault"),
    # the authorization endpoint: RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6
    ("unsupported_response_type", 400, "response_type_wrong"),
    ("request_not_supported", 400, "request_object"),
    ("request_uri_not_supported", 400, "request_uri"),
    ("invalid_request_uri", 400, "request_uri_unknown request_uri_used"),
    ("registration_not_supported", 400, "registration"),
    ("login_required", 400, "login_required"),
    ("unmet_authentication_requirements", 400, "acr_unmet"),
]
ROWS = [
    pytest.param(Reason(reason), error, status, id=reason)
    for error, status, reasons in TABLE
    for reason in reasons.split()
]

# Those of one group are told in one wording: which check failed is for the audit log alone.
ONE_WORDING = [
    pytest.param("client_", "invalid_client", id="client authentication"),
    pytest.param("subject_token_ subject_unknown session_ended person_disabled", "invalid_grant", id="token"),
    pytest.param("code_ redirect_uri_mismatch pkce_wrong", "invalid_grant", id="code"),
    pytest.param(
        "assertion_ issuer_not signature_ keys_ audience_wrong claim_wrong expired not_yet lifetime_ "
        "client_mismatch tenant_ replay resource_claim confirmation_ identity_ subject_conflict same_domain "
        "grant_too",
        "invalid_grant",
        id="assertion",
    ),
    pytest.param("account_", "access_denied", id="person at the RAS"),
    pytest.param(
        "held app_disabled not_assigned no_connection connection_ profile_ no_client_id guardrail no_rule "
        "condition_ claim_reserved claims_too",
        "access_denied",
        id="policy",
    ),
    pytest.param(
        "audience_unknown audience_ambiguous audience_self resource_app_disabled",
        "invalid_target",
        id="audience",
    ),
    pytest.param("token_missing token_invalid", "invalid_token", id="access token"),
]


@pytest.mark.parametrize(("reason", "error", "status"), ROWS)
def test_the_table_of_the_contract_row_by_row(reason: Reason, error: str, status: int) -> None:
    """Contract section 7; XCH-10, 20, 22, 28, 51, 52, 58, RAS-02, RAS-05, RAS-22, RAS-44, A-03, A-23."""
    answer = ANSWERS[reason]
    assert (answer.error, answer.status) == (error, status)


def test_every_reason_stands_in_one_row_of_the_contract_s_table() -> None:
    listed = Counter(reason for _, _, reasons in TABLE for reason in reasons.split())
    assert [reason.value for reason in Reason if listed[reason.value] != 1] == []
    assert listed.total() == len(Reason)


def test_every_reason_has_one_answer_and_none_is_written_twice() -> None:
    """Of two rows in a dict the later wins in silence, so the source is counted."""
    assert ANSWERS.keys() == set(Reason)
    tree = ast.parse(inspect.getsource(errors))
    [table] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "ANSWERS"
    ]
    assert table is not None
    written = Counter[str](
        node.attr if isinstance(node, ast.Attribute) else str(node.arg)
        for node in ast.walk(table)
        if isinstance(node, ast.Attribute | ast.keyword)
    )
    assert written == dict.fromkeys(Reason.__members__, 1)


@pytest.mark.parametrize("reason", Reason)
def test_what_strangers_read_is_of_the_alphabet_that_oauth_allows(reason: Reason) -> None:
    """XCH-64, RFC 6749 section 5.2, and it stays so when the decision id follows."""
    answer = ANSWERS[reason]
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", f"{answer.text} (ref 0aZ-_)")
    assert re.fullmatch(r"[a-z_]+", answer.error)
    assert answer.text.endswith(".")
    assert "_" not in answer.text.replace("code_challenge", "").replace("request_uri", "")


def test_the_alphabet_is_narrower_than_ascii() -> None:
    """Positive control of the test above: quotes, backslashes and line ends are not in it."""
    assert not any(re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]", c) for c in '"\\\r\n\t\x7fé')


@pytest.mark.parametrize(("prefixes", "error"), ONE_WORDING)
def test_those_of_one_group_are_told_the_same(prefixes: str, error: str) -> None:
    """RAS-42, XCH-17, contract section 7 (one text); attack cases 35, 37, 104, 154."""
    group = [
        reason
        for reason in Reason
        if reason.value.startswith(tuple(prefixes.split())) and ANSWERS[reason].error == error
    ]
    assert len(group) > 1
    assert len({ANSWERS[reason] for reason in group}) == 1


def test_an_unknown_client_and_a_wrong_secret_get_the_same_bytes() -> None:
    """Attack case 35; the decision id is all that differs between two answers."""
    unknown, wrong, malformed = (
        refusal_reply(Refused(reason, got="secret"), decision_id="ref", challenge="Basic")
        for reason in (
            Reason.CLIENT_UNKNOWN,
            Reason.CLIENT_SECRET_WRONG,
            Reason.PARAMETER_WRONG,
        )
    )
    assert unknown == wrong != malformed


def test_refusals_of_strangers_are_those_that_need_no_client() -> None:
    """Contract section 9: counted, so that strangers cannot fill the log."""
    for reason in (
        Reason.CLIENT_UNKNOWN,
        Reason.CLIENT_SECRET_WRONG,
        Reason.CLIENT_ASSERTION_REPLAY,
        Reason.METHOD_WRONG,
        Reason.MEDIA_TYPE_WRONG,
        Reason.TOO_LARGE,
        Reason.HEADERS_TOO_LARGE,
        Reason.BODY_TOO_SLOW,
        Reason.HOST_UNKNOWN,
        Reason.TOO_MANY_FAILURES,
        Reason.MALFORMED_FORM,
        Reason.DUPLICATE_HEADER,
        Reason.LENGTH_AMBIGUOUS,
        Reason.SECRET_IN_QUERY,
        Reason.CLIENT_METHODS_SEVERAL,
    ):
        assert reason in BEFORE_AUTHENTICATION
    told = {ANSWERS[reason].error for reason in BEFORE_AUTHENTICATION}
    assert told == {"invalid_request", "invalid_client", "temporarily_unavailable"}
    assert Reason.PARAMETER_MISSING not in BEFORE_AUTHENTICATION
    assert Reason.UNAVAILABLE not in BEFORE_AUTHENTICATION


def test_a_refusal_keeps_its_facts_as_short_text() -> None:
    refused = Refused(Reason.EXPIRED, exp=1, now=2.5, got="x" * 300, absent=None, client="wiki")
    assert refused.fact == {"exp": "1", "now": "2.5", "got": "x" * 200, "client": "wiki"}
    assert str(refused) == f"expired exp=1 now=2.5 got={'x' * 200} client=wiki"
    assert (refused.args, refused.extra) == (("expired",), {})


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ("Zoë \U0001f600 a=b", "Zoë \U0001f600 a=b"),
        ("a\x00b", "a?b"),
        ("a\r\nlevel=info", "a??level=info"),
        ("\x1b[31mred", "?[31mred"),
        ("\u202egpj.exe\u2028", "?gpj.exe?"),
        ("\ud800", "?"),
        (["\n"], "['\\n']"),
    ],
)
def test_what_cannot_be_printed_does_not_get_into_the_record(came: Any, kept: str) -> None:
    """Attack case 198: ``aud`` is quoted before it is checked, and it may hold NUL."""
    assert Refused(Reason.AUDIENCE_WRONG, got=came).fact == {"got": kept}


def test_a_refusal_without_facts_says_its_reason() -> None:
    refused = Refused(Reason.REPLAY)
    assert (str(refused), refused.fact) == ("replay", {})


def test_a_refusal_is_an_exception_like_any_other() -> None:
    """It is hashed by whatever groups, traces or counts exceptions; two refusals are two."""
    first, second = Refused(Reason.REPLAY), Refused(Reason.REPLAY)
    assert len({first, second, first}) == 2
    with pytest.raises(Refused) as caught:
        raise first
    assert "replay" in "".join(traceback.format_exception(caught.value))


def test_an_answer_is_a_value() -> None:
    assert Answer("invalid_grant", 400, "x") == Answer("invalid_grant", 400, "x")
    assert len({Answer("invalid_grant", 400, "x"), Answer("invalid_grant", 400, "x")}) == 1
