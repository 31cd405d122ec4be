"""Client secrets of apps through the admin API."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from idjag.cli.apps import expires_of, print_made, print_secrets
from idjag.cli.server import Around, Server, segment
from idjag.idp.catalog.fields import format_timestamp

__all__ = ["COMMANDS"]


def _new(args: argparse.Namespace, server: Server, around: Around) -> int:
    body: dict[str, Any] = {"overlap": f"{args.overlap}s"}
    expires = expires_of(args, now=int(time.time()))
    if expires is not None:
        body["expires"] = format_timestamp(expires)
    print_made(server.call("POST", _of(args), body), args, out=around.out)
    return 0


def _list(args: argparse.Namespace, server: Server, around: Around) -> int:
    print_secrets(server.call("GET", _of(args))["items"], args, out=around.out)
    return 0


def _retire(args: argparse.Namespace, server: Server, around: Around) -> int:
    print_secrets([server.call("DELETE", f"{_of(args)}/{segment(args.id)}")], args, out=around.out)
    return 0


def _of(args: argparse.Namespace) -> str:
    return f"/apps/{segment(args.app)}/secrets"


COMMANDS: Final = {"apps secret new": _new, "apps secret list": _list, "apps secret retire": _retire}
