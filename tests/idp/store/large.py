"""Rows of a tenant and its log, stored without the ledger: for questions about many of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from idjag.idp.store import schema, tables
from idjag.idp.store.counting import Counting
from idjag.ledger.entry import Row
from idjag.protocol.jose.json import canonical

__all__ = [
    "DAY",
    "NOW",
    "Log",
    "app",
    "connection",
    "event",
    "fill",
    "groups",
    "people",
    "target",
    "who",
]

NOW = 1_800_000_000 // 86_400 * 86_400 + 12 * 3600
DAY = 86_400
TABLES = tables.Person.metadata.tables


class Log:
    """The rows of a log, for whoever counts them."""

    def __init__(self, url: str) -> None:
        self.url = url

    def audit_rows(self, tenant: str, *, after_no: int, limit: int) -> list[Row]:
        """A page."""
        question = "SELECT * FROM audit WHERE tenant = :tenant AND no > :no ORDER BY no LIMIT :limit"
        with schema.reading(self.url) as connection:
            asked = {"tenant": tenant, "no": after_no, "limit": limit}
            return [dict(row) for row in connection.execute(text(question), asked).mappings()]


def who(*groups: str, people: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Whom a stored document means."""
    named = {"groups": list(groups), "people": list(people)}
    return {name: value for name, value in named.items() if value} | more


def event(name: str, at: int, **fields: Any) -> dict[str, Any]:
    """What becomes a row of the log."""
    return {"event": name, "time": at, **fields}


def fill(
    url: str, tenant: str, events: Sequence[Mapping[str, Any]], rows: Mapping[str, Sequence[Any]]
) -> None:
    """Store a tenant: its log, counted, and its rows by table."""
    texts = ("decision_id", "subject", "requesting_app", "resource_app", "jti", "reason")
    with schema.writing(url) as connection:
        for table, some in rows.items():
            if some:
                connection.execute(TABLES[table].insert(), list(some))
        for no, fields in enumerate(events, start=1):
            row = {name: fields.get(name) for name in texts}
            row |= {"tenant": tenant, "no": no, "time": fields["time"], "event": fields["event"]}
            body = {name: value for name, value in fields.items() if value is not None}
            row |= {"body": canonical({**body, "tenant": tenant}).decode()}
            names = [*row, "salts", "prev_hash", "hash"]
            marks = ", ".join(f":{name}" for name in names)
            statement = f"INSERT INTO audit ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
            connection.execute(text(statement), {**row, "salts": "{}", "prev_hash": "", "hash": ""})
        columns = "(tenant, epoch, policy_seq, audit_no, link)"
        head = f"INSERT INTO ledger_head {columns} VALUES (:t, 'e', 1, :no, :link)"  # noqa: S608 - our own
        connection.execute(text(head), {"t": tenant, "no": len(events), "link": b""})
    Counting(Log(url), url, tenant).run()


def people(tenant: str) -> Iterator[dict[str, Any]]:
    """Alice to Erin, of whom Dave is disabled."""
    for name in ("alice", "bob", "carol", "dave", "Erin"):
        yield {
            "id": f"{tenant}-{name.lower()}",
            "tenant_id": tenant,
            "username": name,
            "email": f"{name.lower()}@{tenant}.example",
            "email_verified": 1,
            "name": f"{name.title()} Example",
            "attributes": "{}",
            "status": "disabled" if name == "dave" else "active",
            "epoch": 0,
            "managed_by": "",
            "created": 1,
            "updated": 1,
        }


def groups(tenant: str, members: Mapping[str, Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
    """Groups by name, with the first letters of who is in them."""
    made = [
        {
            "id": f"{tenant}-{name}",
            "tenant_id": tenant,
            "source": "local",
            "external_id": "",
            "name": name,
            "managed_by": "file",
            "created": 1,
        }
        for name in members
    ]
    inside = [
        {
            "id": f"{tenant}-{name}:{tenant}-{person}",
            "tenant_id": tenant,
            "person_id": f"{tenant}-{person}",
            "group_id": f"{tenant}-{name}",
        }
        for name, some in members.items()
        for person in some
    ]
    return {"person_group": made, "membership": inside}


def app(tenant: str, key: str, name: str, assigned: Mapping[str, Any]) -> dict[str, Any]:
    """An app."""
    spec = json.dumps({"assigned": assigned, "name": name}, sort_keys=True)
    return {
        "id": f"{tenant}-{key}",
        "tenant_id": tenant,
        "key": key,
        "client_id": key,
        "status": "active",
        "spec": spec,
        "secrets": "[]",
        "managed_by": "",
        "created": 1,
        "updated": 1,
    }


def target(tenant: str, key: str, name: str, sso_app: str | None = None) -> dict[str, Any]:
    """A resource app."""
    spec = json.dumps({"name": name, "sso_app": sso_app and f"{tenant}-{sso_app}"}, sort_keys=True)
    return {
        "id": f"{tenant}-{key}",
        "tenant_id": tenant,
        "key": key,
        "issuer": f"https://{key}.example/",
        "aud_tenant": "",
        "status": "active",
        "spec": spec,
        "managed_by": "",
        "created": 1,
        "updated": 1,
    }


def connection(
    tenant: str, pair: tuple[str, str], rules: Mapping[str, Mapping[str, Any]], **more: Any
) -> dict[str, Any]:
    """A connection; its rules by name, with whom they mean."""
    status, created = more.pop("status", "active"), more.pop("created", 1)
    spec = {
        "client_id": "c",
        "expires": None,
        "owner": "",
        "profile": "id-jag",
        "reason": "",
        "rules": [
            {"id": f"{tenant}-{'-'.join(pair)}-{key}", "key": key, "version": 1, "who": meant}
            for key, meant in rules.items()
        ],
        **more,
    }
    app_key, target_key = pair
    return {
        "id": f"{tenant}-{app_key}-{target_key}",
        "tenant_id": tenant,
        "key": f"{app_key}-{target_key}",
        "app_id": f"{tenant}-{app_key}",
        "resource_app_id": f"{tenant}-{target_key}",
        "status": status,
        "spec": json.dumps(spec, sort_keys=True, separators=(",", ":")),
        "managed_by": "file",
        "created": created,
        "updated": 1,
    }
