"""Acme's IdP and three resource authorization servers as processes, and room for servers that tests play."""

from __future__ import annotations

import io
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from idjag import cli
from idjag.demo.wiki import Wiki
from idjag.demo.wire import Browser
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.interop.files import App, Target, ras_file, state_file
from tests.interop.other_issuers import trusted
from tests.interop.second_factor import Bob, enrolled
from tests.interop.serving import listener
from tests.processes.program import Secrets, free_port, started

__all__ = ["ISSUERS", "World", "claims_of", "world_in"]

ISSUERS = {"bare": "", "slash": "/", "path": "/t/acme"}
"""How the issuers of the three RAS processes end."""

_PLAYED = ("api", "rp", "foreign", "host", "product", "django", "published")
_BY_DOCUMENT = {"method": "client_id_metadata_document"}


@dataclass(frozen=True)
class World:
    """What is up; ``played`` are sockets whose addresses the servers know and that tests may serve.

    ``key`` is that of the app `keyed`, at the IdP and at the RAS processes.
    """

    idp: str
    targets: Mapping[str, Target]
    apps: Mapping[str, App]
    played: Mapping[str, socket.socket]
    urls: Mapping[str, str]
    password: str = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    key: PrivateKey
    canaries: Secrets = field(repr=False)
    folder: Path

    @cached_property
    def id_token(self) -> str:
        """Alice's, for Wiki."""
        return self.sign_in("wiki")

    @cached_property
    def bob(self) -> Bob:
        """Who has a second factor; whose codes each test uses its own of."""
        wiki = self.wiki("bare")
        bob = enrolled(wiki.begin().url, password=self.password, until=wiki.redirect_uri)
        for code in bob.codes:
            self.canaries.add(code)
        return bob

    def wiki(self, target: str, app: str = "wiki") -> Wiki:
        """The requesting app, with its credentials at both ends."""
        there = self.targets[target]
        chat_client_id = there.wiki if app == "wiki" else there.calendar
        return Wiki(
            redirect_uri=self.apps[app].redirect_uri,
            idp=self.idp,
            client_id=app,
            chat_issuer=there.issuer,
            chat_api=there.resource,
            chat_client_id=chat_client_id,
            secret=self.secrets.get(app, ""),
            chat_secret=self.secrets[chat_client_id],
        )

    def sign_in(self, app: str) -> str:
        """Alice's ID token for an app that has a secret."""
        wiki, browser = self.wiki("bare", app), Browser()
        pending = wiki.begin()
        url, page = browser.get(pending.url)
        typed = {"username": "alice", "password": self.password}
        url, _ = browser.submit(url, page, typed=typed, until=wiki.redirect_uri)
        answer = wiki.finish(pending, url)
        assert answer.status == 200, answer.body
        return self.canaries.add(str(answer.json()["id_token"]))

    def id_jag(self, target: str, *, app: str = "wiki", **changes: str) -> str:
        """A fresh one for Alice; it must be granted."""
        id_token = self.id_token if app == "wiki" else self.sign_in(app)
        answer = self.wiki(target, app).exchange(id_token, **changes)
        assert answer.status == 200, answer.body
        return self.canaries.add(str(answer.json()["access_token"]))


def claims_of(token: str) -> Mapping[str, Any]:
    """Not verified: what a reader of the wire sees."""
    return jws.parse(token, max_bytes=16_384).claims


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """Everything up while the ``with`` lasts; the bare RAS trusts two issuers of others beside Acme."""
    with ExitStack() as stack:
        made = _world(folder, stack)
        _apply(made)
        environ = _environ(made)
        stack.enter_context(started(["serve"], environ=environ, folder=folder, secrets=made.canaries))
        for name in ISSUERS:
            others = trusted(made.urls["product"]) if name == "bare" else []
            stack.enter_context(_ras(made, made.targets[name], others))
        yield made


