"""``idjag apply``: bring the tenant to what a state file says; all or nothing."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TextIO

from idjag.cli.state_file import (
    StateFileText,
    add_file,
    answered,
    credentials,
    known_passwords,
    operator,
    print_json,
    state_file,
)
from idjag.cli.store import opened
from idjag.idp.administration.standing import keep_an_owner
from idjag.idp.app import Store
from idjag.idp.state.apply import How, Outcome, apply, look
from idjag.idp.state.current import Current
from idjag.idp.state.plan import Plan
from idjag.idp.state.show import plan_json, plan_lines

__all__ = ["register", "run"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("apply", help="bring the state to what a file says")
    add_file(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument(
        "--prune", action="store_true", help="remove what a file created and this one does not have"
    )


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 1 when the file's own tests fail on the result; then nothing was changed."""
    file = state_file(args)
    with opened(args, environ, err, create=True, scratch=args.dry_run) as store:
        outcome = answered(file, lambda: _outcome(args, store, file, environ=environ), err=err)
    if outcome is None:
        print("idjag: nothing was changed: tests failed", file=err)
        return 1
    _print(outcome, args, out)
    return 0


def _outcome(
    args: argparse.Namespace, store: Store, file: StateFileText, *, environ: Mapping[str, str]
) -> Outcome:
    state = file.source.state
    listed = known_passwords(args, environ)
    secrets = credentials(file, environ=environ, issuer=store.issuer, listed=listed)
    how = How(prune=args.prune)

    def agreed(_current: Current, plan: Plan) -> None:
        keep_an_owner(store, plan.changes)

    if args.dry_run:
        plan = look(store, state, secrets, how=how, agreed=agreed)
        return Outcome(plan, plan.policy_seq, applied=False)
    return apply(store, state, secrets, actor=operator(), digest=file.digest, how=how, agreed=agreed)


def _print(outcome: Outcome, args: argparse.Namespace, out: TextIO) -> None:
    if args.json:
        answer = {**plan_json(outcome.plan), "policy_seq": outcome.policy_seq, "applied": outcome.applied}
        print_json(answer, out)
        return
    for line in plan_lines(outcome.plan):
        print(line, file=out)
    if args.dry_run and outcome.plan.changes:
        print("dry run: nothing was changed", file=out)
    if outcome.applied:
        print(f"applied; policy_seq {outcome.policy_seq}", file=out)
