"""Who and what is at Acme: people with passwords, apps of every kind, and what happens to their rows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from argon2 import PasswordHasher

from idjag.idp.catalog import AppEntry, References, app_columns, secret_hash
from idjag.ledger.entry import Delete, Insert, Update, Value
from idjag.protocol.jose import PrivateKey

NOW = 1_800_000_000
TENANT = "t1"
WIKI_SECRET = "wiki-secret-of-some-length"
NOTES_SECRET = "notes-secret-of-some-length"
PASSWORDS = {"alice": "correct horse battery", "bob": "staple gun and paper", "carol": "carol's own secret"}
GROUPS = {"alice": ["g-engineering"], "bob": [], "carol": ["g-engineering"]}
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BOARD_KEY = PrivateKey.generate("ES256", kid="board-1")

APPS: tuple[dict[str, Any], ...] = (
    {
        "id": "wiki",
        "name": "Wiki",
        "redirect_uris": ["https://wiki.example/callback", "https://wiki.example/other?tenant=7"],
        "auth": {"method": "client_secret"},
        "grants": ["authorization_code", "token_exchange"],
        "scopes": ["openid", "profile", "email"],
        "assigned": {"everyone": True},
    },
    {
        "id": "notes",
        "name": "Notes",
        "redirect_uris": ["https://notes.example/cb"],
        "auth": {"method": "client_secret"},
        "subject_type": "pairwise",
        "id_token_alg": "ES256",
        "assigned": {"groups": ["engineering"]},
    },
    {
        "id": "desk",
        "name": "Desk",
        "kind": "native",
        "redirect_uris": ["http://127.0.0.1/cb", "com.example.desk:/cb"],
        "auth": {"method": "none"},
        "assigned": {"everyone": True},
    },
    {
        "id": "robot",
        "name": "Robot",
        "kind": "service",
        "redirect_uris": ["https://robot.example/cb"],
        "auth": {"method": "client_secret"},
        "grants": ["token_exchange"],
        "assigned": {"everyone": True},
    },
    {
        "id": "board",
        "name": "Board",
        "redirect_uris": ["https://board.example/cb"],
        "auth": {"method": "private_key_jwt", "jwks": {"keys": [BOARD_KEY.public.to_dict()]}},
        "assigned": {"everyone": True},
    },
)
_SECRETS = {"wiki": WIKI_SECRET, "notes": NOTES_SECRET, "robot": "robot-secret-of-some-length"}
_REFERENCES = References(groups={"engineering": "g-engineering"})


class CountingHasher:
    """Argon2id that counts: same work is the same number of calls (attack case 154)."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self.verified = 0
        self.meanwhile: Callable[[], None] = lambda: None
        """What else happens while a password is checked."""

    def hash(self, password: bytes, /) -> str:
        return self._hasher.hash(password)

    def verify(self, encoded: str, password: bytes, /) -> bool:
        self.verified += 1
        self.meanwhile()
        return self._hasher.verify(encoded, password)

    def check_needs_rehash(self, encoded: str, /) -> bool:
        return self._hasher.check_needs_rehash(encoded)


_HASHER = CountingHasher()
_HASHES = {name: _HASHER.hash(password.encode()) for name, password in PASSWORDS.items()}


def update(table: str, row_id: str, **values: str | int | None) -> Update:
    return Update(table, {"id": row_id}, values)


def hold(kind: str, target: str, *, app: str = "", until: int | None = None) -> Insert:
    row: dict[str, Value] = {"id": f"hold-{kind}", "tenant_id": TENANT, "kind": kind, "target": target}
    return Insert("hold", {**row, "app": app, "reason": "test", "by": "root", "since": NOW, "until": until})


def release(kind: str) -> Delete:
    return Delete("hold", {"id": f"hold-{kind}"})


def app_row(entry: Mapping[str, Any], *, row_id: str | None = None) -> dict[str, Any]:
    columns = app_columns(AppEntry.model_validate(entry), _REFERENCES)
    secret = _SECRETS.get(str(entry["id"]))
    secrets_ = [{"hash": secret_hash(secret), "created": NOW, "expires": None}] if secret else []
    return {
        **columns,
        "id": row_id or f"app-{entry['id']}",
        "tenant_id": TENANT,
        "secrets": json.dumps(secrets_),
        "managed_by": "",
        "created": NOW,
        "updated": NOW,
    }


def person_rows(name: str) -> Iterator[Insert]:
    common: dict[str, Value] = {"tenant_id": TENANT, "created": NOW}
    yield Insert(
        "person",
        {
            **common,
            "id": f"p-{name}",
            "username": name,
            "email": f"{name}@acme.example",
            "email_verified": 1,
            "name": f"{name.title()} Example",
            "attributes": "{}",
            "status": "disabled" if name == "carol" else "active",
            "epoch": 0,
            "managed_by": "",
            "updated": NOW,
        },
    )
    secret = {"person_id": f"p-{name}", "kind": "password", "secret": _HASHES[name]}
    yield Insert("credential", {**common, **secret, "id": f"c-{name}"})
    for group in GROUPS[name]:
        row: dict[str, Value] = {"tenant_id": TENANT, "person_id": f"p-{name}", "group_id": group}
        yield Insert("membership", {**row, "id": f"{group}:p-{name}"})
