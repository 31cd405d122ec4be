"""The state file through the admin API: apply, export, ask, and what applying would change."""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from idjag.cli import Failed
from idjag.cli.ask import show
from idjag.cli.check import run_against
from idjag.cli.export import write
from idjag.cli.server import Answered, Around, Server
from idjag.cli.state_file import StateFileText, print_json, resolved, state_file
from idjag.idp.catalog.fields import format_timestamp
from idjag.idp.state.show import change_lines
from idjag.protocol.addresses import is_loopback

__all__ = ["COMMANDS"]


def _ask(args: argparse.Namespace, server: Server, around: Around) -> int:
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
    return show(members, as_json=args.json, out=around.out)


def _apply(args: argparse.Namespace, server: Server, around: Around) -> int:
    """Secrets are resolved here, where the file and its environment are, and sent over TLS."""
    file, out = state_file(args), around.out
    answer = _planned(file, server, around.environ, dry_run=args.dry_run, prune=args.prune)
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


def _planned(
    file: StateFileText, server: Server, environ: Mapping[str, str], *, dry_run: bool, prune: bool
) -> Any:
    flags = {"dry_run": "true" if dry_run else "false", "prune": "true" if prune else "false"}
    try:
        return server.call("POST", "/state", _sent(file, server, environ), query=flags)
    except Answered as no:
        if no.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        raise Failed(str(no), code=1) from None  # the file is good; its tests fail


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


def _check(args: argparse.Namespace, server: Server, around: Around) -> int:
    """What applying would change there; the file by itself is looked at here."""
    file = state_file(args)
    changes = _planned(file, server, around.environ, dry_run=True, prune=False)["changes"]
    return run_against(changes, file, args, environ=around.environ, out=around.out, err=around.err)


def _export(args: argparse.Namespace, server: Server, around: Around) -> int:
    write(server.call("GET", "/state"), args.output, around.out)
    return 0


COMMANDS: Final = {"ask": _ask, "apply": _apply, "check": _check, "export": _export}
