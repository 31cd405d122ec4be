"""``idjag check``: what is wrong with a state file, what is suspicious about it, and whether its tests pass.

It reads the file alone, so that a pipeline needs no database; with --drift it compares with the state.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO, TypeAlias

from idjag.cli.state_file import (
    StateFileText,
    add_file,
    answered,
    credentials,
    print_json,
    state_file,
)
from idjag.cli.store import opened
from idjag.idp.catalog.client_auth import basic_problem
from idjag.idp.catalog.references import Problem
from idjag.idp.settings import check_issuer
from idjag.idp.state.apply import TestsFailed, look
from idjag.idp.state.cases import policy_of, run_tests
from idjag.idp.state.current import Current
from idjag.idp.state.file import StateFile
from idjag.idp.state.plan import Plan, Problems, plan
from idjag.idp.state.read import Source
from idjag.idp.state.show import change_lines, plan_json
from idjag.policy.lint import Finding, Lint, lint

__all__ = ["register", "run", "run_against"]

Changes: TypeAlias = Sequence[Mapping[str, Any]]
"""As ``plan_json`` has them."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's own options."""
    parser = subparsers.add_parser("check", help="validate and lint a file, and run its tests")
    add_file(parser)
    parser.add_argument("--strict", action="store_true", help="exit 1 also for what is only suspicious")
    parser.add_argument(
        "--drift", action="store_true", help="compare with the state: exit 1 when applying would change it"
    )


def run(args: argparse.Namespace, *, environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Exit 2 for a bad file, 1 for failed tests, drift, or with --strict anything suspicious."""
    file = state_file(args)
    planned = answered(file, lambda: _planned(args, file, environ=environ, err=err), err=err)
    if planned is None:
        return 1
    changes = plan_json(planned)["changes"] if args.drift else None
    return _say(args, file, _findings(planned, file, environ), changes, out=out)


def run_against(
    changes: Changes,
    file: StateFileText,
    args: argparse.Namespace,
    *,
    environ: Mapping[str, str],
    out: TextIO,
    err: TextIO,
) -> int:
    """The same with what applying would change elsewhere; a file that leaves much to others is not linted."""
    try:
        findings = _findings(_alone(file, environ), file, environ)
    except (Problems, TestsFailed):
        print("idjag: not linted: the file names what it leaves to others", file=err)
        findings = ()
    return _say(args, file, findings, changes, out=out)


def _say(
    args: argparse.Namespace,
    file: StateFileText,
    findings: tuple[Finding, ...],
    changes: Changes | None,
    *,
    out: TextIO,
) -> int:
    if args.json:
        print_json(_json(file, findings, changes), out)
    else:
        _print(file, findings, changes, out=out)
    return 1 if changes or (args.strict and findings) else 0


def _planned(
    args: argparse.Namespace, file: StateFileText, *, environ: Mapping[str, str], err: TextIO
) -> Plan:
    """The result that is looked at; raises Problems, TestsFailed."""
    if args.drift:
        with opened(args, environ, err, scratch=True) as store:
            secrets_of = credentials(file, environ=environ, issuer=store.issuer)
            return look(store, file.source.state, secrets_of)
    return _alone(file, environ)


def _alone(file: StateFileText, environ: Mapping[str, str]) -> Plan:
    """What the file makes of nothing; raises Problems, TestsFailed."""
    now, state = int(time.time()), file.source.state
    try:
        planned = plan(
            Current("default"),
            state,
            now=now,
            new_id=lambda: secrets.token_urlsafe(16),
            issuers=_issuers(environ),
        )
    except Problems as found:
        raise Problems(_hinted(problem, file.source) for problem in found.problems) from None
    if failures := run_tests(planned, state.tests, now=now):
        raise TestsFailed(failures)
    return planned


def _issuers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Our own issuer, if this environment has one: no resource app may bear its name."""
    issuer = environ.get("IDJAG_ISSUER")
    return (check_issuer(issuer),) if issuer else ()


def _hinted(problem: Problem, source: Source) -> Problem:
    """An unknown name may be in a section that the file leaves to others."""
    absent = [
        section
        for section in source.absent
        if problem.message.startswith(f"unknown {section.noun.replace('_', ' ')}:")
    ]
    if not absent:
        return problem
    hint = f"{problem.message} (the file has no {absent[0].name}; --drift looks at the state too)"
    return Problem(problem.noun, problem.key, problem.path, hint)


def _findings(planned: Plan, file: StateFileText, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    result, source = planned.result, file.source
    secret = credentials(file, environ=environ, issuer=environ.get("IDJAG_ISSUER", "")).secret
    rows = {**result.groups, **result.people, **result.apps, **result.resource_apps}
    names = {str(row["id"]): name for name, row in rows.items()}
    members = None
    if source.state.users is not None:
        members = Counter(group for groups in planned.groups.values() for group in groups)
    found = lint(policy_of(planned), now=int(time.time()), names=names, members=members)
    return (*found, *_in_a_header(source.state, secret))


def _in_a_header(state: StateFile, secret: Callable[[str], str]) -> Iterator[Finding]:
    """Ids and secrets that clients send wrong; a secret that is not to be had here is not looked at."""
    for app in state.apps or ():
        if not app.auth.takes_secret:
            continue
        if problem := basic_problem(app.client_id or app.id, what="client_id"):
            yield Finding(Lint.BASIC_ENCODING, "app", app.id, problem)
        with suppress(ValueError):
            given = secret(app.auth.secret) if app.auth.secret else ""
            if problem := basic_problem(given, what="secret"):
                yield Finding(Lint.BASIC_ENCODING, "app", app.id, problem)
    for connection in state.connections or ():
        if problem := basic_problem(connection.client_id or "", what="client_id"):
            yield Finding(Lint.BASIC_ENCODING, "connection", connection.id, problem)


def _print(file: StateFileText, findings: tuple[Finding, ...], drift: Changes | None, *, out: TextIO) -> None:
    source = file.source
    for error, finding in zip(_located(file, findings), findings, strict=True):
        print(f"{error}: warning: {finding.message} [{finding.lint}]", file=out)
    if drift is not None:
        for line in change_lines(drift):
            print(line, file=out)
    counts = f"{_counted(len(source.state.tests), 'test')} passed, {_counted(len(findings), 'warning')}"
    print(f"{file.path}: {counts}", file=out)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _located(file: StateFileText, findings: tuple[Finding, ...]) -> list[str]:
    return [
        ":".join([str(file.path), *map(str, file.source.position(finding.noun, finding.key))])
        + f": {finding.noun.replace('_', ' ')} {finding.key}"
        for finding in findings
    ]


def _json(file: StateFileText, findings: tuple[Finding, ...], drift: Changes | None) -> dict[str, object]:
    warnings = []
    for finding in findings:
        line, column = file.source.position(finding.noun, finding.key)
        warnings.append(
            {
                "lint": finding.lint,
                "noun": finding.noun,
                "key": finding.key,
                "message": finding.message,
                "line": line,
                "column": column,
            }
        )
    answer: dict[str, object] = {"tests": len(file.source.state.tests), "warnings": warnings}
    return answer if drift is None else {**answer, "drift": drift}
