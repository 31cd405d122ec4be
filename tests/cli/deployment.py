"""A deployment with a few people and rules, made once by `idjag apply` and copied for each test."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from idjag import cli

STATE = """\
version: 1
groups:
  - name: engineering
  - name: contractors
users:
  - {username: alice, groups: [engineering]}
  - {username: bob}
  - {username: carol, groups: [engineering], status: disabled}
apps:
  - id: wiki
    client_id: wiki-client
    name: Wiki
    auth: {method: client_secret, secret: "env:WIKI_SECRET"}
    grants: [token_exchange]
    assigned: {everyone: true}
  - id: notes
    name: Notes
    kind: native
    redirect_uris: ["com.example.notes:/callback"]
    auth: {method: none}
    assigned: {everyone: true}
resource_apps:
  - id: chat
    name: Chat
    issuer: https://acme.chat.example/
    aliases: ["urn:acme:chat"]
    resources:
      - {uri: "https://api.chat.example/", scopes: [chat.read, chat.write]}
connections:
  - id: wiki-chat
    from: wiki
    to: chat
    client_id: f53f191f9311af35
    rules:
      - id: engineers-read
        who: {groups: [engineering]}
        scopes: [chat.read]
        conditions: {amr: [pwd], max_auth_age: 8h}
  - id: notes-chat
    from: notes
    to: chat
    client_id: 0b1c
    rules:
      - id: alice-writes
        who: {users: [alice]}
        scopes: any
guardrails:
  - id: contractors-never
    who: {groups: [contractors]}
    reason: "audit finding 17"
"""


@dataclass(frozen=True, slots=True)
class Said:
    """The outcome of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What a script reads."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A data folder and the environment that leads to it."""

    folder: Path

    def run(self, *arguments: str) -> Said:
        """One command."""
        out, err = io.StringIO(), io.StringIO()
        environ = {
            "IDJAG_ISSUER": "https://idp.acme.example",
            "IDJAG_DATA_DIR": str(self.folder / "data"),
            "WIKI_SECRET": "wiki-secret-0123456789",
            "CHAT_SECRET": "chat-secret-0123456789",
        }
        code = cli.run(list(arguments), environ=environ, out=out, err=err)
        return Said(code, out.getvalue(), err.getvalue())

    def events(self) -> list[dict[str, Any]]:
        """The audit log, without what reading it adds."""
        events = (json.loads(line) for line in self.run("audit", "export").out.splitlines())
        return [event for event in events if event["event"] != "audit.exported"]

    def apply(self, text: str, *options: str) -> Said:
        """Bring the state to what the text says."""
        file = self.folder / "state.yaml"
        file.write_text(text, encoding="utf-8")
        return self.run("apply", "-f", str(file), *options)


def deployed(folder: Path, text: str = STATE) -> Deployment:
    """A deployment in a folder of its own, in the state of the text."""
    shutil.copytree(_made(text), folder, dirs_exist_ok=True)
    return Deployment(folder)


@cache
def _made(text: str) -> Path:
    # The folder goes when the process ends: the object that removes it lives as long as this cache.
    holder = tempfile.TemporaryDirectory()
    _HOLDERS.append(holder)
    made = Deployment(Path(holder.name))
    (made.folder / "data").mkdir(mode=0o700)
    said = made.apply(text)
    assert said.code == 0, said.err
    return made.folder


_HOLDERS: list[tempfile.TemporaryDirectory[str]] = []
