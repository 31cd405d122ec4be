"""Which redirection URIs an app may name: exact, but for the port of a native app's loopback address."""

from __future__ import annotations

import pytest

from idjag.idp.signin.redirects import allowed, source_expression, with_parameters

WEB = ("https://wiki.example/callback", "https://wiki.example/other?tenant=7")
NATIVE = ("http://127.0.0.1/cb", "http://[::1]:7000/cb", "http://localhost/cb", "com.example.desk:/cb")


@pytest.mark.parametrize("uri", WEB)
def test_a_registered_uri_is_allowed(uri: str) -> None:
    assert allowed(uri, registered=WEB, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "https://wiki.example/callback?x=1",
        "https://wiki.example/callback#x",
        "https://wiki.example/callback/",
        "https://wiki.example/callback/more",
        "https://wiki.example/..;/callback",
        "https://wiki.example/%2e/callback",
        "https://wiki.example/./callback",
        "https://wiki.example/Callback",
        "https://WIKI.example/callback",
        "HTTPS://wiki.example/callback",
        "https://wiki.example:443/callback",
        "https://wiki.example:8443/callback",
        "https://wiki.example@evil.example/callback",
        "https://evil.example@wiki.example/callback",
        "https://wiki.example\\@evil.example/callback",
        "https:\\\\wiki.example/callback",
        "https://wiki.example/callback\t",
        " https://wiki.example/callback",
        "https://wiki.example.evil.example/callback",
        "https://w\u0131ki.example/callback",
        "https://xn--wki-iua.example/callback",
        "http://wiki.example/callback",
        "//wiki.example/callback",
        "/callback",
        "https://wiki.example/other",
        "https://wiki.example/other?tenant=8",
        "",
    ],
)
def test_anything_but_a_registered_uri_is_refused(uri: str) -> None:
    """OIDC-02; attack case 136."""
    assert not allowed(uri, registered=WEB, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " data:text/html,x",
        "data:text/html,x",
        "http://wiki.example/cb",
    ],
)
def test_a_dangerous_uri_is_refused_even_when_it_is_registered(uri: str) -> None:
    """Attack cases 137, 138."""
    assert not allowed(uri, registered=(uri,), native=True)


@pytest.mark.parametrize("uri", NATIVE)
def test_a_native_app_may_use_what_it_registered(uri: str) -> None:
    assert allowed(uri, registered=NATIVE, native=True)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:51004/cb", "http://[::1]:51004/cb", "http://[::1]/cb", "http://localhost:1/cb"]
)
def test_a_native_app_may_name_another_port_of_its_loopback_address(uri: str) -> None:
    """OIDC-03."""
    assert allowed(uri, registered=NATIVE, native=True)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:51004/cb", "http://localhost:1/cb"])
def test_an_app_that_is_not_native_may_not(uri: str) -> None:
    assert not allowed(uri, registered=NATIVE, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004",
        "http://127.0.0.2:51004/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1.evil.example:51004/cb",
        "http://localhost.evil.example:51004/cb",
        "http://127.1:51004/cb",
        "https://127.0.0.1:51004/cb",
        "com.example.desk:51004/cb",
    ],
)
def test_only_the_port_may_differ(uri: str) -> None:
    """Attack case 138."""
    assert not allowed(uri, registered=NATIVE, native=True)


def test_the_answer_is_added_to_the_query_that_the_uri_has() -> None:
    """RFC 6749 section 4.1.2."""
    added = with_parameters("https://wiki.example/other?tenant=7", {"state": "a b&c=d/é"})
    assert added == "https://wiki.example/other?tenant=7&state=a%20b%26c%3Dd%2F%C3%A9"


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://wiki.example/callback", "https:"),
        ("http://[::1]:7000/cb", "http:"),
        ("com.example.desk:/cb", "com.example.desk:"),
        ("https://wiki.example;script-src/callback", "https:"),
    ],
)
def test_the_policy_of_our_form_names_the_scheme_and_nothing_that_an_app_chose(uri: str, source: str) -> None:
    assert source_expression(uri) == source
