"""An IdP whose resource apps report, its receipt endpoint, and what is sent to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from idjag.idp.receipts import Receipts
from idjag.idp.services import Services
from idjag.idp.strangers import Strangers
from idjag.protocol import receipt
from idjag.protocol.http import Reply, TokenRequest
from idjag.protocol.jose import KeySet, PrivateKey, jws
from tests.idp.grants.acme import ISSUER, Acme, acme, connection, state
from tests.idp.grants.acme_state import CHAT, chat

FORM = (b"content-type", b"application/x-www-form-urlencoded")
FILES_RAS = "https://acme.files.example/"
KEYS_AT = "https://acme.chat.example/receipt-keys"
CHAT_KEY = PrivateKey.generate("ES256", kid="chat-1")
FILES_KEY = PrivateKey.generate("Ed25519", kid="files-1")
STRANGER = PrivateKey.generate("ES256", kid="chat-1")


def jwks(*keys: PrivateKey) -> dict[str, Any]:
    """The public set of these keys."""
    return KeySet([key.public for key in keys]).to_dict()


def policy(**receipts: Any) -> dict[str, Any]:
    """Wiki reaches Chat and Files; both report, Chat with ``receipts`` if they are given."""
    files = {
        "id": "files",
        "issuer": FILES_RAS,
        "scopes": ["files.read"],
        "receipts": {"jwks": jwks(FILES_KEY)},
    }
    rules = [{"id": "all", "who": {"everyone": True}, "scopes": "any"}]
    return state(
        resource_apps=[chat(receipts=receipts or {"jwks": jwks(CHAT_KEY)}), files],
        connections=[
            connection(),
            {"id": "wiki-files", "from": "wiki", "to": "files", "client_id": "w", "rules": rules},
        ],
    )


class Post:
    """The endpoint of one IdP, and what is sent to it."""

    def __init__(self, idp: Acme, **changes: Any) -> None:
        self.idp = idp
        services: Services = idp.services
        if "publications" in changes:
            services = replace(services, publications=changes.pop("publications"))
        self.endpoint = Receipts(services, Strangers(), **changes)
        self._after = len(idp.events())

    def issued(self, **changes: Any) -> str:
        """The jti of a fresh ID-JAG."""
        return str(self.idp.exchange(self.idp.sign_in(), **changes).grant["jti"])

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Chat's receipt of the redemption of a fresh ID-JAG, with changes; None takes a claim out."""
        now = self.idp.clock()
        good = {
            "iss": CHAT, "aud": ISSUER, "iat": now, "exp": now + 300, "jti": self.idp.new_id(), "at": now,
            "outcome": "redeemed", "id_jag": changes.get("id_jag") or self.issued(),
        }  # fmt: skip
        return {name: value for name, value in (good | changes).items() if value is not None}

    def send(self, claims: Mapping[str, Any], *, key: PrivateKey = CHAT_KEY, typ: str = receipt.TYP) -> Reply:
        """The answer to one receipt."""
        return self.raw(jws.sign(dict(claims), key=key, typ=typ))

    def raw(self, *values: str, source: str = "192.0.2.10", **more: str) -> Reply:
        """The answer to whatever stands in the form."""
        body = urlencode([*(("receipt", value) for value in values), *more.items()]).encode()
        return self.ask(TokenRequest("POST", b"", (FORM,), body, source))

    def ask(self, request: TokenRequest) -> Reply:
        """The answer to one request."""
        return asyncio.run(self.endpoint(request))

    def thread(self, jti: str) -> list[str]:
        """What the log says of a grant."""
        return [str(event["event"]) for event in self.idp.events() if event["jti"] == jti]

    def events(self, *names: str) -> list[dict[str, Any]]:
        """What was recorded since this endpoint was made."""
        return [event for event in self.idp.events()[self._after :] if event["event"] in names]

    @property
    def reported(self) -> list[dict[str, Any]]:
        """What was taken."""
        return self.events("id_jag.redeemed", "id_jag.refused")

    @property
    def counted(self) -> list[str]:
        """Why receipts were not taken, as far as the log says."""
        events = self.events("refused.before_authentication")
        return [event["inputs"]["fact"].get("problem", "") for event in events]


@contextmanager
def posted(
    database: Path | None = None, text: Mapping[str, Any] | None = None, **changes: Any
) -> Iterator[Post]:
    """A fresh IdP whose resource apps report."""
    with acme(text or policy(), database=database) as idp:
        yield Post(idp, **changes)


def assert_alike(reply: Reply) -> None:
    """Every receipt is answered so."""
    assert reply.status == 202
    assert [*json.loads(reply.body)] == ["decision_id"]
    assert dict(reply.headers)[b"cache-control"] == b"no-store"