def _world(folder: Path, stack: ExitStack) -> World:
    played: dict[str, socket.socket] = {}
    urls: dict[str, str] = {}
    for name in _PLAYED:
        played[name], urls[name] = listener()
        stack.callback(played[name].close)
    targets = _targets(urls)
    confidential = ("wiki", "calendar", "pinned-post", "es256", "django")
    known = {name: secrets.token_urlsafe(24) for name in confidential}
    known |= {target.wiki: secrets.token_urlsafe(24) for target in targets.values()}
    # What Basic has to encode, and what a form has to.
    reserved = ("inspector", *(target.calendar for target in targets.values()))
    known |= {name: f"{secrets.token_urlsafe(12)} +%&=:/" for name in reserved}
    password, key = secrets.token_urlsafe(16), PrivateKey.generate("ES256", kid="keyed-1")
    return World(
        idp=f"http://127.0.0.1:{free_port()}",
        targets=targets,
        apps=_apps(urls, known, key),
        played=played,
        urls=urls,
        password=password,
        secrets=known,
        key=key,
        canaries=Secrets(password, *known.values()),
        folder=folder,
    )


def _targets(urls: Mapping[str, str]) -> dict[str, Target]:
    targets = {
        name: Target(name, f"http://127.0.0.1:{free_port()}{end}", f"{urls['api']}/{name}/mcp")
        for name, end in ISSUERS.items()
    }
    for alg in ("ES256", "RS256"):
        name, issuer = f"foreign-{alg.lower()}", f"{urls['foreign']}/{alg}"
        targets[name] = Target(name, issuer, f"{issuer}/api", alg, files=f"{issuer}/files")
    targets["host"] = Target("host", f"{urls['host']}/", f"{urls['host']}/mcp")
    return targets


def _apps(urls: Mapping[str, str], known: Mapping[str, str], key: PrivateKey) -> dict[str, App]:
    def app(name: str, method: str = "client_secret", **changes: Any) -> App:
        auth = {"method": method, **({"secret": known[name]} if name in known else {})}
        return App(name, f"{urls['rp']}/{name}/callback", auth, **changes)

    apps = (
        app("wiki", logout_uri=f"{urls['rp']}/wiki/heard"),
        app("calendar"),
        app("pinned-post", "client_secret_post"),
        app("es256", "client_secret_basic", id_token_alg="ES256"),
        app("spa", "none", kind="spa", offline=True),
        app("inspector", offline=True),
        replace(app("django"), redirect_uri=f"{urls['django']}/oidc/callback/"),
        replace(app("keyed"), auth=_signing(key)),
        # What it is says the document at that address; it authenticates with the same key.
        App(f"{urls['published']}/app.json", f"{urls['published']}/callback", _BY_DOCUMENT, offline=True),
        # Any port of this machine (RFC 8252 section 7.3): the conformance suite of MCP listens there.
        App("conformance", "http://127.0.0.1/callback", {"method": "none"}, kind="native"),
    )
    return {each.id: each for each in apps}


def _signing(key: PrivateKey) -> dict[str, Any]:
    return {"method": "private_key_jwt", "jwks": KeySet([key.public]).to_dict()}


def _environ(made: World) -> dict[str, str]:
    return {
        "IDJAG_ISSUER": made.idp,
        "IDJAG_PORT": str(urlsplit(made.idp).port),
        "IDJAG_DATA_DIR": str(made.folder / "idp"),
        "IDJAG_DPOP_NONCE": "required",
    }


def _apply(made: World) -> None:
    path = made.folder / "state.json"
    path.touch(mode=0o600)
    text = state_file(made.apps.values(), made.targets.values(), password=made.password)
    path.write_text(text, encoding="utf-8")
    out = io.StringIO()
    code = cli.run(["apply", "-f", str(path)], environ=_environ(made), out=out, err=out)
    assert code == 0, out.getvalue()


@contextmanager
def _ras(made: World, target: Target, others: list[dict[str, Any]]) -> Iterator[None]:
    path = made.folder / f"{target.id}.json"
    path.touch(mode=0o600)
    with_secret = (target.wiki, target.calendar)
    clients = {
        **{name: {"method": "client_secret", "secret": made.secrets[name]} for name in with_secret},
        target.keyed: _signing(made.key),
        made.apps["published"].client_id: _BY_DOCUMENT,
    }
    text = ras_file(target, idp=made.idp, clients=clients, issuers=others)
    path.write_text(text, encoding="utf-8")
    arguments = ["ras", "serve", "-f", path.name, "--port", str(urlsplit(target.issuer).port)]
    with started(arguments, environ={}, folder=made.folder, secrets=made.canaries):
        yield
