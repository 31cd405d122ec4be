"""Which pages may call the token endpoint from a browser."""

from __future__ import annotations

import asyncio

import pytest

from idjag.idp.cors import ForSinglePageApps
from idjag.protocol.http import Reply, TokenRequest
from tests.idp.grants.acme import Acme, acme, app, state

SPA = app("board", kind="spa", auth={"method": "none"}, grants=["authorization_code"])
BOARD = "https://board.example"


def ask(idp: Acme, method: str, origin: str | None) -> Reply:
    """One request with an origin."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    endpoint = ForSinglePageApps(idp.services, idp.endpoint)
    return asyncio.run(endpoint(TokenRequest(method, b"", tuple(headers), b"grant_type=x", "192.0.2.1")))


def allowed(reply: Reply) -> str | None:
    """The origin that may read the answer."""
    headers = dict(reply.headers)
    assert b"access-control-allow-credentials" not in headers
    return (
        headers[b"access-control-allow-origin"].decode()
        if b"access-control-allow-origin" in headers
        else None
    )


def test_the_page_of_a_single_page_app_may_call_the_token_endpoint() -> None:
    """Interop fact 10; attack case 190."""
    with acme(state(apps=[app("wiki"), app("notes"), SPA])) as idp:
        preflight, post = ask(idp, "OPTIONS", BOARD), ask(idp, "POST", BOARD)

        assert (preflight.status, allowed(preflight), allowed(post)) == (204, BOARD, BOARD)
        assert dict(post.headers)[b"vary"] == b"Origin"
        assert post.status == 401


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://wiki.example",
        "https://board.example.evil",
        "http://board.example",
        BOARD + ":444",
        "*",
    ],
)
def test_no_other_page_may(origin: str | None) -> None:
    """Attack case 190: Origin null and look-alikes; an app that is no single-page app."""
    with acme(state(apps=[app("wiki"), app("notes"), SPA])) as idp:
        preflight = ask(idp, "OPTIONS", origin)

        assert (preflight.status, allowed(preflight), allowed(ask(idp, "POST", origin))) == (405, None, None)
        assert allowed(ask(idp, "POST", BOARD)) == BOARD


def test_the_pages_of_an_app_with_a_document_are_where_the_administrator_let_them_be() -> None:
    """The origin of its address, or of the approved redirect URIs; the document itself adds none."""
    document = {"kind": "spa", "auth": {"method": "client_id_metadata_document"}, "redirect_uris": []}
    there = app(
        "there", **document, client_id="https://there.example/app.json", grants=["authorization_code"]
    )
    listed = {"client_id": "https://not.example/app.json", "redirect_uris": [f"{BOARD}/cb"]}
    here = app("here", **{**document, **listed}, grants=["authorization_code"])
    with acme(state(apps=[app("wiki"), there, here])) as idp:
        origins = (BOARD, "https://there.example", "https://not.example")
        assert [allowed(ask(idp, "POST", origin)) for origin in origins] == [*origins[:2], None]
