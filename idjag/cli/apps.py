"""``idjag apps secret``: client secrets that are made here and shown once."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import TextIO

from idjag.cli import Failed
from idjag.cli.state_file import operator
from idjag.cli.store import opened
from idjag.cli.times import duration, until
from idjag.idp.app_secrets import AppSecret, Made, SecretRefused, listed, make, retire
from idjag.idp.catalog.fields import format_timestamp
from idjag.idp.questions import UnknownName
from idjag.idp.tenancy import Store

__all__ = ["register", "run"]

_DAY = 86_400


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
    match args.action:
        case "new":
            expires = _expires(args.expires, now=store.clock())
            made = make(store, args.app, actor=operator(), overlap=args.overlap, expires=expires)
            _print_made(made, args, out)
        case "list":
            _print_all(listed(store, args.app), args, now=store.clock(), out=out)
        case _:
            ended = retire(store, args.app, args.id, actor=operator())
            _print_all([ended], args, now=store.clock(), out=out)


def _expires(given: tuple[int, bool] | None, *, now: int) -> int | None:
    if given is None:
        return None
    value, from_now = given
    ends = now + value if from_now else value
    if ends <= now:
        raise Failed("--expires has passed already", code=2)
    return ends


def _print_made(made: Made, args: argparse.Namespace, out: TextIO) -> None:
    if args.json:
        beside = [_members(each) for each in made.beside]
        print(
            json.dumps({"secret": made.text, **_members(made.secret), "beside": beside}, indent=2), file=out
        )
        return
    print(f"secret of {args.app}, shown this once: {made.text}", file=out)
    print(f"its id is {made.secret.id}; {_until(made.secret)}", file=out)
    for each in made.beside:
        print(f"the secret {each.id} {_until(each)}", file=out)


def _print_all(secrets: Iterable[AppSecret], args: argparse.Namespace, *, now: int, out: TextIO) -> None:
    if args.json:
        told = [{**_members(each), "over": each.over(now)} for each in secrets]
        print(json.dumps({"secrets": told}, indent=2), file=out)
        return
    for each in secrets:
        state = "is over" if each.over(now) else _until(each)
        print(f"{each.id}  made {format_timestamp(each.created)}  {state}", file=out)


def _until(secret: AppSecret) -> str:
    return (
        "counts until it is retired"
        if secret.expires is None
        else f"counts until {format_timestamp(secret.expires)}"
    )


def _members(secret: AppSecret) -> dict[str, object]:
    return {"id": secret.id, "created": secret.created, "expires": secret.expires}
