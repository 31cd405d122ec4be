"""An app that is an address, from the sign-in to the access token: two processes, and its documents."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from idjag.demo.wiki import Wiki
from idjag.demo.wire import Answer, fetch
from idjag.protocol import names
from idjag.protocol.jose import PrivateKey, jws
from tests.processes.acme import Acme
from tests.trust.pages import Pages

KEY, OTHER = (PrivateKey.generate("ES256", kid=kid) for kid in ("app-1", "app-2"))


@dataclass(frozen=True, slots=True)
class DocumentWiki(Wiki):
    """The same app, which proves who it is by its key."""

    key: PrivateKey = field(default=KEY, repr=False)

    def _token(self, issuer: str, form: Mapping[str, str], credentials: tuple[str, str]) -> Answer:
        now, endpoint = int(time.time()), str(self._metadata(issuer)["token_endpoint"])
        me, jti = credentials[0], secrets.token_urlsafe(16)
        claims: dict[str, Any] = {"iss": me, "sub": me, "aud": issuer, "jti": jti}
        claims |= {"iat": now, "exp": now + 60}
        proof = jws.sign(claims, key=self.key, typ=names.CLIENT_AUTHENTICATION_TYP)
        by = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE, "client_assertion": proof}
        return fetch(endpoint, form={**form, **by})


@pytest.fixture
def pages() -> Iterator[Pages]:
    with Pages() as pages:
        yield pages


def published(acme: Acme, pages: Pages) -> Acme:
    """Wiki publishes a document, and both administrators approve its address in place of name and secret."""
    url, callback = pages.url("/wiki.json"), pages.url("/callback")
    pages.documents |= {
        "/wiki.json": {
            "client_id": url,
            "client_name": "Wiki",
            "redirect_uris": [callback],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": pages.url("/keys"),
            "grant_types": [names.AUTHORIZATION_CODE, names.TOKEN_EXCHANGE, names.JWT_BEARER],
            "authorization_grant_profiles_supported": [names.ID_JAG_PROFILE],
        },
        "/keys": {"keys": [KEY.public.to_dict()]},
    }
    document = "auth: {method: client_id_metadata_document}"
    change(
        acme,
        "acme.yaml",
        ('    redirect_uris: ["http://127.0.0.1:9/callback"]\n', f"    client_id: {url}\n"),
        ('auth: {method: client_secret, secret: "env:WIKI_SECRET"}', document),
        ("    client_id: wiki-at-chat\n", ""),
    )
    change(
        acme,
        "ras.yaml",
        ("client_id: wiki-at-chat", f"client_id: {url}"),
        ('auth: {method: client_secret, secret: "env:WIKI_CHAT_SECRET"}', document),
    )
    wiki = DocumentWiki(
        redirect_uri=callback,
        idp=acme.idp,
        client_id=url,
        chat_issuer=acme.chat,
        chat_api=f"{acme.chat}/api/",
        chat_client_id=url,
        secret="",
        chat_secret="",
    )
    return replace(acme, wiki=wiki)


def change(acme: Acme, name: str, *changes: tuple[str, str]) -> None:
    path = acme.folder / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_an_app_that_is_an_address_goes_the_whole_way(acme: Acme, pages: Pages) -> None:
    """CAU-10, CAU-13, JAG-09, MET-17: one URL at the authorize endpoint and at both token endpoints."""
    acme = published(acme, pages)
    applied = acme.command("apply", "-f", "acme.yaml")
    assert applied.code == 0, applied.err
    with acme.serve(), acme.serve_ras():
        for issuer in (acme.idp, acme.chat):
            metadata = fetch(f"{issuer}/.well-known/oauth-authorization-server").json()
            assert metadata["client_id_metadata_document_supported"] is True
        id_jag = acme.exchange(acme.sign_in())
        access_token = acme.redeem(id_jag)
        url = acme.wiki.client_id
        assert jws.parse(id_jag, max_bytes=16_384).claims["client_id"] == url
        assert jws.parse(access_token, max_bytes=16_384).claims["client_id"] == url
        # the IdP needed the document twice and the keys once, the RAS each once: nothing is fetched again
        assert sorted(pages.paths) == ["/keys", "/keys", "/wiki.json", "/wiki.json"]
        stranger = replace(acme.wiki, key=OTHER) if isinstance(acme.wiki, DocumentWiki) else acme.wiki
        assert stranger.redeem(id_jag).json()["error"] == "invalid_client"
        assert stranger.exchange("x").json()["error"] == "invalid_client"


def test_an_address_on_this_machine_is_refused_by_an_issuer_elsewhere(acme: Acme, pages: Pages) -> None:
    """CAU-11: said when the file is checked, by its line; the listener hears nothing."""
    acme = published(acme, pages)
    done = acme.command("check", "-f", "acme.yaml", IDJAG_ISSUER="https://idp.acme.example")
    assert done.code == 2
    assert "app wiki: its client_id is on a loopback address" in done.err
    assert pages.connections == 0
