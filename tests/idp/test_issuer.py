"""idjag.idp.settings.check_issuer: what may be an issuer, kept byte for byte."""

from __future__ import annotations

import pytest

from idjag.idp.settings import Settings, check_issuer, is_loopback

ENVIRON = {"HOME": "/home/op"}


@pytest.mark.parametrize(
    "issuer",
    [
        "idp.acme.example",
        "http://idp.acme.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "ftp://localhost",
        "HTTPS://idp.acme.example",
        "https://IDP.acme.example",
        "https://idp.acme.example?",
        "https://idp.acme.example?a=b",
        "https://idp.acme.example#",
        "https://idp.acme.example#top",
        "https://user@idp.acme.example",
        "https://user:s3cret@idp.acme.example",
        "https://idp.acme.example/a//b",
        "https://idp.acme.example/../b",
        "https://idp.acme.example/./b",
        "https://idp.acme.example/%61",
        "https://idp.acme.example/a b",
        "https://idp.acme.example\t.evil",
        "https://idp.acme.example\n",
        " https://idp.acme.example",
        "https://idp.acme.example\\@evil.example",
        "https://idp.acme.exämple",
        "https://",
        "https:///path",
        "https://idp..example",
        "https://-idp.example",
        "https://idp.acme.example:",
        "https://idp.acme.example:0",
        "https://idp.acme.example:65536",
        "https://idp.acme.example:x",
        "https://127.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://256.1.1.1",
        "https://[::1",
        "https://[127.0.0.1]",
        "https://[abc]",
    ],
)
def test_what_cannot_be_an_issuer_is_refused(issuer: str) -> None:
    """MET-02, RFC 8414 section 2: https, no query, no fragment; and nothing that URL parsers repair."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - three wordings
        check_issuer(issuer)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.acme.example",
        "https://idp.acme.example/",
        "https://idp.acme.example:8443",
        "https://idp.acme.example/t/one",
        "https://idp.acme.example/t/one/",
        "https://xn--bcher-kva.example",
        "https://10.0.0.1",
        "https://[2001:db8::1]:8443/x",
        "http://localhost:8700",
        "http://127.0.0.1:8700/",
        "http://127.8.0.1",
        "http://[::1]:8700",
    ],
)
def test_an_issuer_is_kept_byte_for_byte(issuer: str) -> None:
    assert check_issuer(issuer) == issuer
    settings = Settings.load({**ENVIRON, "IDJAG_ISSUER": issuer})
    assert settings.issuer == issuer
    assert settings.loopback == ("local" in issuer or "127." in issuer or "::1]:8700" in issuer)


def test_loopback_is_a_host_and_no_part_of_a_name() -> None:
    assert is_loopback("http://localhost:1/x")
    for other in ("http://localhost.example", "http://127.0.0.1.example", "http://x@10.0.0.1", "http://"):
        assert not is_loopback(other)
