"""Acme on this machine as its administrators would set it up: two files, an environment, two servers.

Wiki asks, Chat answers; alice is an engineer whom a rule allows, bob is in sales and no rule names him.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

from idjag import cli
from idjag.demo.wiki import Wiki
from idjag.demo.wire import Answer, Browser
from tests.processes.program import Finished, Program, Secrets, free_port, run, started

__all__ = ["Acme", "acme_in"]

_STATE = Template("""\
# What Acme's administrators keep in version control.
version: 1
groups:
  - name: engineering
  - name: sales
users:
  - username: alice
    email: alice@acme.example
    email_verified: true
    name: Alice Example
    password: "env:ALICE_PASSWORD"
    groups: [engineering]
    status: $alice
  - username: bob
    email: bob@acme.example
    password: "file:bob.password"
    groups: [sales]
apps:
  - id: wiki
    name: Wiki
    redirect_uris: ["http://127.0.0.1:9/callback"]
    auth: {method: client_secret, secret: "env:WIKI_SECRET"}
    grants: [authorization_code, token_exchange]
    scopes: [openid, profile, email]
    assigned: {everyone: true}
resource_apps:
  - id: chat
    issuer: $chat
    resources:
      - {uri: "$chat/api/", scopes: [chat.read, chat.history, chat.write]}
    release: [email]
connections:
  - id: wiki-chat
    from: wiki
    to: chat
    client_id: wiki-at-chat
    status: $connection
    owner: it@acme.example
    reason: "Wiki shows chat threads"
    rules:
      - id: engineers-read
        who: {groups: [engineering]}
        scopes: [chat.read, chat.history]
        default_scopes: [chat.read]
tests:
  - name: sales do not read chat
    ask: {user: bob, from: wiki, to: chat, scopes: [chat.read]}
    expect: {decision: $bob}
""")

_RAS = Template("""\
issuer: $chat
trusted_issuers:
  - issuer: $idp
    subject: {by: [iss_sub, email], email_domains: [acme.example]}
clients:
  - client_id: wiki-at-chat
    auth: {method: client_secret, secret: "env:WIKI_CHAT_SECRET"}
    scopes: [chat.read, chat.history]
    issuers: [$idp]
resources:
  - {uri: "$chat/api/", scopes: [chat.read, chat.history, chat.write]}
default_resource: $chat/api/
accounts:
  - {id: u-alice, email: alice@acme.example}
