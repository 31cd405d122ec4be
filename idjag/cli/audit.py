"""``idjag audit``: list and export the audit log of the identity provider, and verify its chain."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from idjag.cli import audit_export, audit_offline, trail
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp.app import Store
from idjag.idp.audit_names import names_of
from idjag.idp.erasure import Erasure
from idjag.idp.settings import Settings
from idjag.ledger.entry import Event, Unavailable
from idjag.ledger.verification import Verified

__all__ = ["ABOUT", "register", "run"]

ABOUT: Final = {"subject": "user", "requesting_app": "app", "resource_app": "to", "actor": "by"}
"""Which fields a line of `audit list` shows, each with its word."""


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
            about=ABOUT,
            export=lambda: _source(store),
            names=lambda events: names_of(store, events),
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
    with suppress(Unavailable):
        store.verifications.keep_whole(done, began=began, by=operator()["id"])


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
