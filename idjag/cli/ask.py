"""``idjag ask``: what would be decided, and why; the token endpoint's own evaluator, and nothing recorded."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from idjag.cli import Failed
from idjag.cli.store import opened
from idjag.cli.times import address, duration, when
from idjag.idp.answers import answered
from idjag.idp.questions import Ask, UnknownName, build
from idjag.idp.tenancy import Store
from idjag.protocol import resources, scopes
from idjag.protocol.errors import ANSWERS, Refused

__all__ = ["answer", "register", "run", "show"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser(
        "ask",
        help="what would be decided, and why",
        description="Exit 0: allowed. 1: denied. What is not given is missing; the sign-in is just now.",
    )
    parser.add_argument("--user", required=True, metavar="U", help="user name of the person")
    parser.add_argument("--from", required=True, dest="app", metavar="APP", help="id of the requesting app")
    parser.add_argument("--to", required=True, metavar="RESOURCE_APP", help="id of the resource app")
    several: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
    parser.add_argument("--scope", metavar="S", help="scopes asked for", **several)
    parser.add_argument("--resource", metavar="URI", help="resources asked for", **several)
    parser.add_argument("--acr", metavar="A", help="authentication context class of the sign-in")
    parser.add_argument("--amr", metavar="M", help="authentication methods of the sign-in", **several)
    parser.add_argument(
        "--auth-age", type=duration, default=0, metavar="2h", help="how long ago the sign-in was"
    )
    parser.add_argument("--ip", type=address, help="where the requesting app calls from")
    parser.add_argument("--signin-ip", type=address, metavar="IP", help="where the person signed in from")
    parser.add_argument("--key-bound", action="store_true", help="the requesting app proved its key")
    parser.add_argument(
        "--at", type=when, metavar="TIME", help="when, as 2027-01-15T08:00:00Z; now if absent"
    )
    parser.add_argument("--json", action="store_true", help="the answer as JSON")


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 0 when it is allowed, 1 when it is denied; 2 for what cannot be asked."""
    question = _ask(args)
    with opened(args, environ, err) as store:
        return answer(store, question, as_json=args.json, out=out)


def _ask(args: argparse.Namespace) -> Ask:
    """The question of the options, checked as the token endpoint checks its parameters."""
    option = "--scope"
    try:
        asked = scopes.parse(" ".join(args.scope)) if args.scope else None
        option = "--resource"
        named = resources.parse(args.resource)
    except Refused as refused:
        raise Failed(f"{option}: {ANSWERS[refused.reason].text}", code=2) from None
    return Ask(
        user=args.user,
        app=args.app,
        resource_app=args.to,
        scopes=asked,
        resources=named,
        acr=args.acr,
        amr=frozenset(args.amr) or None,
        auth_age=args.auth_age,
        address=args.ip,
        signin_address=args.signin_ip,
        key_bound=args.key_bound,
        at=args.at,
    )


def answer(store: Store, ask: Ask, *, as_json: bool, out: TextIO) -> int:
    """Decide, explain and print; the exit code.  Raises Failed for a name that leads nowhere."""
    try:
        asked = build(store, ask)
    except UnknownName as unknown:
        raise Failed(str(unknown), code=2) from None
    return show(answered(asked).members, as_json=as_json, out=out)


def show(members: Mapping[str, Any], *, as_json: bool, out: TextIO) -> int:
    """Print an answer, from here or from a server; the exit code."""
    if as_json:
        print(json.dumps(members, ensure_ascii=False, indent=2), file=out)
    else:
        for line in _lines(members):
            print(line, file=out)
    return 0 if members["decision"] == "allow" else 1


def _lines(members: Mapping[str, Any]) -> Iterator[str]:
    yield members["headline"]
    yield from (f"  [{'x' if line['matched'] else ' '}] {_said(line)}" for line in members["trace"])
    if members["obstacles"]:
        yield "In the way, and not for a small change to remove:"
        yield from (f"  - {obstacle}" for obstacle in members["obstacles"])
    if members["options"]:
        yield "The smallest change that would allow it:"
        yield from (
            f"  {'or ' if number else ''}{', and '.join(change['text'] for change in option)}"
            for number, option in enumerate(members["options"])
        )
    if members["claims"] and members["decision"] == "allow":
        yield f"The resource app would be told: {', '.join(members['claims'])}"
    yield from (f"Note: {note}" for note in members["notes"])


def _said(line: Mapping[str, str]) -> str:
    kind, text = line["kind"], line["text"]
    name = kind if kind == "hold" else f"{kind} {line['key']}"
    return f"{name} {text}" if text.startswith("does not apply") else f"{name}: {text}"
