"""``idjag ask``: what would be decided, and why; the token endpoint's own evaluator, and nothing recorded."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from idjag.cli import Failed
from idjag.cli.store import opened
from idjag.cli.times import address, duration, when
from idjag.idp.questions import Ask, Asked, Store, UnknownName, build
from idjag.policy.advise import Advice, smallest_change
from idjag.policy.decide import decide
from idjag.policy.explain import Explanation, Line, explain
from idjag.policy.question import Decision
from idjag.protocol import resources, scopes
from idjag.protocol.errors import ANSWERS, Refused

__all__ = ["answer", "register", "run"]


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
    decision = decide(asked.policy, asked.question)
    explanation = explain(asked.policy, asked.question, decision, names=asked.names)
    advice = smallest_change(asked.policy, asked.question, names=asked.names)
    if as_json:
        members = _members(asked, decision, explanation, advice)
        print(json.dumps(members, ensure_ascii=False, indent=2), file=out)
    else:
        for line in _lines(asked, explanation, advice):
            print(line, file=out)
    return 0 if decision.allowed else 1


def _lines(asked: Asked, explanation: Explanation, advice: Advice) -> Iterator[str]:
    yield explanation.headline
    yield from (f"  [{'x' if line.matched else ' '}] {_said(line)}" for line in explanation.lines)
    if advice.obstacles:
        yield "In the way, and not for a small change to remove:"
        yield from (f"  - {obstacle}" for obstacle in advice.obstacles)
    if advice.options:
        yield "The smallest change that would allow it:"
        yield from (
            f"  {'or ' if number else ''}{', and '.join(change.text for change in option)}"
            for number, option in enumerate(advice.options)
        )
    yield from (f"Note: {note}" for note in asked.notes)


def _said(line: Line) -> str:
    name = line.kind if line.kind == "hold" else f"{line.kind} {line.key}"
    return f"{name} {line.text}" if line.text.startswith("does not apply") else f"{name}: {line.text}"


def _members(asked: Asked, decision: Decision, explanation: Explanation, advice: Advice) -> dict[str, object]:
    reason, step_up = decision.reason, decision.step_up
    return {
        "decision": "step_up" if step_up else "allow" if decision.allowed else "deny",
        "reason": reason,
        "error": ANSWERS[reason].error if reason else None,
        "headline": explanation.headline,
        "scopes": decision.scopes,
        "resources": decision.resources,
        "lifetime": decision.lifetime,
        "rules": [rule.key for rule in decision.rules],
        "guardrails": [guardrail.key for guardrail in decision.guardrails],
        "step_up": step_up._asdict() if step_up else None,
        "pairs": sorted(decision.pairs),
        "trace": [
            {"kind": line.kind, "key": line.key, "matched": line.matched, "text": line.text}
            for line in explanation.lines
        ],
        "obstacles": advice.obstacles,
        "options": [
            [{"of": change.of, "text": change.text} for change in option] for option in advice.options
        ],
        "notes": asked.notes,
        "policy_seq": asked.policy.seq,
    }
