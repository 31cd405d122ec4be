"""``idjag ras accounts|issuers|tokens``: stop, resume, revoke; in force for the next request everywhere."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TextIO

from idjag.cli import Failed, ras_lists
from idjag.cli.ras_store import Opened, add_file, opened
from idjag.ras.control import tell
from idjag.ras.model import Link
from idjag.ras.standing import Thing

__all__ = ["NOUNS", "reason_of", "register", "run"]

NOUNS = ("accounts", "issuers", "tokens")

_LONGEST_REASON = 500
_CLEAN = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KINDS = {"accounts": "account", "issuers": "issuer"}
_SUMMARIES = {
    "accounts": "the people here",
    "issuers": "whom this server trusts",
    "tokens": "the access tokens that are alive",
}


def register(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three nouns, each with its verbs."""
    for noun in NOUNS:
        parser = actions.add_parser(noun, help=_SUMMARIES[noun])
        verbs = parser.add_subparsers(dest="verb", required=True)
        _listing(verbs, noun)
        if noun == "tokens":
            _revoking(verbs)
        else:
            _stopping(verbs, kind=_KINDS[noun])


def _listing(verbs: argparse._SubParsersAction[argparse.ArgumentParser], noun: str) -> None:
    listing = _verb(verbs, "list", f"list {_SUMMARIES[noun]}")
    if noun == "tokens":
        _narrowing(listing)
        listing.add_argument("--last", type=_count, default=100, metavar="N", help="how many; 100 if absent")


def _stopping(verbs: argparse._SubParsersAction[argparse.ArgumentParser], *, kind: str) -> None:
    pause = _verb(verbs, "pause", f"stop an {kind} until it is resumed; no file resumes it", name=kind)
    resume = _verb(verbs, "resume", "take a pause back", name=kind)
    for each in (pause, resume):
        each.add_argument("--reason", required=True, metavar="R", help="why; recorded")
    before = _verb(verbs, "not-before", "nothing older counts any more: grants and tokens", name=kind)
    before.add_argument("--at", type=_time, metavar="T", help="such as 2027-01-15T08:00:00Z; now if absent")
    if kind == "issuer":
        before.add_argument("--sub", metavar="SUB", help="of this one person, as the issuer names them")
        before.add_argument(
            "--tenant", default="", metavar="TENANT", help="with --sub: of the issuer's tenant"
        )
    _verb(verbs, "revoke", f"end every token of an {kind} that is alive", name=kind)


