"""`idjag users`: people as they are, and what an administrator does to an account, from the host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from idjag.cli import Failed
from idjag.cli.operator import operator
from idjag.cli.store import opened
from idjag.idp import accounts, facts
from idjag.idp.administration.appointments import LastOwner
from idjag.idp.app import Store
from idjag.idp.factors.enrolled import enrolled, keys
from idjag.idp.facts import integer, string
from idjag.idp.limits import account_key
from idjag.idp.passwords.setting import credential_key
from idjag.idp.questions import UnknownName, find_person
from idjag.ledger.entry import Key, Row
from idjag.protocol.errors import Refused

__all__ = ["register", "run"]

_ACTIONS: Final = {
    "show": "one person: status, groups, factors, sessions",
    "disable": "nobody signs in as them from now on, and everything of theirs ends",
    "enable": "they may sign in again",
    "unlock": "forget the failed attempts at their account",
    "end-sessions": "sign them out everywhere, with refresh tokens and remembered browsers",
    "reset-factors": "take their second factors away, and sign them out everywhere",
    "set-password-link": "a link with which they set a password, once, within the hour",
}
_COLUMNS: Final = ("username", "name", "email", "status")

Answer = Callable[[Store, str], tuple[int, dict[str, Any], str]]


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
            people = _people(store)
            print(
                json.dumps({"users": people}, ensure_ascii=False, indent=2) if args.json else _table(people),
                file=out,
            )
            return 0
        try:
            person_id = find_person(store, args.user)
            code, said, sentence = _ANSWERS[args.action](store, person_id)
        except UnknownName as unknown:
            raise Failed(str(unknown), code=2) from None
        except (accounts.Gone, LastOwner) as no:
            raise Failed(f"{args.user}: {no}", code=1) from None
        except Refused:
            raise Failed(f"{args.user}: the user was deleted just now", code=1) from None
        if args.action in ("disable", "enable"):
            _say_who_decides(store, person_id, err)
    shown = {"user": args.user, **said}
    print(json.dumps(shown, ensure_ascii=False, indent=2) if args.json else sentence, file=out)
    return code


def _disable(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    done = accounts.set_status(store, person_id, "disabled", actor=operator())
    words = "disabled; sessions, codes and refresh tokens have ended" if done else "was disabled already"
    return int(not done), {"status": "disabled", "changed": done}, words


def _enable(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    done = accounts.set_status(store, person_id, "active", actor=operator())
    words = "enabled; what had ended stays ended" if done else "was enabled already"
    return int(not done), {"status": "active", "changed": done}, words


def _unlock(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    failures = accounts.unlock(store, person_id, actor=operator())
    words = f"unlocked; {failures} failed attempts are forgotten" if failures else "was not locked"
    return int(not failures), {"failures": failures}, words


def _end_sessions(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    ended = accounts.end_sessions(store, person_id, actor=operator())
    return 0, {"sessions": ended}, f"signed out everywhere; {ended} sessions have ended"


def _reset_factors(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    removed = accounts.reset_factors(store, person_id, actor=operator(), now=store.clock())
    kinds = [{"id": one.id, "kind": one.kind, "label": one.label} for one in removed]
    return 0, {"factors": kinds}, f"{len(kinds)} second factors are gone, with codes and remembered browsers"


def _link(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    link = accounts.password_link(store, person_id, actor=operator())
    words = f"{link.url}\nworks once, until {_time(link.expires)}; whoever opens it sets the password"
    return 0, {"link": link.url, "expires": link.expires}, words


def _show(store: Store, person_id: str) -> tuple[int, dict[str, Any], str]:
    said = _known(store, person_id)
    lines = [f"{name:<14}  {_words(value)}" for name, value in said.items()]
    return 0, said, "\n".join(lines)


_ANSWERS: Final[Mapping[str, Answer]] = {
    "show": _show,
    "disable": _disable,
    "enable": _enable,
    "unlock": _unlock,
    "end-sessions": _end_sessions,
    "reset-factors": _reset_factors,
    "set-password-link": _link,
}


def _known(store: Store, person_id: str) -> dict[str, Any]:
    sessions, memberships = Key("session", "person_id", person_id), Key("membership", "person_id", person_id)
    own = (*facts.person_keys(person_id), *facts.hold_keys(person_id), *keys(person_id))
    found = store.ledger.read(tuple(dict.fromkeys((*own, sessions, credential_key(person_id)))))
    (row,), now = found(Key("person", "id", person_id)), store.clock()
    groups = [Key("person_group", "id", string(each, "group_id")) for each in found(memberships)]
    locked = account_key(store.tenant, string(row, "username"))
    more = store.ledger.read((*groups, locked))
    alive = [each for each in found(sessions) if _alive(each, row, now=now)]
    return {
        **_columns(row),
        "id": person_id,
        "groups": sorted(string(each, "name") for key in groups for each in more(key)),
        "password": any(each["kind"] == "password" for each in found(credential_key(person_id))),
        "factors": [{"kind": one.kind, "label": one.label} for one in enrolled(found, person_id)],
        "sessions": len(alive),
        "failures": max(
            (integer(each, "failures") for each in more(locked) if _counts(each, now)), default=0
        ),
        "held": bool(facts.holds(found, person_id)),
    }


def _alive(session: Row, person: Row, *, now: int) -> bool:
    ended = session["ended"] is not None or session["revoked"] is not None
    return not ended and session["epoch"] == person["epoch"] and integer(session, "expires") > now


def _counts(row: Row, now: int) -> bool:
    return integer(row, "until") > now


def _people(store: Store) -> list[dict[str, Any]]:
    key = Key("person", "tenant_id", store.tenant)
    return sorted(map(_columns, store.ledger.read((key,))(key)), key=lambda person: str(person["username"]))


def _columns(row: Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _COLUMNS}, "email_verified": row["email_verified"] == 1}


def _say_who_decides(store: Store, person_id: str, err: TextIO) -> None:
    key = Key("person", "id", person_id)
    if any(row["managed_by"] for row in store.ledger.read((key,))(key)):
        print("idjag: the next apply of the file that has this user decides again", file=err)


def _table(people: list[dict[str, Any]]) -> str:
    lines = [_COLUMNS, *(tuple(str(person[name] or "-") for name in _COLUMNS) for person in people)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
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
