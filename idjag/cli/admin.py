"""``idjag admin``: API tokens, from the host; administrators themselves are not built."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.cli.times import duration
from idjag.idp.administration import tokens
from idjag.idp.administration.roles import Role
from idjag.idp.catalog.fields import is_clean
from idjag.idp.tenancy import Store

__all__ = ["register", "run"]

_NOT_BUILT = ("create", "reset")
_LONGEST_NAME = 200
_NINETY_DAYS = 90 * 24 * 3600


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("admin", help="API tokens (administrators: not built)")
    actions = parser.add_subparsers(dest="action", required=True)
    for name in _NOT_BUILT:
        later = actions.add_parser(name, help="administrators of the console (not built)")
        later.add_argument("given", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    making = actions.add_parser("token-create", help="make an API token; its value is shown once")
    making.add_argument("--name", required=True, help="what it is for")
    making.add_argument("--role", required=True, choices=[*Role], help="what it may do")
    making.add_argument(
        "--expires", type=duration, default=_NINETY_DAYS, metavar="90d", help="how long it lives"
    )
    actions.add_parser("token-list", help="every API token; never a value")
    ending = actions.add_parser("token-revoke", help="end an API token from the next request on")
    ending.add_argument("handle", metavar="HANDLE", help="as token-list shows it")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when there was no such living token."""
    if args.action in _NOT_BUILT:
        raise Failed(f"admin {args.action}: not built", code=2)
    with opened(args, environ, err) as store:
        match args.action:
            case "token-create":
                return _create(args, store, out=out, err=err)
            case "token-list":
                _print(tokens.listed(store), now=store.clock(), out=out)
                return 0
            case _:
                return 0 if tokens.revoke(store, args.handle, actor=operator()) else 1


def _create(args: argparse.Namespace, store: Store, *, out: TextIO, err: TextIO) -> int:
    """The value alone on standard output, so that it can go straight into a file."""
    name = args.name.strip()
    if not 0 < len(name) <= _LONGEST_NAME or not is_clean(name):
        raise Failed(f"--name: 1 to {_LONGEST_NAME} visible characters on one line", code=2)
    try:
        made = tokens.create(store, name=name, role=Role(args.role), lifetime=args.expires, actor=operator())
    except ValueError as wrong:
        raise Failed(f"--expires: {wrong}", code=2) from None
    print(made.value, file=out)
    print(f"idjag: {made.token.handle}: shown once; ends {_when(made.token.expires)}", file=err)
    return 0


def _print(found: Sequence[tokens.ApiToken], *, now: int, out: TextIO) -> None:
    for token in found:
        state = "revoked" if token.revoked is not None else "ended" if token.expires <= now else "active"
        used = "never used" if token.last_used is None else f"last used {_when(token.last_used)}"
        ends = _when(token.expires)
        print(f"{token.handle}  {state:7}  {token.role:11}  until {ends}  {used}  {token.name}", file=out)


def _when(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
