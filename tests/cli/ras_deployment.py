"""A RAS with its file and database, a server over it in this process, and the commands of its operator."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from idjag import cli
from idjag.protocol.jose import KeySet
from idjag.ras import Reply, TokenRequest
from idjag.ras.config import Standalone, build, load
from tests.cli.deployment import Said
from tests.ras.world import ALICE, API, CLIENT, IDP, RAS, SECRET, basic, body, grant, key, request

ENVIRON = {"WIKI_CHAT_SECRET": SECRET, "API_SECRET": "a-secret-of-the-chat-api"}

FILE = f"""\
issuer: {RAS}
trusted_issuers:
  - issuer: {IDP}
    subject: {{by: [iss_sub, email], email_domains: [acme.example]}}
    keys: {json.dumps(KeySet([key("idp").public]).to_dict())}
    status: active
clients:
  - client_id: {CLIENT}
    auth: {{secret: "env:WIKI_CHAT_SECRET"}}
    scopes: [chat.read, chat.history]
    issuers: ["{IDP}"]
introspection:
  clients:
    - {{client_id: chat-api, auth: {{secret: "env:API_SECRET"}}, resources: ["{API}"]}}
resources:
  - {{uri: "{API}", scopes: [chat.read, chat.history, chat.write]}}
default_resource: "{API}"
accounts:
  - {{id: u-alice, email: alice@acme.example, links: [{{issuer: "{IDP}", sub: "{ALICE}"}}]}}
  - {{id: u-bob, email: bob@acme.example}}
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """The server that runs while its operator acts; its clock is the real one, as the commands' is."""

    built: Standalone

    def redeem(self, assertion: str | None = None, **claims: Any) -> Reply:
        """One redemption."""
        return self.built.ras.token(request({"assertion": assertion or fresh_grant(**claims)}))

    def token(self, **claims: Any) -> str:
        """An access token."""
        reply = self.redeem(**claims)
        assert reply.status == 200, body(reply)
        return str(body(reply)["access_token"])

    def active(self, token: str) -> bool:
        """What the API is told."""
        header = basic("chat-api", ENVIRON["API_SECRET"])
        asked = TokenRequest(
            "POST",
            headers=((b"content-type", b"application/x-www-form-urlencoded"), (b"authorization", header)),
            body=urlencode({"token": token}).encode(),
        )
        return bool(body(self.built.ras.serve("introspect", asked))["active"])


@dataclass(frozen=True, slots=True)
class RasDeployment:
    """A folder with ras.yaml, and its database once it has been served."""

    folder: Path

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.folder / "ras.yaml"

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> Said:
        """One command, which needs no secret of the file: ``ras`` and ``-f FILE`` are added."""
        out, err = io.StringIO(), io.StringIO()
        line = ["ras", *arguments, "-f", str(self.file)]
        code = cli.run(line, environ=environ or {}, out=out, err=err)
        return Said(code, out.getvalue(), err.getvalue())

    @contextmanager
    def serving(self, *, ahead: int = 0) -> Iterator[Beside]:
        """The server while the ``with`` lasts; ``ahead``: so many seconds later."""
        with build(load(self.file, ENVIRON), clock=lambda: int(time.time()) + ahead) as built:
            yield Beside(built)

    def events(self) -> list[dict[str, Any]]:
        """The audit log, without what reading it adds."""
        events = (json.loads(line) for line in self.run("audit", "export").out.splitlines())
        return [event for event in events if event["event"] != "audit.exported"]


def ras_deployment(folder: Path, text: str = FILE) -> RasDeployment:
    """The file, and nothing else yet."""
    made = RasDeployment(folder)
    made.file.write_text(text, encoding="utf-8")
    return made


def fresh_grant(**claims: Any) -> str:
    """A grant of this very second."""
    now = int(time.time())
    return grant(**({"iat": now, "exp": now + 300, "auth_time": now - 60} | claims))
