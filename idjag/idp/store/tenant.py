"""The first tenant's row: its id never changes, its issuer is stored and must be the one configured."""

from __future__ import annotations

from collections.abc import Callable

from idjag.idp.facts import string
from idjag.idp.settings import Settings, SettingsWrong
from idjag.idp.snapshot import Snapshot
from idjag.idp.store.ledgers import DurableLedger
from idjag.ledger.entry import Entry, Event, Facts, Insert, Key, Row, Unavailable, Verdict

__all__ = ["ensure_tenant"]

DEFAULT = "default"


def ensure_tenant(ledger: DurableLedger, settings: Settings, *, now: int, new_id: Callable[[], str]) -> str:
    """The id of the default tenant, made on first use; raises SettingsWrong when the issuer was another.

    Every token, link and subject names the issuer: to change it is a migration, not a setting.
    """
    by_name = Key("tenant", "name", DEFAULT)
    rows = ledger.read((by_name,))(by_name)
    if not rows:
        try:
            return _create(ledger, settings.issuer, by_name, now=now, tenant=new_id(), holder=new_id())
        except Unavailable:
            # Another node may have been first: its row stands in the way of ours.
            rows = ledger.read((by_name,))(by_name)
            if not rows:
                raise
    stored = string(rows[0], "issuer")
    if stored != settings.issuer:
        raise SettingsWrong(
            f"IDJAG_ISSUER is {settings.issuer}, but this database belongs to {stored}: "
            "set it back, or use another database"
        )
    return string(rows[0], "id")


def _create(ledger: DurableLedger, issuer: str, by_name: Key, *, now: int, tenant: str, holder: str) -> str:
    row: Row = {"id": tenant, "name": DEFAULT, "issuer": issuer, "created": now}

    def decide(_snapshot: Snapshot, facts: Facts) -> Verdict[str]:
        made_meanwhile = facts(by_name)
        if made_meanwhile:
            return Verdict(string(made_meanwhile[0], "id"), events=())
        fields = {"decision_id": holder, "actor": {"kind": "system", "id": "idjag"}, "after": dict(row)}
        return Verdict(
            tenant, [Event("tenant.created", fields)], [Insert("tenant", row)], policy_changed=True
        )

    ledger.open_tenant(tenant)
    return ledger.commit(Entry(tenant, holder, now, decide, reads=(by_name,)))
