"""Two nodes of the IdP with two workers each on one PostgreSQL database; each node has its port."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
from psycopg.rows import dict_row

from idjag.demo.wire import Answer, Browser, fetch
from idjag.protocol import names
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.cluster import Cluster
from tests.processes.acme import Acme, acme_in
from tests.processes.program import Program, free_port, started
from tests.processes.test_workers import eventually, workers

__all__ = ["NODES", "Nodes", "Running", "deployed", "nodes_of"]

NODES = 2
WORKERS = 2
LIFETIME = 240
"""Seconds; an assertion must be refused because it was used, and not because it is old."""
AGENT = PrivateKey.generate("ES256", kid="agent")
_KEYS = json.dumps(KeySet([AGENT.public]).to_dict())
_APPS = f"""\
  - id: mail
    redirect_uris: ["http://127.0.0.1:9/callback"]
    auth: {{method: client_secret, secret: "env:WIKI_SECRET"}}
    grants: [authorization_code, token_exchange]
    assigned: {{everyone: true}}
  - id: agent
    redirect_uris: ["http://127.0.0.1:9/callback"]
    auth: {{method: private_key_jwt, jwks: {_KEYS}}}
    grants: [authorization_code, token_exchange]
    assigned: {{everyone: true}}
"""
_CONNECTIONS = "".join(
    f"""\
  - id: {app}-chat
    from: {app}
    to: chat
    client_id: {app}-at-chat
    owner: it@acme.example
    reason: "{app} shows chat threads"
    rules:
      - id: engineers-read
        who: {{groups: [engineering]}}
        scopes: [chat.read]
