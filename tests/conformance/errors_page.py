"""docs/errors.md: every answer that refuses, from the one table, with a word to whoever writes a client."""

from __future__ import annotations

from itertools import groupby

from idjag.protocol.errors import ANSWERS, Answer, Reason

__all__ = ["ADVICE", "page"]

_INTRODUCTION = """\
# Errors

Made by `make docs` from `idjag.protocol.errors.ANSWERS`; a test fails when this page is not current. IdP and
RAS answer from the same table.

A refusal by a token endpoint is JSON: `error`, `error_description`, and `decision_id`, which also stands in
the header `X-Decision-Id` and at the end of the description as `(ref ...)`. Branch on `error` and on the
status alone; the texts may change. An administrator finds the true reason, the first column below, in the
audit log under the decision id; clients never see it, and several reasons share one text on purpose.

The authorization endpoint sends the same `error` and `error_description` to the app's redirection URI with a
303, whatever status stands here, and shows a page instead while the app or its redirection URI is not proven.

Where we differ: RFC 8693 section 2.2.2 wants `invalid_request` for a subject token that is not accepted. The
ID-JAG draft answers `invalid_grant`, and so do we: a client can then tell a request to repair from a token to
renew.
"""

ADVICE = {
    "access_denied": (
        "Do not retry: the request is understood, and an administrator's decision stands against it. Show the"
        " person the text with its ref, and ask the administrator."
    ),
    "insufficient_scope": (
        "Do not retry with the same token: get one with the scopes named in `WWW-Authenticate`; if they are"
        " not granted, ask the administrator."
    ),
    "insufficient_user_authentication": (
        "Send the person to sign in again with the `acr_values` and `max_age` of the answer, then retry once"
        " with the new ID token."
    ),
    "invalid_authorization_details": "Fix the request: leave `authorization_details` out.",
    "invalid_client": (
        "Do not retry: fix the client id, the secret or the assertion, and use the method that is registered;"
        " if they are right, ask the administrator whether the client is disabled."
    ),
    "invalid_dpop_proof": (
        "Retry once with a new proof: for this method and this URL, of now, with a `jti` of its own, in one"
        " header, and at an API with `ath` of the access token."
    ),
    "invalid_grant": (
        "Retry once with fresh material: a new code, a new ID token, or a new ID-JAG, never the same one; if"
        " that fails too, let the person sign in again, then ask the administrator."
    ),
    "invalid_request": "Fix the request: the text says what is wrong; a retry without a change fails.",
    "invalid_request_uri": (
        "Push the authorization request again and use the new `request_uri` at once: it works once, for a"
        " minute and a half, and for the client that pushed it."
    ),
    "invalid_scope": (
        "Fix the request: ask for other scopes, or for none to get the default ones; for more, ask the"
        " administrator."
    ),
    "invalid_target": (
        "Fix the request: check `audience` and `resource` byte for byte against what the administrator gave"
        " you; if they are right, ask the administrator."
    ),
    "invalid_token": "Retry once with a new access token.",
    "login_required": "Retry without `prompt=none`, so that the person can sign in.",
    "registration_not_supported": "Fix the request: leave `registration` out.",
    "request_not_supported": "Fix the request: send plain parameters instead of `request`.",
    "request_uri_not_supported": "Fix the request: send plain parameters instead of `request_uri`.",
    "server_error": "Retry later; if it stays, give the ref to the administrator.",
    "temporarily_unavailable": (
        "Retry after the seconds in `Retry-After`, with a new client assertion if you send one; nothing was"
        " issued."
    ),
    "unauthorized_client": (
        "Do not retry: the client may not use this grant; ask the administrator to allow it, or to give a"
        " public client credentials."
    ),
    "unmet_authentication_requirements": (
        "Do not retry: the person has no way to sign in as the app demands; ask for less, or let the person"
        " add a factor first."
    ),
    "unsupported_grant_type": "Fix the request: use a `grant_type` that the metadata lists.",
    "unsupported_response_type": "Fix the request: use `response_type=code`.",
    "unsupported_token_type": "Do not retry: tokens of this kind cannot be used or revoked here.",
    "use_dpop_nonce": "Retry once with a new proof that carries the `nonce` of the answer's `DPoP-Nonce`.",
}


def page() -> str:
    """The text of docs/errors.md."""
    rows = sorted(ANSWERS.items(), key=lambda row: (row[1].error, row[1].status, row[0].value))
    groups = groupby(rows, key=lambda row: row[1].error)
    return "\n".join([_INTRODUCTION, *(_section(error, list(group)) for error, group in groups)])


def _section(error: str, rows: list[tuple[Reason, Answer]]) -> str:
    table = [f"| `{reason.value}` | {answer.status} | {answer.text} |" for reason, answer in rows]
    return "\n".join(
        [
            f"## {error}",
            "",
            ADVICE[error],
            "",
            "| reason | status | text |",
            "| --- | ---: | --- |",
            *table,
            "",
        ]
    )
