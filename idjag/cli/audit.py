"""``idjag audit``: list and export the audit log of the identity provider, and verify its chain."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TextIO

from idjag.cli import audit_export, trail
from idjag.cli.store import opened
from idjag.idp import facts
from idjag.idp.app import Store
from idjag.ledger.entry import Key

__all__ = ["register", "run"]

_ABOUT = {"subject": "user", "requesting_app": "app", "resource_app": "to", "actor": "by"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    trail.add_actions(subparsers.add_parser("audit", help="list, export and verify the audit log"))


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action."""
    with opened(args, environ, err) as store:
        log = trail.Log(
            store.ledger,
            store.tenant,
            chain_key=store.chain_key,
            about=_ABOUT,
            export=lambda: _source(store),
            names=lambda events: _names(store, events),
        )
        return trail.read(args.action, args, log, out=out)


def _source(store: Store) -> audit_export.Source:
    now = store.clock()
    return audit_export.Source(
        store.ledger,
        store.tenant,
        store.issuer,
        now,
        key=store.ledger.fresh(store.tenant).keys.signing("ES256", now=now),
        record=audit_export.recorder(store.ledger, store.tenant),
        new_id=store.new_id,
    )


def _names(store: Store, events: trail.AuditEvents) -> dict[str, str]:
    """What people call the apps and people that are there; what is gone keeps its id."""
    policy = store.ledger.fresh(store.tenant).policy
    apps = {app.id: app.key for app in policy.apps.values()}
    targets = {target.id: target.key for target in policy.resource_apps.values()}
    ids = dict.fromkeys(str(event["subject"]) for event in events if event["subject"])
    keys = tuple(Key("person", "id", one) for one in ids)
    found = store.ledger.read(keys)
    people = {key.value: facts.string(row, "username") for key in keys for row in found(key)}
    return apps | targets | people
