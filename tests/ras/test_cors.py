"""Which pages may call the token endpoint of the RAS from a browser (attack case 190)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idjag.protocol import names
from idjag.ras import Registration, Reply, TokenRequest
from idjag.ras.config import load
from idjag.ras.standalone import standalone
from idjag.yaml_file import FileError
from tests.ras.world import IDP, World, client, config, grant, request

BOARD = "https://board.example"
PUBLIC = Registration("board", names.NO_AUTHENTICATION)


def world(**changes: Any) -> World:
    page = client("board", registration=PUBLIC, origins=frozenset({BOARD, "http://127.0.0.1:3000"}))
    return World(config=config(clients=(client(), page), **changes))


def ask(site: World, method: str, *origins: str) -> Reply:
    """One request of a page."""
    usual = request({"assertion": grant()})
    headers = (*usual.headers, *((b"origin", each.encode("latin-1")) for each in origins))
    return site.ras.token(replace(usual, method=method, headers=headers))


def allowed(reply: Reply) -> str | None:
    """The origin that may read the answer."""
    headers = dict(reply.headers)
    assert b"access-control-allow-credentials" not in headers
    origin = headers.get(b"access-control-allow-origin")
    return None if origin is None else origin.decode()


@pytest.mark.parametrize("origin", [BOARD, "http://127.0.0.1:3000"])
def test_the_page_of_a_public_client_may_call_the_token_endpoint(origin: str) -> None:
    """Interop fact 10; attack case 190: it reads refusals too, and the nonce of its next proof."""
    site = world()
    preflight, post = ask(site, "OPTIONS", origin), ask(site, "POST", origin)
    assert (preflight.status, allowed(preflight), preflight.body) == (204, origin, b"")
    assert dict(preflight.headers)[b"access-control-allow-headers"] == b"content-type, dpop"
    assert (post.status, allowed(post)) == (200, origin)
    assert dict(post.headers)[b"vary"] == b"Origin"
    assert b"dpop-nonce" in dict(post.headers)[b"access-control-expose-headers"]
    assert len(site.store.events) == 1


@pytest.mark.parametrize(
    "origins",
    [
        pytest.param((), id="no page"),
        pytest.param(("null",), id="null"),
        pytest.param(("*",), id="any"),
        pytest.param((BOARD + ".evil",), id="a longer name"),
        pytest.param(("http://board.example",), id="no TLS"),
        pytest.param((BOARD + ":444",), id="another port"),
        pytest.param(("https://BOARD.example",), id="another case"),
        pytest.param((BOARD, BOARD), id="twice"),
        pytest.param((BOARD, "https://evil.example"), id="with another"),
        pytest.param(("https://bo\xe4rd.example",), id="beyond ASCII"),
    ],
)
def test_no_other_page_may(origins: tuple[str, ...]) -> None:
    """Attack case 190; positive control above."""
    site = world()
    preflight = ask(site, "OPTIONS", *origins)
    assert (preflight.status, allowed(preflight), allowed(ask(site, "POST", *origins))) == (405, None, None)


def test_without_clients_in_browsers_there_is_no_cors() -> None:
    assert allowed(ask(World(), "OPTIONS", BOARD)) is None
    assert world().config.origins == {BOARD, "http://127.0.0.1:3000"}


def test_no_other_endpoint_opens_to_pages() -> None:
    """Attack case 190: introspection and revocation are for servers."""
    asked = TokenRequest("OPTIONS", headers=((b"origin", BOARD.encode()),), source="192.0.2.1")
    for endpoint in world().ras.endpoints:
        assert allowed(world().ras.serve(endpoint, asked)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null", "*", "board.example", "https://", "https://board.example/", "https://board.example:443",
        "https://Board.example", "https://u@board.example", "http://board.example", "ftp://board.example",
        "https://board.example?x", "https://board.example#x", "https://board.example:99999", "https://bö.example",
    ],
)  # fmt: skip
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        client("board", registration=PUBLIC, origins=frozenset({origin}))


def test_origins_are_for_clients_without_a_secret() -> None:
    """A page cannot keep one: whoever reads it would have it."""
    with pytest.raises(ValueError, match="no secret to keep"):
        client(origins=frozenset({BOARD}))
    by_document = Registration("https://board.example/client", names.CLIENT_ID_METADATA_DOCUMENT)
    made = client("https://board.example/client", registration=by_document, origins=frozenset({BOARD}))
    assert made.origins == {BOARD}


def ras_yaml(tmp_path: Path, auth: str) -> Path:
    path = tmp_path / "ras.yaml"
    path.write_text(
        f"""
issuer: http://127.0.0.1:8800/
trusted_issuers: [{{issuer: "{IDP}"}}]
clients:
  - client_id: board
    auth: {auth}
    scopes: [a]
    issuers: ["{IDP}"]
    origins: ["{BOARD}"]
resources: [{{uri: "https://api.example/", scopes: [a]}}]
""",
        encoding="utf-8",
    )
    return path


def test_ras_yaml_says_where_pages_are(tmp_path: Path) -> None:
    assert load(ras_yaml(tmp_path, "{method: none}"), {}).config.origins == {BOARD}
    with pytest.raises(FileError, match="no secret to keep"):
        load(ras_yaml(tmp_path, '{secret: "a-literal-secret-on-loopback"}'), {})


def test_the_endpoint_of_the_program_answers_a_preflight() -> None:
    """Through the door that a browser knocks at."""
    site = world()
    sent: list[Any] = []
    scope = {
        "type": "http",
        "method": "OPTIONS",
        "path": "/token",
        "query_string": b"",
        "headers": [(b"host", b"acme.chat.example"), (b"origin", BOARD.encode())],
        "client": ("192.0.2.1", 1),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def knock() -> None:
        await standalone(site.ras)(scope, receive, send)

    asyncio.run(knock())
    assert sent[0]["status"] == 204
    assert (b"access-control-allow-origin", BOARD.encode()) in list(sent[0]["headers"])
