"""Discovery of an issuer's metadata."""

from __future__ import annotations

from typing import Any

import pytest

from idjag.trust.fetch import Fetched, FetchFailed, OutboundAllow, PinnedFetcher
from idjag.trust.issuers import Metadata, discover, metadata_urls
from idjag.trust.memory import MemoryFetcher
from tests.trust.servers import Authority, Server, response

ISSUER = "https://idp.example"
INSERTED = "https://idp.example/.well-known/oauth-authorization-server"
APPENDED = "https://idp.example/.well-known/openid-configuration"
GOOD: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": "https://keys.example/jwks"}


def problem(document: Any, *, issuer: str = ISSUER) -> str:
    """Why a document at the first place is refused, the second place having none."""
    with pytest.raises(FetchFailed) as caught:
        discover(MemoryFetcher({INSERTED: document}), issuer)
    return caught.value.problem


def test_metadata_of_the_issuer_is_found() -> None:
    """The positive control: RFC 8414 section 3.3; keys may be on another host."""
    found = discover(MemoryFetcher({INSERTED: GOOD}), ISSUER)
    assert found == Metadata(ISSUER, "https://keys.example/jwks", GOOD)


def test_the_openid_form_is_tried_when_the_oauth_form_is_missing() -> None:
    """OpenID Connect Discovery section 4."""
    fetcher = MemoryFetcher({APPENDED: GOOD})
    assert discover(fetcher, ISSUER).jwks_uri == GOOD["jwks_uri"]
    assert fetcher.asked == [INSERTED, APPENDED]


def test_the_second_form_is_not_asked_when_the_first_answers() -> None:
    """One request is enough."""
    fetcher = MemoryFetcher({INSERTED: GOOD, APPENDED: GOOD})
    discover(fetcher, ISSUER)
    assert fetcher.asked == [INSERTED]


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://idp.example", (INSERTED, APPENDED)),
        ("https://idp.example/", (INSERTED, APPENDED)),
        (
            "https://idp.example:8443/t/acme",
            (
                "https://idp.example:8443/.well-known/oauth-authorization-server/t/acme",
                "https://idp.example:8443/t/acme/.well-known/openid-configuration",
            ),
        ),
        (
            "https://idp.example/t/acme/",
            (
                "https://idp.example/.well-known/oauth-authorization-server/t/acme",
                "https://idp.example/t/acme/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_the_places_follow_from_the_issuer(issuer: str, expected: tuple[str, str]) -> None:
    """MET-01: inserted before the path (RFC 8414 section 3.1), appended (OpenID); one slash removed."""
    assert metadata_urls(issuer) == expected


@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.example?x",
        "https://idp.example/#a",
        "https://u@idp.example",
        "ftp://idp.example",
        "idp",
        "",
    ],
)
def test_what_cannot_be_an_issuer_is_not_asked(issuer: str) -> None:
    """RFC 8414 section 2: https, no query, no fragment."""
    fetcher = MemoryFetcher({})
    with pytest.raises(FetchFailed):
        discover(fetcher, issuer)
    assert fetcher.asked == []


@pytest.mark.parametrize(
    "claimed",
    [
        "https://idp.example/",
        "https://IDP.example",
        "https://idp.example:443",
        "http://idp.example",
        "https://idp.example.evil.example",
        "https://other.example",
        "",
        None,
        1,
        [ISSUER],
    ],
)
def test_an_issuer_that_is_not_the_same_byte_for_byte_is_refused(claimed: Any) -> None:
    """CLI-01, RFC 8414 section 3.3, attack case 171: metadata speaks for its own issuer alone."""
    assert "issuer" in problem({**GOOD, "issuer": claimed})


def test_a_near_miss_of_the_issuer_is_said_to_the_operator() -> None:
    """A trailing slash is the usual mistake."""
    assert "differs only by a slash" in problem({**GOOD, "issuer": "https://idp.example/"})
    assert "differs only" not in problem({**GOOD, "issuer": "https://other.example"})


