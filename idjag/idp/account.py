"""What there is of one person's account, as commands and the admin API show it: nothing that proves."""

from __future__ import annotations

from typing import Any, Final

from idjag.idp import facts
from idjag.idp.accounts import Gone
from idjag.idp.factors.enrolled import enrolled, keys
from idjag.idp.facts import integer, string
from idjag.idp.limits import account_key
from idjag.idp.passwords.setting import credential_key
from idjag.idp.tenancy import Store
from idjag.ledger.entry import Facts, Key, Row

__all__ = ["COLUMNS", "account", "columns"]

COLUMNS: Final = ("username", "name", "email", "status")


def columns(row: Row) -> dict[str, Any]:
    """Who somebody is, in a list too."""
    return {**{name: row[name] for name in COLUMNS}, "email_verified": row["email_verified"] == 1}


def account(store: Store, person_id: str) -> dict[str, Any]:
    """Groups, whether there is a password, factors, sessions, failures; raises Gone, Unavailable."""
    sessions, memberships = Key("session", "person_id", person_id), Key("membership", "person_id", person_id)
    own = (*facts.person_keys(person_id), *facts.hold_keys(person_id), *keys(person_id))
    found = store.ledger.read(tuple(dict.fromkeys((*own, sessions, credential_key(person_id)))))
    rows, now = found(Key("person", "id", person_id)), store.clock()
    if not rows:
        raise Gone("the user was deleted just now")
    row = rows[0]
    groups = [Key("person_group", "id", string(each, "group_id")) for each in found(memberships)]
    locked = account_key(store.tenant, string(row, "username"))
    more = store.ledger.read((*groups, locked))
    return {
        **columns(row),
        "id": person_id,
        "groups": sorted(string(each, "name") for key in groups for each in more(key)),
        "password": any(each["kind"] == "password" for each in found(credential_key(person_id))),
        "factors": [{"kind": one.kind, "label": one.label} for one in enrolled(found, person_id)],
        "sessions": sum(_alive(each, row, now=now) for each in found(sessions)),
        "failures": _failures(more, locked, now=now),
        "held": bool(facts.holds(found, person_id)),
    }


def _alive(session: Row, person: Row, *, now: int) -> bool:
    ended = session["ended"] is not None or session["revoked"] is not None
    return not ended and session["epoch"] == person["epoch"] and integer(session, "expires") > now


def _failures(found: Facts, locked: Key, *, now: int) -> int:
    counted = (row for row in found(locked) if integer(row, "until") > now)
    return max((integer(row, "failures") for row in counted), default=0)
