"""SAML NameIDs of accounts: a column that says them, and a table in which they are looked up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from idjag.ledger.entry import Delete, Facts, Key, Upsert, Value, Write
from idjag.protocol.sub_id import SamlNameId, claim_of, saml_nameid
from idjag.ras.model import Account

__all__ = ["STATEMENTS", "column", "keys", "looked_up", "of_column", "taken", "writes"]

_TABLE = "account_name_id"

STATEMENTS = (
    """\
CREATE TABLE IF NOT EXISTS account_name_id (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    whole TEXT NOT NULL,
    tenant TEXT,
    account_id TEXT NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS account_name_id_name ON account_name_id (name)",
)


def column(account: Account) -> str | None:
    """All members of all NameIDs, as the claim would say them; None for none."""
    if not account.sub_ids:
        return None
    return json.dumps([claim_of(name_id) for name_id in account.sub_ids], sort_keys=True)


def of_column(value: Value) -> tuple[SamlNameId, ...]:
    """The NameIDs of a row."""
    stored = json.loads(value) if isinstance(value, str) else []
    found = (saml_nameid({"sub_id": claim}) for claim in stored)
    return tuple(name_id for name_id in found if name_id is not None)


def looked_up(name_id: SamlNameId) -> Key:
    """Where the accounts of this issuer's NameID are listed, whatever its other members are."""
    return Key(_TABLE, "name", _digest(name_id.issuer, name_id.nameid))


def keys(account: Account) -> tuple[Key, ...]:
    """Where the NameIDs of an account would be."""
    return tuple(map(looked_up, account.sub_ids))


def taken(account: Account, facts: Facts) -> bool:
    """Whether somebody else of the same tenant has one of its NameIDs, with every member of it."""
    whole = set(map(_whole, account.sub_ids))
    rows = (row for key in keys(account) for row in facts(key) if row["whole"] in whole)
    return any(row["tenant"] == account.tenant and row["account_id"] != account.id for row in rows)


def writes(account: Account, before: Iterable[SamlNameId] = ()) -> Iterator[Write]:
    """What lists the account under its NameIDs, and no more under those that it had before."""
    wanted = {_row_id(account, name_id): name_id for name_id in account.sub_ids}
    for name_id in before:
        if _row_id(account, name_id) not in wanted:
            yield Delete(_TABLE, {"id": _row_id(account, name_id)})
    for row_id, name_id in wanted.items():
        row = {"id": row_id, "name": looked_up(name_id).value, "whole": _whole(name_id)}
        yield Upsert(_TABLE, {**row, "tenant": account.tenant, "account_id": account.id})


def _row_id(account: Account, name_id: SamlNameId) -> str:
    return _digest(account.id, _whole(name_id))


def _whole(name_id: SamlNameId) -> str:
    return _digest(json.dumps(claim_of(name_id), sort_keys=True))


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        octets = part.encode()
        digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()
