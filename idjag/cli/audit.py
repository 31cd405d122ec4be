"""``idjag audit``: list and export the audit log of the identity provider, and verify its chain."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from idjag.cli import audit_export, audit_offline, trail
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp import facts
from idjag.idp.app import Store
from idjag.idp.erasure import Erasure
from idjag.idp.settings import Settings
from idjag.idp.verifications import Verifications
from idjag.ledger.entry import Event, Key, Unavailable
from idjag.ledger.verification import Verified

__all__ = ["register", "run"]

_ABOUT = {"subject": "user", "requesting_app": "app", "resource_app": "to", "actor": "by"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("audit", help="list, export and verify the audit log; erase a person")
    trail.add_actions(parser, also=_add_erase)


def _add_erase(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    erase = actions.add_parser("erase", help="take a person's data out of the log, which verifies as before")
    erase.add_argument("--user", required=True, metavar="U", help="username or id; may be gone already")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one action."""
    if args.action == "verify" and args.export is not None:
        return audit_offline.verify(args, out=out)
    with opened(args, environ, err) as store:
        if args.action == "erase":
            url = Settings.load(environ, Path(args.config) if args.config else None).database_url
            return _erase(args.user, store, url, out=out)
        log = trail.Log(
            store.ledger,
            store.tenant,
            chain_key=store.chain_key,
            about=_ABOUT,
            export=lambda: _source(store),
            names=lambda events: _names(store, events),
            kept=partial(_keep, store, began=store.clock()),
        )
        return trail.read(args.action, args, log, out=out)


def _erase(user: str, store: Store, url: str, *, out: TextIO) -> int:
    """Exit 1 when nothing in the log is about them."""
    erasure = Erasure(store.ledger, url, store.tenant)
    somebody = erasure.find(user)
    rows = 0 if somebody is None else erasure.run(somebody)
    if rows:
        event = Event(
            "audit.erased", {"decision_id": store.new_id(), "actor": operator(), "after": {"rows": rows}}
        )
        audit_export.recorder(store.ledger, store.tenant)(event, store.clock())
    print(f"erased from {rows} rows; exports and backups of before still have it", file=out)
    return 0 if rows else 1


def _keep(store: Store, done: Verified, *, began: int) -> None:
    """For the console; what was found is said all the same where it cannot be kept."""
    kept = Verifications(store.ledger, store.tenant, store.chain_key, store.clock, store.new_id)
    with suppress(Unavailable):
        kept.keep_whole(done, began=began, by=operator()["id"])


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