database_url: sqlite:///ras.db
""")


@dataclass(frozen=True, slots=True)
class Acme:
    """One deployment in a folder of its own; everything secret in it is a canary."""

    folder: Path
    idp: str
    chat: str
    environ: Mapping[str, str] = field(repr=False)
    ras_environ: Mapping[str, str] = field(repr=False)
    secrets: Secrets = field(repr=False)
    wiki: Wiki = field(repr=False)

    def write_state(self, *, connection: str = "active", alice: str = "active", bob: str = "deny") -> None:
        """The state file; ``bob`` is what its own test expects of him."""
        text = _STATE.substitute(chat=self.chat, connection=connection, alice=alice, bob=bob)
        (self.folder / "acme.yaml").write_text(text, encoding="utf-8")

    def command(self, *arguments: str, stdin: str = "", **environ: str) -> Finished:
        """One command of the IdP's host."""
        given = {**self.environ, **environ}
        return run(*arguments, environ=given, folder=self.folder, secrets=self.secrets, stdin=stdin)

    def here(self, *arguments: str) -> Finished:
        """The same in the test's own process, which has paid for its imports: for what is not under test."""
        out, err = io.StringIO(), io.StringIO()
        code = cli.run(arguments, environ=self.environ, out=out, err=err)
        return Finished(code, out.getvalue(), err.getvalue())

    def apply(self, *, connection: str = "active", alice: str = "active") -> None:
        """Write the file and apply it from another process than the server's; it must succeed."""
        self.write_state(connection=connection, alice=alice)
        done = self.here("apply", "-f", str(self.folder / "acme.yaml"))
        assert done.code == 0, done.err

    @contextmanager
    def serve(self) -> Iterator[Program]:
        """`idjag serve` while the ``with`` lasts."""
        with started(["serve"], environ=self.environ, folder=self.folder, secrets=self.secrets) as program:
            yield program

    @contextmanager
    def serve_ras(self) -> Iterator[Program]:
        """`idjag ras serve` while the ``with`` lasts."""
        port = str(urlsplit(self.chat).port)
        arguments = ["ras", "serve", "-f", "ras.yaml", "--port", port]
        with started(
            arguments, environ=self.ras_environ, folder=self.folder, secrets=self.secrets
        ) as program:
            yield program

    def sign_in(self, username: str = "alice", browser: Browser | None = None) -> str:
        """Through the login form; gives the ID token."""
        browser, pending = browser or Browser(), self.wiki.begin()
        url, page = browser.get(pending.url, until=self.wiki.redirect_uri)
        if not url.startswith(self.wiki.redirect_uri):
            typed = {"username": username, "password": self.password(username)}
            url, page = browser.submit(url, page, typed=typed, until=self.wiki.redirect_uri)
        assert url.startswith(self.wiki.redirect_uri), page.status
        self.secrets.add(parse_qs(urlsplit(url).query)["code"][0])
        return self._kept(self.wiki.finish(pending, url), "id_token")

    def exchange(self, id_token: str, **changes: str) -> str:
        """The ID-JAG; it must be granted."""
        return self._kept(self.wiki.exchange(id_token, **changes), "access_token")

    def redeem(self, id_jag: str) -> str:
        """Chat's access token; it must be granted."""
        return self._kept(self.wiki.redeem(id_jag), "access_token")

    def password(self, username: str) -> str:
        """What they type."""
        known = {"alice": self.environ["ALICE_PASSWORD"]}
        return known.get(username) or (self.folder / "bob.password").read_text(encoding="utf-8").strip()

    def _kept(self, answer: Answer, name: str) -> str:
        assert answer.status == 200, answer.body
        members = answer.json()
        for secret in {"access_token", "id_token"} & members.keys():
            self.secrets.add(str(members[secret]))
        return str(members[name])


def acme_in(folder: Path) -> Acme:
    """A deployment of which nothing exists yet but its files; ``folder`` is private to us."""
    made = {name: secrets.token_urlsafe(24) for name in ("ALICE_PASSWORD", "WIKI_SECRET", "WIKI_CHAT_SECRET")}
    canaries = Secrets(*made.values())
    bob = folder / "bob.password"
    bob.touch(mode=0o600)
    bob.write_text(canaries.add(secrets.token_urlsafe(24)) + "\n", encoding="utf-8")
    idp_port = free_port()
    idp, chat = f"http://127.0.0.1:{idp_port}", f"http://127.0.0.1:{free_port()}"
    (folder / "ras.yaml").write_text(_RAS.substitute(idp=idp, chat=chat), encoding="utf-8")
    acme = Acme(
        folder=folder,
        idp=idp,
        chat=chat,
        environ={
            "IDJAG_ISSUER": idp,
            "IDJAG_PORT": str(idp_port),
            "IDJAG_DATA_DIR": str(folder / "idp"),
            "ALICE_PASSWORD": made["ALICE_PASSWORD"],
            "WIKI_SECRET": made["WIKI_SECRET"],
        },
        ras_environ={"WIKI_CHAT_SECRET": made["WIKI_CHAT_SECRET"]},
        secrets=canaries,
        wiki=Wiki(
            redirect_uri="http://127.0.0.1:9/callback",
            idp=idp,
            client_id="wiki",
            chat_issuer=chat,
            chat_api=f"{chat}/api/",
            chat_client_id="wiki-at-chat",
            secret=made["WIKI_SECRET"],
            chat_secret=made["WIKI_CHAT_SECRET"],
        ),
    )
    acme.write_state()
    return acme