def test_an_issuer_with_a_trailing_slash_is_kept_as_it_is() -> None:
    """The slash is removed for the place, never for the comparison."""
    with_slash = {**GOOD, "issuer": "https://idp.example/"}
    assert discover(MemoryFetcher({INSERTED: with_slash}), "https://idp.example/").issuer == ISSUER + "/"
    assert "names the issuer" in problem(GOOD, issuer="https://idp.example/")


def test_a_hostile_issuer_value_cannot_break_the_log_line() -> None:
    """Attack case 198: one line, escaped, capped."""
    text = problem({**GOOD, "issuer": "x\r\nFAKE \x1b[31m\u2028" + "y" * 5000})
    assert text.isprintable()
    assert len(text) < 700


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "ftp://keys.example/",
        "https://u:p@keys.example/",
        "https://keys.example/#a",
        "/jwks",
        "",
        1,
        ["x"],
        {},
    ],
)
def test_a_jwks_uri_that_could_not_be_fetched_is_refused(jwks_uri: Any) -> None:
    """Attack case 176: the same rules for an address out of a document."""
    assert "jwks_uri" in problem({**GOOD, "jwks_uri": jwks_uri})


def test_metadata_without_keys_is_metadata() -> None:
    """A server that issues opaque tokens publishes none."""
    assert discover(MemoryFetcher({INSERTED: {"issuer": ISSUER}}), ISSUER).jwks_uri is None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"[]", id="array"),
        pytest.param(
            b'{"issuer":"https://idp.example","issuer":"https://idp.example"}', id="repeated member"
        ),
        pytest.param(b'{"issuer":"https://idp.example"}' + b" " * 70_000, id="too long"),
        pytest.param(b'{"issuer":"https://idp.example","x":' + b"[" * 99 + b"]" * 99 + b"}", id="too deep"),
        pytest.param(b'\xef\xbb\xbf{"issuer":"https://idp.example"}', id="byte order mark"),
        pytest.param(b'{"issuer":"https://idp.example","x":NaN}', id="NaN"),
        pytest.param(b'{"issuer":"https://idp.example","x":"\xff"}', id="not UTF-8"),
    ],
)
def test_a_document_that_is_not_strict_json_is_refused(document: bytes) -> None:
    """Attack case 179; the plain form of the same document is accepted above."""
    assert INSERTED in problem(document)


@pytest.mark.parametrize("media_type", ["text/html", "text/plain", "", "application/jwk-set+json"])
def test_metadata_of_another_media_type_is_refused(media_type: str) -> None:
    """RFC 8414 section 3.2; attack case 179, wrong Content-Type."""
    body = b'{"issuer":"https://idp.example"}'
    good = Fetched(200, body, {"content-type": "Application/JSON; charset=utf-8"})
    assert discover(MemoryFetcher({INSERTED: good}), ISSUER).issuer == ISSUER
    assert "application/json" in problem(Fetched(200, body, {"content-type": media_type}))


def test_both_problems_are_told() -> None:
    """The operator sees what was tried and what came."""
    with pytest.raises(FetchFailed) as caught:
        discover(MemoryFetcher({}), ISSUER)
    assert caught.value.problem == f"metadata of {ISSUER}: {INSERTED}: 404; {APPENDED}: 404"


def test_discovery_works_over_real_tls(authority: Authority) -> None:
    """The same through the real fetcher."""
    with Server(lambda wire: wire.sendall(answer), tls=authority.context("localhost")) as server:
        issuer = f"https://localhost:{server.port}/t/acme"
        answer = response(f'{{"issuer":"{issuer}","jwks_uri":"{issuer}/jwks"}}'.encode())
        fetcher = PinnedFetcher(OutboundAllow(loopback=True), authority.ca_file)
        assert discover(fetcher, issuer).jwks_uri == f"{issuer}/jwks"
        assert server.requests[0].startswith(b"GET /.well-known/oauth-authorization-server/t/acme HTTP/1.1")
