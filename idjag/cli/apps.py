"""``idjag apps secret``: client secrets that are made here and shown once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from idjag.cli import Failed
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import duration, until
from idjag.idp.app_secrets import SecretRefused, listed, made_members, make, members, retire
from idjag.idp.catalog.fields import format_timestamp
from idjag.idp.questions import UnknownName
from idjag.idp.tenancy import Store

__all__ = ["expires_of", "print_made", "print_secrets", "register", "run"]

_DAY = 86_400
_SHOWN = ("id", "created", "expires")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("apps", help="client secrets of apps")
    nouns = parser.add_subparsers(dest="noun", metavar="NOUN", required=True)
    secret = nouns.add_parser("secret", help="make, list and retire client secrets")
    actions = secret.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser(
        "new",
        help="make a further secret and show it, once",
        description="The secret that the app has goes on for the overlap, so that it can change over.",
    )
    new.add_argument(
        "--overlap", type=duration, default=_DAY, metavar="7d", help="how long the old one goes on; 1d"
    )
    new.add_argument(
        "--expires", type=until, metavar="T", help="the new one ends by itself: 90d, or 2027-01-15T08:00:00Z"
    )
    shown = actions.add_parser("list", help="the secrets by id, and how long they count; never a secret")
    ended = actions.add_parser("retire", help="end a secret with the next request")
    for action in (new, shown, ended):
        action.add_argument("app", metavar="APP", help="id of the app, as in the state file")
        action.add_argument("--json", action="store_true", help="the answer as JSON")
    ended.add_argument("id", metavar="ID", help="of the secret, as list shows it")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when nothing was changed, 2 for a name that leads nowhere."""
    with opened(args, environ, err) as store:
        try:
            _act(store, args, out)
        except UnknownName as unknown:
            raise Failed(str(unknown), code=2) from None
        except SecretRefused as refused:
            raise Failed(str(refused), code=1) from None
    return 0


def _act(store: Store, args: argparse.Namespace, out: TextIO) -> None:
    now = store.clock()
    match args.action:
        case "new":
            expires = expires_of(args, now=now)
            made = make(store, args.app, actor=operator(), overlap=args.overlap, expires=expires)
            print_made(made_members(made), args, out=out)
        case "list":
            print_secrets([members(each, now=now) for each in listed(store, args.app)], args, out=out)
        case _:
            ended = retire(store, args.app, args.id, actor=operator())
            print_secrets([members(ended, now=now)], args, out=out)


def expires_of(args: argparse.Namespace, *, now: int) -> int | None:
    """When the new one ends by itself; raises Failed."""
    if args.expires is None:
        return None
    value, from_now = args.expires
    ends: int = now + value if from_now else value
    if ends <= now:
        raise Failed("--expires has passed already", code=2)
    return ends


def print_made(made: Mapping[str, Any], args: argparse.Namespace, *, out: TextIO) -> None:
    """A new secret, from here or from a server: seen this once."""
    if args.json:
        names = ("secret", *_SHOWN)
        beside = [{name: each[name] for name in _SHOWN} for each in made["beside"]]
        print(json.dumps({**{name: made[name] for name in names}, "beside": beside}, indent=2), file=out)
        return
    print(f"secret of {args.app}, shown this once: {made['secret']}", file=out)
    print(f"its id is {made['id']}; {_until(made)}", file=out)
    for each in made["beside"]:
        print(f"the secret {each['id']} {_until(each)}", file=out)


def print_secrets(secrets: Iterable[Mapping[str, Any]], args: argparse.Namespace, *, out: TextIO) -> None:
    """What may be known of secrets, from here or from a server."""
    if args.json:
        told = [{name: each[name] for name in (*_SHOWN, "over")} for each in secrets]
        print(json.dumps({"secrets": told}, indent=2), file=out)
        return
    for each in secrets:
        state = "is over" if each["over"] else _until(each)
        print(f"{each['id']}  made {format_timestamp(each['created'])}  {state}", file=out)


def _until(secret: Mapping[str, Any]) -> str:
    expires = secret["expires"]
    return "counts until it is retired" if expires is None else f"counts until {format_timestamp(expires)}"
