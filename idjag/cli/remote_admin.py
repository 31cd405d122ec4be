"""Administrators and API tokens through the admin API, as far as a token goes."""

from __future__ import annotations

import argparse
import time
from http import HTTPStatus
from typing import Any, Final

from idjag.cli import Failed
from idjag.cli.admin import print_administrators, print_made, print_tokens, token_name
from idjag.cli.server import Answered, Around, Server, segment
from idjag.idp.administration.roles import Role
from idjag.idp.administration.tokens import ApiToken

__all__ = ["COMMANDS"]


def _list(_args: argparse.Namespace, server: Server, around: Around) -> int:
    print_administrators(server.call("GET", "/administrators")["items"], out=around.out)
    return 0


def _end(args: argparse.Namespace, server: Server, _around: Around) -> int:
    """Whatever role they have, as on the host."""
    name = segment(args.user)
    try:
        server.call("DELETE", f"/administrators/{name}", headers={"If-Match": "*"})
    except Answered as no:
        if no.status != HTTPStatus.NOT_FOUND:
            raise
        server.call("GET", f"/users/{name}")  # who is nobody at all is another mistake
        raise Failed(f"{args.user}: this user is no administrator", code=1) from None
    return 0


def _token_create(args: argparse.Namespace, server: Server, around: Around) -> int:
    body = {"name": token_name(args), "role": args.role, "lifetime": f"{args.expires}s"}
    made = server.call("POST", "/tokens", body)
    return print_made(_token(made), made["value"], out=around.out, err=around.err)


def _token_list(_args: argparse.Namespace, server: Server, around: Around) -> int:
    found = [_token(item) for item in server.call("GET", "/tokens")["items"]]
    print_tokens(found, now=int(time.time()), out=around.out)
    return 0


def _token_revoke(args: argparse.Namespace, server: Server, _around: Around) -> int:
    try:
        server.call("DELETE", f"/tokens/{segment(args.handle)}")
    except Answered as no:
        if no.status != HTTPStatus.NOT_FOUND:
            raise
        return 1
    return 0


def _token(item: dict[str, Any]) -> ApiToken:
    return ApiToken(
        handle=item["handle"],
        name=item["name"],
        role=Role(item["role"]),
        by=item["by"],
        created=item["created"],
        expires=item["expires"],
        last_used=item["last_used"],
        revoked=item["revoked"],
    )


COMMANDS: Final = {
    "admin list": _list,
    "admin end": _end,
    "admin token-create": _token_create,
    "admin token-list": _token_list,
    "admin token-revoke": _token_revoke,
}
