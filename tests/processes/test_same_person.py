"""One person at a SaaS, by sign-in and by ID-JAG: the IdP is a process, the SaaS embeds the library."""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from idjag import cli
from idjag.demo.wiki import Wiki
from idjag.demo.wire import Browser, fetch
from idjag.protocol import names
from idjag.protocol.jose import KeySet, jws
from idjag.ras import (
    Client,
    Identity,
    JwtSigner,
    MemoryStore,
    NoKeys,
    PrivateKey,
    Ras,
    RasConfig,
    Resource,
    SubjectRules,
    TrustedIssuer,
)
from tests.processes.program import Secrets, free_port, started

SAAS = ("chat", "desk")
_CALLBACK = "http://127.0.0.1:9/{}/callback"


@dataclass(frozen=True)
class Idp:
    """Acme's, which knows a relying party and a resource app of each SaaS: chat's subs are public."""

    issuer: str
    secrets: Mapping[str, str] = field(repr=False)
    keys: KeySet

    def app(self, client_id: str, saas: str) -> Wiki:
        """An app of Acme's, as it asks for a grant for a SaaS."""
        return Wiki(
            redirect_uri=_CALLBACK.format(client_id),
            idp=self.issuer,
            client_id=client_id,
            chat_issuer=f"https://{saas}.example/",
            chat_api=f"https://{saas}.example/api",
            chat_client_id=f"wiki-at-{saas}",
            secret=self.secrets[client_id],
            chat_secret="",
        )

    def sign_in(self, client_id: str) -> str:
        """Alice's ID token for this app, through a browser of its own."""
        app, browser = self.app(client_id, "chat"), Browser()
        pending = app.begin()
        url, page = browser.get(pending.url)
        typed = {"username": "alice", "password": self.secrets["alice"]}
        url, _ = browser.submit(url, page, typed=typed, until=app.redirect_uri)
        answer = app.finish(pending, url)
        assert answer.status == 200, answer.body
        return str(answer.json()["id_token"])

    def id_jag(self, saas: str) -> str:
        """What Wiki gets for Alice."""
        answer = self.app("wiki", saas).exchange(self.sign_in("wiki"))
        assert answer.status == 200, answer.body
        return str(answer.json()["access_token"])

    def claims(self, token: str) -> Mapping[str, Any]:
        """Verified."""
        return jws.verify(token, keys=self.keys, algorithms=names.ASYMMETRIC)


def _state(known: Mapping[str, str]) -> dict[str, Any]:
    """``desk`` gets pairwise subs, ``chat`` the public one; nothing but the sub says who Alice is."""
    apps: dict[str, Any] = {"wiki": {"grants": ["authorization_code", "token_exchange"]}}
    apps |= {"chat": {}, "desk": {"subject_type": "pairwise"}}
    password, groups = known["alice"], ["engineering"]
    return {
        "version": 1,
        "groups": [{"name": "engineering"}],
        "users": [{"username": "alice", "password": password, "groups": groups}],
        "apps": [{**_app(name, known[name]), **changes} for name, changes in apps.items()],
        "resource_apps": [_resource_app(saas) for saas in SAAS],
        "connections": [_connection(saas) for saas in SAAS],
    }


def _app(client_id: str, secret: str) -> dict[str, Any]:
    return {
        "id": client_id,
        "redirect_uris": [_CALLBACK.format(client_id)],
        "auth": {"method": "client_secret", "secret": secret},
        "grants": ["authorization_code"],
        "scopes": ["openid", "profile", "email"],
        "assigned": {"everyone": True},
    }


def _resource_app(saas: str) -> dict[str, Any]:
    resource = {"uri": f"https://{saas}.example/api", "scopes": ["chat.read"]}
    return {
        "id": f"{saas}-api",
        "issuer": f"https://{saas}.example/",
        "sso_app": saas,
        "resources": [resource],
    }


