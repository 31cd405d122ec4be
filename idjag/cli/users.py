"""`idjag users`: people as they are, and what an administrator does to an account, from the host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO, TypeAlias

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp.account import COLUMNS, account, columns
from idjag.idp.account_steps import STEPS
from idjag.idp.accounts import Gone
from idjag.idp.administration.appointments import LastOwner
from idjag.idp.app import Store
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger.entry import Key

__all__ = ["DECIDING", "print_done", "print_people", "register", "run"]

_ACTIONS: Final = {
    "show": "one person: status, groups, factors, sessions",
    "disable": "nobody signs in as them from now on, and everything of theirs ends",
    "enable": "they may sign in again",
    "unlock": "forget the failed attempts at their account",
    "end-sessions": "sign them out everywhere, with refresh tokens and remembered browsers",
    "reset-factors": "take their second factors away, and sign them out everywhere",
    "set-password-link": "a link with which they set a password, once, within the hour",
}
DECIDING: Final = frozenset({"disable", "enable"})
"""What a file decides again that has the user."""

Said: TypeAlias = Mapping[str, Any]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("users", help="people")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="everybody")
    listing.add_argument("--json", action="store_true", help="as JSON")
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("user", metavar="USER", help="the user name")
        action.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when there was nothing to do, 2 for a name that nobody has."""
    with opened(args, environ, err) as store:
        if args.action == "list":
            return print_people(_people(store), args, out=out)
        try:
            person_id = find_person(store, args.user)
            said = _done(store, person_id, args.action)
        except UnknownName as unknown:
            raise Failed(str(unknown), code=2) from None
        except (Gone, LastOwner) as no:
            raise Failed(f"{args.user}: {no}", code=1) from None
        managed = args.action in DECIDING and _managed(store, person_id)
    return print_done(said, args, managed=managed, out=out, err=err)


def print_people(people: Iterable[Said], args: argparse.Namespace, *, out: TextIO) -> int:
    """Everybody by user name, from here or from a server; the exit code."""
    ordered = sorted(people, key=lambda person: str(person["username"]))
    text = json.dumps({"users": ordered}, ensure_ascii=False, indent=2) if args.json else _table(ordered)
    print(text, file=out)
    return 0


def print_done(said: Said, args: argparse.Namespace, *, managed: bool, out: TextIO, err: TextIO) -> int:
    """What was done or is known, here or at a server; ``managed``: by a file.  The exit code."""
    if managed:
        print("idjag: the next apply of the file that has this user decides again", file=err)
    code, sentence = _SENTENCES[args.action](said)
    shown = {"user": args.user, **said}
    print(json.dumps(shown, ensure_ascii=False, indent=2) if args.json else sentence, file=out)
    return code


def _done(store: Store, person_id: str, action: str) -> Said:
    return (
        account(store, person_id) if action == "show" else STEPS[action](store, person_id, operator(), None)
    )


def _disabled(said: Said) -> tuple[int, str]:
    if said["changed"]:
        return 0, "disabled; sessions, codes and refresh tokens have ended"
    return 1, "was disabled already"


def _enabled(said: Said) -> tuple[int, str]:
    return (0, "enabled; what had ended stays ended") if said["changed"] else (1, "was enabled already")


def _unlocked(said: Said) -> tuple[int, str]:
    failures = said["failures"]
    return (0, f"unlocked; {failures} failed attempts are forgotten") if failures else (1, "was not locked")


def _signed_out(said: Said) -> tuple[int, str]:
    return 0, f"signed out everywhere; {said['sessions']} sessions have ended"


def _without_factors(said: Said) -> tuple[int, str]:
    return 0, f"{len(said['factors'])} second factors are gone, with codes and remembered browsers"


def _linked(said: Said) -> tuple[int, str]:
    until = _time(said["expires"])
    return 0, f"{said['link']}\nworks once, until {until}; whoever opens it sets the password"


def _shown(said: Said) -> tuple[int, str]:
    return 0, "\n".join(f"{name:<14}  {_words(value)}" for name, value in said.items())


_SENTENCES: Final[Mapping[str, Callable[[Said], tuple[int, str]]]] = {
    "show": _shown,
    "disable": _disabled,
    "enable": _enabled,
    "unlock": _unlocked,
    "end-sessions": _signed_out,
    "reset-factors": _without_factors,
    "set-password-link": _linked,
}
"""The exit code, and what people read."""


def _people(store: Store) -> list[Said]:
    key = Key("person", "tenant_id", store.tenant)
    return [columns(row) for row in store.ledger.read((key,))(key)]


def _managed(store: Store, person_id: str) -> bool:
    key = Key("person", "id", person_id)
    return any(row["managed_by"] for row in store.ledger.read((key,))(key))


def _table(people: Sequence[Said]) -> str:
    lines = [COLUMNS, *(tuple(str(person[name] or "-") for name in COLUMNS) for person in people)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _words(value: object) -> str:
    if isinstance(value, list):
        return (
            ", ".join(f"{one['kind']} {one['label']}" if isinstance(one, dict) else str(one) for one in value)
            or "-"
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)


def _time(value: int) -> str:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
