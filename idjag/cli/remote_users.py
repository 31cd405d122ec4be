"""People and their accounts through the admin API."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

from idjag.cli.server import Around, Server, segment
from idjag.cli.users import DECIDING, print_done, print_people
from idjag.idp.account_steps import STEPS

__all__ = ["COMMANDS"]


def _list(args: argparse.Namespace, server: Server, around: Around) -> int:
    return print_people(_people(server), args, out=around.out)


def _people(server: Server) -> Iterator[dict[str, Any]]:
    """Page after page; what an entry of the state file leaves out is what that means."""
    after = ""
    while True:
        page = server.call("GET", "/users", query={"after": after})
        for one in page["items"]:
            yield {
                "username": one["username"],
                "name": one.get("name", ""),
                "email": one.get("email"),
                "status": one["status"],
                "email_verified": one.get("email_verified", False),
            }
        if page["next"] is None:
            return
        after = page["next"]


def _show(args: argparse.Namespace, server: Server, around: Around) -> int:
    said = server.call("GET", f"/users/{segment(args.user)}/account")
    return print_done(said, args, managed=False, out=around.out, err=around.err)


def _step(args: argparse.Namespace, server: Server, around: Around) -> int:
    said = server.call("POST", f"/users/{segment(args.user)}/{args.action}")
    by = said.pop("managed_by")
    managed = args.action in DECIDING and by != "people"
    return print_done(said, args, managed=managed, out=around.out, err=around.err)


COMMANDS: Final = {"users list": _list, "users show": _show} | {f"users {name}": _step for name in STEPS}