"""
    for app in ("mail", "agent")
)


@dataclass(frozen=True, slots=True)
class Nodes:
    """The deployment; ``acme.idp`` is the first node and the issuer of all."""

    acme: Acme
    url: str = field(repr=False)
    ports: tuple[int, ...]

    @contextmanager
    def serving(self, *environs: Mapping[str, str]) -> Iterator[list[Program]]:
        """All nodes, with all their workers; ``environs`` is what the environment of each has besides."""
        given = [*environs, *[dict[str, str]()] * NODES]
        with ExitStack() as running:
            programs = [
                running.enter_context(self.node(number, environ))
                for number, environ in zip(range(NODES), given, strict=False)
            ]
            yield programs

    @contextmanager
    def node(self, number: int, environ: Mapping[str, str] = MappingProxyType({})) -> Iterator[Program]:
        """One of them, with all its workers."""
        environ = {**self.acme.environ, **environ, "IDJAG_PORT": str(self.ports[number])}
        folder, secrets_ = self.acme.folder, self.acme.secrets
        with started(["serve"], environ=environ, folder=folder, secrets=secrets_) as program:
            eventually(lambda: len(workers(program)) == WORKERS)
            yield program

    def apply(self) -> None:
        """The state file, which must be accepted."""
        assert self.applied()

    def applied(self, *, group: str = "engineering", **changes: str) -> bool:
        """The state file with a second app and one that has a key, from another process than any node.

        ``group`` is the one that alice is in.  Whether it was acknowledged.
        """
        self.acme.write_state(**changes)
        file = self.acme.folder / "acme.yaml"
        text = file.read_text(encoding="utf-8")
        text = text.replace(
            "grants: [authorization_code, token_", "grants: [authorization_code, refresh_token, token_"
        )
        text = text.replace(
            "scopes: [openid, profile, email]", "scopes: [openid, profile, email, offline_access]"
        )
        text = text.replace("groups: [engineering]\n    status", f"groups: [{group}]\n    status")
        text = text.replace("resource_apps:\n", f"{_APPS}resource_apps:\n")
        text = text.replace("tests:\n", f"{_CONNECTIONS}tests:\n")
        file.write_text(text, encoding="utf-8")
        return self.acme.here("apply", "-f", str(file)).code == 0

    def here(self, *arguments: str) -> None:
        """A command that must succeed."""
        done = self.acme.here(*arguments)
        assert done.code == 0, done.err

    def send(self, form: Mapping[str, str], *, node: int, **headers: str) -> Answer:
        """One request to the token endpoint of a node, under the name that all of them have."""
        host = self.acme.idp.removeprefix("http://")
        return fetch(
            f"http://127.0.0.1:{self.ports[node % NODES]}/token", form=form, headers={"host": host, **headers}
        )

    def token(self, form: Mapping[str, str], *, node: int = 0, client: str = "wiki", **more: str) -> Answer:
        """The same, with the secret of the client."""
        pair = f"{client}:{self.acme.environ['WIKI_SECRET']}".encode()
        basic = f"Basic {base64.b64encode(pair).decode()}"
        return self.send(form, node=node, authorization=basic, **more)

    def asserted(self, form: Mapping[str, str], *, node: int = 0, assertion: str | None = None) -> Answer:
        """The same, of the app that has a key."""
        proof = {"client_assertion_type": names.CLIENT_ASSERTION_TYPE}
        return self.send({**form, **proof, "client_assertion": assertion or self.assertion()}, node=node)

    def assertion(self, *, ahead: int = 0) -> str:
        """What the app that has a key proves itself with, once; ``ahead``: seconds of the nodes' clock."""
        now = int(time.time()) + ahead
        claims = {"iss": "agent", "sub": "agent", "aud": self.acme.idp, "jti": secrets.token_hex(8)}
        return jws.sign(
            claims | {"iat": now, "exp": now + LIFETIME}, key=AGENT, typ=names.CLIENT_AUTHENTICATION_TYP
        )

    def code(self, *, client: str = "wiki", username: str = "alice", scope: str = "openid") -> dict[str, str]:
        """Signs somebody in; the form that redeems the code."""
        wiki = replace(self.acme.wiki, client_id=client)
        pending, browser = wiki.begin(), Browser()
        start = re.sub(r"scope=[^&]*", f"scope={quote(scope)}", pending.url)
        url, page = browser.get(start, until=wiki.redirect_uri)
        typed = {"username": username, "password": self.acme.password(username)}
        url, page = browser.submit(url, page, typed=typed, until=wiki.redirect_uri)
        assert url.startswith(wiki.redirect_uri), page.status
        return {
            "grant_type": names.AUTHORIZATION_CODE,
            "code": self.acme.secrets.add(parse_qs(urlsplit(url).query)["code"][0]),
            "redirect_uri": wiki.redirect_uri,
            "code_verifier": pending.verifier,
        }

    def sign_in(self, *, ahead: int = 0, **who: str) -> str:
        """An ID token of the app."""
        form = self.code(**who)
        client = who.get("client", "wiki")
        if client == "agent":
            answer = self.asserted(form, assertion=self.assertion(ahead=ahead))
        else:
            answer = self.token(form, client=client)
        assert answer.status == 200, answer.body
        return self.acme.secrets.add(str(answer.json()["id_token"]))

    def form(self, id_token: str) -> dict[str, str]:
        """The parameters of an exchange."""
        wiki = self.acme.wiki
        return {
            "grant_type": names.TOKEN_EXCHANGE,
            "requested_token_type": names.ID_JAG_TOKEN,
            "subject_token": id_token,
            "subject_token_type": names.ID_TOKEN,
            "audience": wiki.chat_issuer,
            "resource": wiki.chat_api,
            "scope": "chat.read",
        }

    def exchange(self, id_token: str, *, node: int = 0, client: str = "wiki") -> Answer:
        """The ID token for an ID-JAG."""
        return self.token(self.form(id_token), node=node, client=client)

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """What an operator with psql sees or does."""
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def issued(self) -> set[str]:
        """The jti of every ID-JAG that has its record."""
        found = self.sql("SELECT jti FROM audit WHERE event = 'id_jag.issued'")
        return {str(row["jti"]) for row in found}


@dataclass(frozen=True, slots=True)
class Running:
    """A deployment that is served, and the processes that serve it."""

    nodes: Nodes
    programs: list[Program]

    @property
    def whole(self) -> bool:
        """Whether every node has all its workers."""
        return all(len(workers(program)) == WORKERS for program in self.programs)


def nodes_of(acme: Acme, postgres: Cluster) -> Nodes:
    """The same deployment on a database of all nodes."""
    kek = acme.folder / "kek.of.all.nodes"
    kek.write_text(acme.secrets.add(secrets.token_hex(32)), encoding="ascii")
    kek.chmod(0o600)
    url = postgres.schema()
    given = {"DATABASE_URL": url, "KEK_FILE": str(kek), "WORKERS": str(WORKERS)}
    shared = replace(acme, environ={**acme.environ, **{f"IDJAG_{name}": it for name, it in given.items()}})
    first = int(acme.environ["IDJAG_PORT"])
    return Nodes(shared, url, (first, *(free_port() for _ in range(NODES - 1))))


@contextmanager
def deployed(folder: Path, postgres: Cluster, *environs: Mapping[str, str]) -> Iterator[Running]:
    """Everything made, applied and served; afterwards the audit log of all nodes is whole."""
    folder.chmod(0o700)
    nodes = nodes_of(acme_in(folder), postgres)
    nodes.apply()
    with nodes.serving(*environs) as programs:
        yield Running(nodes, programs)
    assert nodes.acme.here("audit", "verify").code == 0
