"""The settings of client certificates reach what they are for: the doors, and what is advertised (CAU-08)."""

from __future__ import annotations

from pathlib import Path

from idjag.idp.app import serving
from idjag.idp.settings import Settings
from idjag.protocol import names
from tests.asgi_parts import Exchange, chunk

HOST = (b"host", b"idp.acme.example")
METADATA = "/.well-known/openid-configuration"
FORM = (b"content-type", b"application/x-www-form-urlencoded")


def settings(folder: Path, **more: str) -> Settings:
    environ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(folder), "HOME": str(folder)}
    return Settings.load({**environ, **more})


def test_a_deployment_with_certificates(tmp_path: Path) -> None:
    """CAU-08, MET-01, attack case 235: and one without advertises nothing and reads nothing."""
    tmp_path.chmod(0o700)
    named = {
        "IDJAG_TRUSTED_PROXIES": "10.0.0.1",
        "IDJAG_CLIENT_CERTIFICATE_HEADER": "Client-Cert",
        "IDJAG_MTLS_URL": "https://idp.acme.example:8443/",
    }
    for more, methods, twice in ((named, {*names.MUTUAL_TLS}, 400), ({}, set(), 401)):
        with serving(settings(tmp_path, **more)) as app:
            document = Exchange(method="GET", path=METADATA, headers=[HOST]).through(app).json
            advertised = {*document["token_endpoint_auth_methods_supported"]}
            assert advertised & {*names.MUTUAL_TLS} == methods
            aliases = document.get("mtls_endpoint_aliases", {})
            assert aliases.get("token_endpoint") == ("https://idp.acme.example:8443/token" if more else None)
            # the door of the endpoint, which knows the header or does not
            pair = (b"client-cert", b":AA==:")
            sent = Exchange(
                headers=[HOST, FORM, pair, pair], client=("10.0.0.1", 1), messages=[chunk(b"a=b")]
            )
            assert sent.through(app).status == twice
