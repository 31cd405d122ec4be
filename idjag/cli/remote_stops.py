"""The kill switch through the admin API."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from idjag.cli.hold import print_holds
from idjag.cli.server import Around, Server
from idjag.idp.catalog.fields import format_timestamp

__all__ = ["COMMANDS"]


def _hold(args: argparse.Namespace, server: Server, around: Around) -> int:
    body = _target(args)
    if args.until is not None:
        value, from_now = args.until
        body["until"] = format_timestamp(int(time.time()) + value if from_now else value)
    return print_holds([server.call("POST", "/holds", body)], args, out=around.out)


def _release(args: argparse.Namespace, server: Server, around: Around) -> int:
    return print_holds(server.call("POST", "/holds/release", _target(args))["items"], args, out=around.out)


def _target(args: argparse.Namespace) -> dict[str, Any]:
    body = {"kind": args.kind, "id": args.id, "reason": args.reason.strip()}
    return body if args.app is None else {**body, "app": args.app}


COMMANDS: Final = {"hold": _hold, "release": _release}
