"""``idjag admin``: from the host, the first owner, recovery, and API tokens."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from pydantic import ValidationError

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.cli.times import duration
from idjag.idp.administration import administrators, appointments, links, tokens
from idjag.idp.administration.administrators import By
from idjag.idp.administration.links import AdminLink
from idjag.idp.administration.roles import Role
from idjag.idp.catalog.fields import is_clean
from idjag.idp.catalog.user import UserEntry
from idjag.idp.questions import UnknownName, find_person
from idjag.idp.tenancy import Store

__all__ = ["print_administrators", "print_made", "print_tokens", "register", "run", "token_name"]

_LONGEST_NAME = 200
_NINETY_DAYS = 90 * 24 * 3600


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("admin", help="administrators of the console, and API tokens")
    actions = parser.add_subparsers(dest="action", required=True)
    creating = actions.add_parser("create", help="a one-time link that makes the first administrator")
    creating.add_argument("user", metavar="NAME", help="the user name; a new person when nobody has it")
    creating.add_argument(
        "--role", choices=[*Role], default=Role.OWNER, help="what they may do (default: owner)"
    )
    creating.add_argument("--email", metavar="ADDRESS", help="of a new person")
    creating.add_argument("--name", default="", metavar="NAME", help="of a new person, as people read it")
    actions.add_parser("list", help="every administrator")
    for name, summary in (
        ("reset", "a one-time link for an administrator who lost password or second factors; these go"),
        ("end", "somebody is an administrator no more"),
    ):
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("user", metavar="NAME", help="the user name")
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
    """Exit 1 when the answer is no: an owner exists, the last owner, no such administrator or token."""
    # who is first may come before the server has ever run
    with opened(args, environ, err, create=args.action == "create") as store:
        return _ACTIONS[args.action](args, store, out, err)


def _create(args: argparse.Namespace, store: Store, out: TextIO, err: TextIO) -> int:
    try:
        entry = UserEntry(username=args.user, email=args.email, name=args.name)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        option = {"username": "NAME", "email": "--email", "name": "--name"}[str(first["loc"][0])]
        raise Failed(f"{option}: {first['msg']}", code=2) from None
    try:
        link = links.create(store, entry, Role(args.role), by=_by())
    except links.OwnerExists as exists:
        raise Failed(f"{exists}; for one who cannot sign in: idjag admin reset NAME", code=1) from None
    except appointments.NoSuch as no:
        raise Failed(f"{args.user}: {no}", code=1) from None
    return _print_link(link, args.user, out=out, err=err)


def _reset(args: argparse.Namespace, store: Store, out: TextIO, err: TextIO) -> int:
    try:
        link = links.reset(store, _person(store, args.user), by=_by())
    except appointments.NoSuch as no:
        raise Failed(f"{args.user}: {no}", code=1) from None
    return _print_link(link, args.user, out=out, err=err)


def _print_link(link: AdminLink, user: str, *, out: TextIO, err: TextIO) -> int:
    """The link alone on standard output, so that nothing else is copied with it."""
    print(link.url, file=out)
    who = f"{user} (a new user)" if link.new else user
    print(f"idjag: for {who}; works once, until {_when(link.expires)}; whoever opens it is {user}", file=err)
    return 0


def _list(_args: argparse.Namespace, store: Store, out: TextIO, _err: TextIO) -> int:
    print_administrators([asdict(one) for one in administrators.listed(store)], out=out)
    return 0


def print_administrators(found: Sequence[Mapping[str, Any]], *, out: TextIO) -> None:
    """Administrators, from here or from a server."""
    for one in found:
        state, since = "active" if one["able"] else "stopped", _when(one["created"])
        print(f"{one['username']}  {state:7}  {one['role']:11}  since {since}  {one['name']}", file=out)


def _end(args: argparse.Namespace, store: Store, _out: TextIO, _err: TextIO) -> int:
    try:
        appointments.end(store, _person(store, args.user), by=_by())
    except (appointments.NoSuch, appointments.LastOwner) as no:
        raise Failed(f"{args.user}: {no}", code=1) from None
    return 0


def _person(store: Store, user: str) -> str:
    try:
        return find_person(store, user)
    except UnknownName as unknown:
        raise Failed(str(unknown), code=2) from None


def _by() -> By:
    return administrators.operator(operator())


def _token_create(args: argparse.Namespace, store: Store, out: TextIO, err: TextIO) -> int:
    name = token_name(args)
    try:
        made = tokens.create(store, name=name, role=Role(args.role), lifetime=args.expires, actor=operator())
    except ValueError as wrong:
        raise Failed(f"--expires: {wrong}", code=2) from None
    return print_made(made.token, made.value, out=out, err=err)


def token_name(args: argparse.Namespace) -> str:
    """What the token is for; raises Failed."""
    name = str(args.name).strip()
    if not 0 < len(name) <= _LONGEST_NAME or not is_clean(name):
        raise Failed(f"--name: 1 to {_LONGEST_NAME} visible characters on one line", code=2)
    return name


def print_made(token: tokens.ApiToken, value: str, *, out: TextIO, err: TextIO) -> int:
    """The value alone on standard output, so that it can go straight into a file."""
    print(value, file=out)
    print(f"idjag: {token.handle}: shown once; ends {_when(token.expires)}", file=err)
    return 0


def _token_list(_args: argparse.Namespace, store: Store, out: TextIO, _err: TextIO) -> int:
    print_tokens(tokens.listed(store), now=store.clock(), out=out)
    return 0


def _token_revoke(args: argparse.Namespace, store: Store, _out: TextIO, _err: TextIO) -> int:
    return 0 if tokens.revoke(store, args.handle, actor=operator()) else 1


def print_tokens(found: Sequence[tokens.ApiToken], *, now: int, out: TextIO) -> None:
    """Tokens and how they are now, from here or from a server."""
    for token in found:
        state = "revoked" if token.revoked is not None else "ended" if token.expires <= now else "active"
        used = "never used" if token.last_used is None else f"last used {_when(token.last_used)}"
        ends = _when(token.expires)
        print(f"{token.handle}  {state:7}  {token.role:11}  until {ends}  {used}  {token.name}", file=out)


def _when(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


_ACTIONS: Final[Mapping[str, Callable[[argparse.Namespace, Store, TextIO, TextIO], int]]] = {
    "create": _create,
    "list": _list,
    "reset": _reset,
    "end": _end,
    "token-create": _token_create,
    "token-list": _token_list,
    "token-revoke": _token_revoke,
}
