"""Which commands go through the admin API, and why the others do not; they print what they print on the host.

Each has its work in the module of its noun: remote_users, remote_admin, remote_audit, ...
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Final, TextIO, TypeAlias

from idjag.cli import (
    Failed,
    audit_offline,
    check,
    remote_admin,
    remote_audit,
    remote_keys,
    remote_secrets,
    remote_state,
    remote_stops,
    remote_users,
)
from idjag.cli.server import Around, Server, of

__all__ = ["run"]

Command: TypeAlias = Callable[[argparse.Namespace, Server, Around], int]


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run one command there; exit codes as on the host.  Raises Failed."""
    parts = (args.command, getattr(args, "noun", None), getattr(args, "action", None))
    name = " ".join(filter(None, parts))
    if name == "audit verify" and args.export is not None:
        return audit_offline.verify(args, out=out)  # whoever has the file asks nobody
    if name == "check" and not args.drift:
        return check.run(args, environ=environ, out=out, err=err)
    command = _COMMANDS.get(name)
    if command is None:
        why = _HERE.get(name) or _HERE.get(args.command, "")
        raise Failed(f"{name}: on the host alone, without --server and IDJAG_SERVER{why}", code=2)
    return command(args, of(args, environ), Around(environ, out, err))


_COMMANDS: Final[Mapping[str, Command]] = {
    **remote_state.COMMANDS,
    **remote_stops.COMMANDS,
    **remote_keys.COMMANDS,
    **remote_secrets.COMMANDS,
    **remote_users.COMMANDS,
    **remote_admin.COMMANDS,
    **remote_audit.COMMANDS,
}

_HERE: Final[Mapping[str, str]] = {
    "admin create": ": the first link is the host's operator's to make; owners make further administrators",
    "admin reset": ": it lets somebody in without password and second factor, and no API token does that",
    "audit erase": ": what is erased comes back from no log",
    "db": ": it is about the database itself",
    "kek": ": it is about the key-encryption key, which never leaves the host",
}
"""Why; the others are about this machine."""
