"""The commands that read or change state, through the admin API; what they print is what they print here."""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TextIO
from urllib.parse import quote

from idjag.cli import Failed
from idjag.cli.ask import show
from idjag.cli.export import write
from idjag.cli.server import Server
from idjag.cli.state_file import StateFileText, print_json, resolved, state_file
from idjag.idp.catalog.fields import format_timestamp
from idjag.idp.state.show import change_lines
from idjag.protocol.addresses import is_loopback

__all__ = ["run"]


def run(args: argparse.Namespace, server: Server, *, environ: Mapping[str, str], out: TextIO) -> int:
    """Run one command there; exit codes as on the host.  Raises Failed."""
    action = getattr(args, "action", None)
    name = args.command if action is None else f"{args.command} {action}"
    if name == "apply":
        return _apply(args, server, environ=environ, out=out)
    if name not in _COMMANDS:
        raise Failed(f"{name}: on the host alone, without --server", code=2)
    return _COMMANDS[name](args, server, out)


def _ask(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    question: dict[str, Any] = {"user": args.user, "from": args.app, "to": args.to}
    if args.scope:
        question["scopes"] = " ".join(args.scope).split()
    if args.resource:
        question["resources"] = args.resource
    if args.amr:
        question["amr"] = args.amr
    for name, value in (("acr", args.acr), ("address", args.ip), ("signin_address", args.signin_ip)):
        if value is not None:
            question[name] = str(value)
    if args.auth_age:
        question["auth_age"] = f"{args.auth_age}s"
    if args.at is not None:
        question["at"] = format_timestamp(args.at)
    members = server.call("POST", "/ask", {**question, "key_bound": args.key_bound})
    return show(members, as_json=args.json, out=out)


def _hold(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    body = _target(args)
    if args.until is not None:
        value, from_now = args.until
        body["until"] = format_timestamp(int(time.time()) + value if from_now else value)
    return _holds([server.call("POST", "/holds", body)], args, out)


def _release(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    return _holds(server.call("POST", "/holds/release", _target(args))["items"], args, out)


def _target(args: argparse.Namespace) -> dict[str, Any]:
    body = {"kind": args.kind, "id": args.id, "reason": args.reason.strip()}
    return body if args.app is None else {**body, "app": args.app}


def _holds(holds: list[dict[str, Any]], args: argparse.Namespace, out: TextIO) -> int:
    if args.json:
        print_json({"holds": holds}, out)
    for hold in () if args.json else holds:
        verb = "held" if args.command == "hold" else "released"
        print(f"{verb}: {args.kind} {args.id} ({hold['reason']}, by {hold['by']})", file=out)
    if not holds and not args.json:
        print(f"nothing to release: no hold on {args.kind} {args.id}", file=out)
    return 0 if holds else 1


def _apply(args: argparse.Namespace, server: Server, *, environ: Mapping[str, str], out: TextIO) -> int:
    """Secrets are resolved here, where the file and its environment are, and sent over TLS."""
    file = state_file(args)
    flags = {"dry_run": "true" if args.dry_run else "false", "prune": "true" if args.prune else "false"}
    answer = server.call("POST", "/state", _sent(file, server, environ), query=flags)
    if args.json:
        print_json(answer, out)
        return 0
    for line in change_lines(answer["changes"]):
        print(line, file=out)
    if args.dry_run and answer["changes"]:
        print("dry run: nothing was changed", file=out)
    if answer["applied"]:
        print(f"applied; policy_seq {answer['policy_seq']}", file=out)
    return 0


def _sent(file: StateFileText, server: Server, environ: Mapping[str, str]) -> bytes:
    loopback = is_loopback(server.url)
    document: Any = copy.deepcopy(file.source.document.value)
    for holder, name in _references(document):
        if isinstance(holder.get(name), str):
            holder[name] = resolved(file, holder[name], environ=environ, loopback=loopback)
    return json.dumps(document, ensure_ascii=False).encode()


def _references(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for app in document.get("apps") or ():
        yield app.get("auth") or {}, "secret"
    for user in document.get("users") or ():
        yield user, "password"


def _export(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    write(server.call("GET", "/state"), args.output, out)
    return 0


def _keys(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    print(json.dumps(server.call("GET", "/keys")["items"], indent=2), file=out)
    return 0


def _rotate(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    if args.now:
        raise Failed("--now: on the host alone", code=2)
    body: dict[str, Any] = {"ahead": f"{args.ahead}s"} | ({"algs": args.alg} if args.alg else {})
    return _changes(server.call("POST", "/keys/rotate", body)["items"], out)


def _revoke(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    path = f"/keys/{quote(args.kid, safe='')}/revoke"
    return _changes(server.call("POST", path, {"reason": args.reason.strip()})["items"], out)


def _changes(changes: list[dict[str, Any]], out: TextIO) -> int:
    print(json.dumps(changes, indent=2), file=out)
    return 0 if any(change["made"] for change in changes) else 1


def _audit(args: argparse.Namespace, server: Server, out: TextIO) -> int:
    page = server.call("GET", "/audit", query={"limit": str(min(args.last, 500))})
    for event in reversed(page["items"]):
        print(json.dumps(event, ensure_ascii=True), file=out)
    return 0


_COMMANDS: Final[Mapping[str, Callable[[argparse.Namespace, Server, TextIO], int]]] = {
    "ask": _ask,
    "hold": _hold,
    "release": _release,
    "export": _export,
    "keys list": _keys,
    "keys rotate": _rotate,
    "keys revoke": _revoke,
    "audit list": _audit,
}