def _revoking(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    revoke = _verb(verbs, "revoke", "end tokens: one by its jti, or all of an account, client or issuer")
    revoke.add_argument("jti", nargs="?", metavar="JTI", help="of one token")
    _narrowing(revoke)


def _narrowing(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--account", metavar="ID", help="of this person here")
    which.add_argument("--client", metavar="CLIENT_ID", help="of this client")
    which.add_argument("--issuer", metavar="URL", help="from grants of this issuer")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], verb: str, summary: str, *, name: str = ""
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(verb, help=summary, description=summary)
    if name:
        parser.add_argument("name", metavar=name.upper(), help=f"the {name}")
    add_file(parser)
    parser.add_argument("--json", action="store_true", help="the answer as JSON")
    return parser


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _time(text: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = datetime.min  # noqa: DTZ901  # without a zone, like every other wrong one
    if when.tzinfo is None:
        raise argparse.ArgumentTypeError("a time is written like 2027-01-15T08:00:00Z, with its zone")
    return int(when.timestamp())


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when there was nothing to resume or revoke, 2 for a name that leads nowhere."""
    with opened(args) as store:
        if args.verb == "list":
            ras_lists.show(args, store, out)
            return 0
        verbs: dict[str, Callable[[argparse.Namespace, Opened, TextIO], ras_lists.Done]] = {
            "pause": _pause,
            "resume": _resume,
            "not-before": _not_before,
            "revoke": _revoke,
        }
        done = verbs[args.verb](args, store, err)
    ras_lists.say(done, json_wanted=args.json, out=out)
    return 0 if done.changed else 1


def _pause(args: argparse.Namespace, store: Opened, err: TextIO) -> ras_lists.Done:
    thing, reason = _thing(args, store), reason_of(args.reason)
    said = store.operations.said_of(thing)
    if said.paused is None:
        store.operations.pause(thing, reason=reason)
        sentence = f"paused: {thing.kind} {thing.name}"
    else:
        sentence = f"already paused: {thing.kind} {thing.name}, by {said.by}: {said.reason}"
    _forget(thing, store, err)
    return ras_lists.Done(sentence, thing, status="paused")


def _resume(args: argparse.Namespace, store: Opened, err: TextIO) -> ras_lists.Done:
    thing, reason = _thing(args, store, gone=True), reason_of(args.reason)
    if store.operations.said_of(thing).paused is None:
        return ras_lists.Done(
            f"nothing to resume: no operator paused {thing.kind} {thing.name}", thing, changed=False
        )
    # before it is believed again: what was fetched until now may be the very keys that it was paused for
    _forget(thing, store, err)
    store.operations.resume(thing, reason=reason)
    status = ras_lists.status_of(thing, store)
    but = "" if status == "active" else f", which is {status} by {store.places.file.name}"
    sentence = f"resumed: {thing.kind} {thing.name}{but}"
    return ras_lists.Done(sentence, thing, status=status)


def _not_before(args: argparse.Namespace, store: Opened, _err: TextIO) -> ras_lists.Done:
    thing = _thing(args, store)
    if thing.kind == "issuer" and (args.sub or args.tenant):
        thing = _person(args, store)
    # whole seconds: what was issued earlier in this one must not outlive the command
    at = store.now + 1 if args.at is None else args.at
    if at > store.now + 1:
        raise Failed("--at is in the future: nobody could sign in until then", code=2)
    store.operations.not_before(thing, at=at)
    shown = f"{args.sub} of {args.name}" if thing.kind == "person" else f"{thing.kind} {thing.name}"
    return ras_lists.Done(f"not before {ras_lists.when(at)}: {shown}", thing, not_before=at)


def _person(args: argparse.Namespace, store: Opened) -> Thing:
    """The person that --sub and --tenant name; a key that no grant can have would stop nobody."""
    if not args.sub:
        raise Failed("--tenant goes with --sub: a tenant of an issuer cannot be stopped by itself", code=2)
    tenants = next(each.tenants for each in store.places.issuers if each.issuer == args.name)
    if args.tenant not in (tenants or {""}):
        named = f"one of {', '.join(sorted(tenants))}" if tenants else "none, the issuer has no tenants"
        raise Failed(f"--tenant: {named}", code=2)
    return Thing.person(Link(args.name, args.tenant, args.sub))


def _revoke(args: argparse.Namespace, store: Opened, _err: TextIO) -> ras_lists.Done:
    by, value = _which(args)
    ended = store.operations.revoke(by, value)
    noun = "token" if ended == 1 else "tokens"
    sentence = f"revoked: {ended} {noun}" if ended else "nothing to revoke: no such token is alive"
    return ras_lists.Done(sentence, None, changed=ended > 0, revoked=ended)


def _which(args: argparse.Namespace) -> tuple[ras_lists.Column, str]:
    if args.action != "tokens":
        return ("account_id" if args.action == "accounts" else "issuer"), args.name
    chosen = ras_lists.narrowed(args)
    if args.jti is not None and chosen is None:
        return "jti", args.jti
    if args.jti is None and chosen is not None:
        return chosen
    raise Failed("tokens revoke: name a JTI, or one of --account, --client, --issuer", code=2)


def _thing(args: argparse.Namespace, store: Opened, *, gone: bool = False) -> Thing:
    """The thing of that name, which must be there; ``gone``: or have been."""
    thing = Thing("account" if args.action == "accounts" else "issuer", args.name)
    known: Iterable[str]
    if thing.kind == "account":
        known = (account.id for account in store.operations.accounts())
    else:
        known = (each.issuer for each in store.places.issuers)
    if args.name not in set(known) and not (gone and store.operations.said_of(thing).paused is not None):
        where = "the database" if thing.kind == "account" else f"trusted_issuers of {store.places.file.name}"
        raise Failed(f"{thing.kind} {args.name!r} is not in {where}", code=2)
    return thing


def reason_of(text: str) -> str:
    """What --reason says; raises Failed."""
    reason = text.strip()
    if not 0 < len(reason) <= _LONGEST_REASON or not _CLEAN.fullmatch(reason):
        raise Failed(f"--reason: 1 to {_LONGEST_REASON} visible characters on one line", code=2)
    return reason


def _forget(thing: Thing, store: Opened, err: TextIO) -> None:
    """What running servers have fetched of an issuer goes (attack case 163)."""
    if thing.kind != "issuer":
        return
    try:
        tell(store.places.control, {"do": "forget", "issuer": thing.name})
    except OSError as error:
        print(f"idjag: a running server keeps the issuer's keys a while: {error}", file=err)