def _connection(saas: str) -> dict[str, Any]:
    return {
        "id": f"wiki-{saas}",
        "from": "wiki",
        "to": f"{saas}-api",
        "client_id": f"wiki-at-{saas}",
        "status": "active",
        "owner": "it@acme.example",
        "reason": "one person, one account",
        "rules": [{"id": "read", "who": {"groups": ["engineering"]}, "scopes": ["chat.read"]}],
    }


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Idp]:
    """`idjag serve`, while the tests of this module run."""
    folder = tmp_path_factory.mktemp("same")
    folder.chmod(0o700)
    known = {name: secrets.token_urlsafe(24) for name in ("alice", "wiki", *SAAS)}
    issuer = f"http://127.0.0.1:{free_port()}"
    environ = {"IDJAG_ISSUER": issuer, "IDJAG_PORT": str(urlsplit(issuer).port)}
    environ["IDJAG_DATA_DIR"] = str(folder / "idp")
    path, out = folder / "acme.json", io.StringIO()
    path.touch(mode=0o600)
    path.write_text(json.dumps(_state(known)), encoding="utf-8")
    assert cli.run(["apply", "-f", str(path)], environ=environ, out=out, err=out) == 0, out.getvalue()
    with started(["serve"], environ=environ, folder=folder, secrets=Secrets(*known.values())):
        keys, _ = KeySet.parse(json.dumps(fetch(f"{issuer}/jwks").json()).encode())
        yield Idp(issuer, known, keys)


def _ras(idp: Idp, saas: str) -> Ras:
    """A SaaS that knows people by issuer and sub alone and makes an account for everybody new."""
    store, resource = MemoryStore(), Resource(f"https://{saas}.example/api", frozenset({"chat.read"}))
    rules = SubjectRules(by=("iss_sub",), jit=True)
    wiki = Client(f"wiki-at-{saas}", scopes=resource.scopes, issuers=frozenset({idp.issuer}))
    config = RasConfig(
        issuer=f"https://{saas}.example/",
        trusted_issuers=(TrustedIssuer(idp.issuer, keys=idp.keys, subject=rules),),
        resources=(resource,),
        clients=(wiki,),
    )
    signer = JwtSigner(PrivateKey.generate("ES256", kid="saas"))
    return Ras(config, keys=NoKeys(), accounts=store, store=store, signer=signer)


def _signed_in(ras: Ras, claims: Mapping[str, Any]) -> str:
    return ras.signed_in(Identity(issuer=claims["iss"], sub=claims["sub"]))


@pytest.mark.parametrize("saas", SAAS)
@pytest.mark.parametrize("first", ["sign-in", "ID-JAG"])
def test_a_person_is_the_same_by_sign_in_and_by_grant(idp: Idp, saas: str, first: str) -> None:
    """RAS-25, JAG-05: the same iss and sub, and so the same account, whichever comes first."""
    id_token, id_jag = idp.claims(idp.sign_in(saas)), idp.id_jag(saas)
    grant = idp.claims(id_jag)
    assert (grant["iss"], grant["sub"]) == (id_token["iss"], id_token["sub"])
    ras = _ras(idp, saas)
    before = _signed_in(ras, id_token) if first == "sign-in" else None
    redeemed = ras.redeem(id_jag, client_id=f"wiki-at-{saas}")
    assert redeemed.created is (before is None)
    assert before in (None, redeemed.account_id)
    assert _signed_in(ras, id_token) == redeemed.account_id


def test_subs_of_a_pairwise_relying_party_are_its_own(idp: Idp) -> None:
    """RAS-25: what makes the test above able to fail; Wiki's ID token names another sub than desk's grant."""
    public = {idp.claims(idp.sign_in("wiki"))["sub"], idp.claims(idp.id_jag("chat"))["sub"]}
    pairwise = {idp.claims(idp.sign_in("desk"))["sub"], idp.claims(idp.id_jag("desk"))["sub"]}
    assert (len(public), len(pairwise)) == (1, 1)
    assert public.isdisjoint(pairwise)
    ras = _ras(idp, "desk")
    redeemed = ras.redeem(idp.id_jag("desk"), client_id="wiki-at-desk")
    assert _signed_in(ras, idp.claims(idp.sign_in("wiki"))) != redeemed.account_id
