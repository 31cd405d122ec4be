"""Issuers, aliases, resources and redirect URIs: clean, or refused; never repaired."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from idjag.idp.catalog.addresses import Alias, Issuer, RedirectUri, ResourceUri


def takes(kind: Any, uri: str) -> bool:
    try:
        return bool(TypeAdapter(kind).validate_python(uri) == uri)
    except ValidationError:
        return False


@pytest.mark.parametrize(
    "uri",
    [
        "https://ras.example",
        "https://ras.example/",
        "https://RAS.example:8443/t/a",
        "http://127.0.0.1:8701",
        "http://[::1]:8701/",
        "http://localhost:8701",
    ],
)
def test_an_issuer_is_https_or_this_machine(uri: str) -> None:
    assert takes(Issuer, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://ras.example",
        "http://localhost.evil.example",
        "http://127.1",
        "http://2130706433",
        "https://ras.example/?a=b",
        "https://ras.example/#f",
        "https://user@ras.example/",
        "https://ras.example/\\evil",
        "https://ras.exam\tple/",
        " https://ras.example/",
        "https://*.example/",
        "https:///path",
        "ras.example",
        "urn:acme:chat",
        "",
        "https://ras.example:99999/",
        "https://bücher.example/",
        "javascript:alert(1)",
    ],
)
def test_anything_else_is_no_issuer(uri: str) -> None:
    assert not takes(Issuer, uri)


@pytest.mark.parametrize("uri", ["urn:acme:chat", "https://old.chat.example", "api://chat"])
def test_an_alias_is_any_absolute_uri(uri: str) -> None:
    assert takes(Alias, uri)
    assert not takes(Alias, uri + "#part")


@pytest.mark.parametrize("uri", ["https://api.example/", "https://api.example/v1?x=1", "urn:x:y"])
def test_a_resource_is_an_absolute_uri_without_fragment(uri: str) -> None:
    """XCH-22."""
    assert takes(ResourceUri, uri)
    assert not takes(ResourceUri, uri + "#x")
    assert not takes(ResourceUri, uri + "*")


@pytest.mark.parametrize(
    "uri",
    [
        "https://wiki.example/callback",
        "https://wiki.example/callback?x=1",
        "http://127.0.0.1:3000/callback",
        "http://[::1]/callback",
        "com.example.wiki:/callback",
    ],
)
def test_a_redirect_uri_is_https_or_loopback_or_an_apps_own_scheme(uri: str) -> None:
    assert takes(RedirectUri, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://wiki.example/callback",
        "http://localhost.evil.example/callback",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "wiki:/callback",
        "https://wiki.example/callback#f",
        "https://*.wiki.example/callback",
        "https://wiki.example/*",
        "https://user:pw@wiki.example/callback",
        "https://wiki.example\\@evil.example/",
        "https://wiki.example/a/../callback",
        "https://wiki.example/a/%2e%2E/callback",
        "https://wiki.example/a/..;/callback",
        "https://wiki.example/./callback",
        "/callback",
        "",
    ],
)
def test_anything_else_is_no_redirect_uri(uri: str) -> None:
    """Attack cases 136 to 138."""
    assert not takes(RedirectUri, uri)
