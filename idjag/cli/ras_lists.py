"""How accounts, issuers and tokens of a RAS are shown, for people and for scripts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from idjag.cli.ras_store import Opened
from idjag.ras.standing import Thing
from idjag.ras.store_sql.operations import Column, Said

__all__ = ["Column", "Done", "narrowed", "say", "show", "status_of", "when"]

_BY: dict[str, Column] = {"account": "account_id", "client": "client_id", "issuer": "issuer"}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did; ``changed`` False is the answer no."""

    sentence: str
    thing: Thing | None
    changed: bool = True
    status: str | None = None
    not_before: int | None = None
    revoked: int | None = None


def say(done: Done, *, json_wanted: bool, out: TextIO) -> None:
    """The outcome of a command."""
    if not json_wanted:
        print(_visible(done.sentence), file=out)
        return
    thing = {done.thing.kind: done.thing.name} if done.thing else {}
    members = {"status": done.status, "not_before": done.not_before, "revoked": done.revoked}
    told = {name: value for name, value in members.items() if value is not None}
    print(json.dumps({"changed": done.changed, **thing, **told}, indent=2), file=out)


def show(args: argparse.Namespace, store: Opened, out: TextIO) -> None:
    """One list."""
    rows = list({"accounts": _accounts, "issuers": _issuers, "tokens": _tokens}[args.action](args, store))
    if args.json:
        print(json.dumps({args.action: rows}, indent=2, ensure_ascii=False), file=out)
        return
    for row in rows:
        print("  ".join(_visible(cell) for cell in _cells(row)), file=out)


def narrowed(args: argparse.Namespace) -> tuple[Column, str] | None:
    """What --account, --client or --issuer say."""
    chosen = [(column, getattr(args, name)) for name, column in _BY.items() if getattr(args, name)]
    return chosen[0] if chosen else None


def status_of(thing: Thing, store: Opened) -> str:
    """What the file says of it; what operators say is not asked here."""
    if thing.kind == "account":
        active = any(each.id == thing.name and each.active for each in store.operations.accounts())
        return "active" if active else "disabled"
    alive = any(each.issuer == thing.name and each.alive(now=store.now) for each in store.places.issuers)
    return "active" if alive else "stopped"


def when(time: int) -> str:
    """NumericDate for people."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _accounts(_args: argparse.Namespace, store: Opened) -> Iterator[dict[str, Any]]:
    links, said = store.operations.links(), store.operations.said("account")
    for account in store.operations.accounts():
        yield {
            "id": account.id,
            **_standing(said.get(account.id), "active" if account.active else "disabled"),
            "email": account.email,
            "tenant": account.tenant,
            "scopes": None if account.scopes is None else sorted(account.scopes),
            "links": [
                {"issuer": link.issuer, "tenant": link.tenant, "sub": link.sub}
                for link in links.get(account.id, ())
            ],
        }


def _issuers(_args: argparse.Namespace, store: Opened) -> Iterator[dict[str, Any]]:
    said = store.operations.said("issuer")
    for each in store.places.issuers:
        status = "active" if each.alive(now=store.now) else "stopped"
        yield {"id": each.issuer, **_standing(said.pop(each.issuer, None), status), "expires": each.expires}
    for name, gone in said.items():
        yield {"id": name, **_standing(gone, "removed"), "expires": None}


def _tokens(args: argparse.Namespace, store: Opened) -> Iterator[dict[str, Any]]:
    by, value = narrowed(args) or (None, "")
    for row in store.operations.tokens(by, value, limit=args.last):
        token = row.token
        yield {
            "id": token.jti,
            "status": "active" if row.revoked is None else "revoked",
            "account": token.account_id,
            "client": token.client_id,
            "issuer": token.issuer,
            "tenant": token.our_tenant,
            "iat": token.iat,
            "exp": token.exp,
            "revoked": row.revoked,
        }


def _standing(said: Said | None, status: str) -> dict[str, Any]:
    """An operator's pause is seen before whatever the file says."""
    said = said or Said()
    paused = None if said.paused is None else {"since": said.paused, "by": said.by, "reason": said.reason}
    return {"status": "paused" if paused else status, "paused": paused, "not_before": said.not_before}


def _cells(row: dict[str, Any]) -> Iterator[str]:
    """A line for people: what it is and how it stands first, then what there is to know."""
    yield str(row["id"])
    yield str(row["status"])
    for name, value in row.items():
        if name in ("id", "status") or value in (None, []):
            continue
        match name, value:
            case "paused", {"since": since, "by": by, "reason": reason}:
                yield f"since {when(since)} by {by}: {reason}"
            case (("not_before" | "expires" | "iat" | "exp" | "revoked"), int()):
                yield f"{name.replace('_', ' ')} {when(value)}"
            case "links", list():
                yield from (f"{each['issuer']}#{each['sub']}" for each in value)
            case "scopes", list():
                yield f"scopes {' '.join(value)}"
            case _:
                yield f"{name} {value}"


def _visible(text: str) -> str:
    """Nothing that an issuer sent begins a line or moves a terminal's cursor."""
    return text if text.isprintable() else ascii(text)
