"""docs/conformance.md: each requirement with its tests and its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.docstrings import Claim, claims
from tests.conformance.requirements import NotBuilt, Requirement, not_built, requirements

__all__ = ["page"]

TESTED, PARTLY, NOT_BUILT, NO_TEST = VERDICTS = ("tested", "tested in part", "not built", "no test")
_LEVELS = ("MUST", "MUST NOT", "SHOULD", "MAY", "REC")
_SHOWN = 3

_GROUPS = {
    "XCH": "token exchange at the IdP",
    "JAG": "the ID-JAG as the IdP issues it",
    "RAS": "redemption at the resource authorization server",
    "AT": "access tokens, introspection, revocation",
    "CAU": "client authentication at both servers",
    "MET": "metadata and discovery",
    "DPOP": "sender constraining",
    "SAML": "SAML subject tokens and SAML resource apps",
    "TEN": "tenants",
    "CHN": "identity chaining beyond ID-JAG",
    "CLI": "the client",
    "OIDC": "the IdP as OpenID Provider",
    "ADM": "administration",
}

_INTRODUCTION = """\
# Conformance

Made by `make docs` from docs/requirements.tsv, docs/not_built.tsv and the docstrings of the tests; a test
fails when this page is not current. The requirements are in our own words; the source column of
docs/requirements.tsv names the authority. "-04" there is draft-ietf-oauth-identity-assertion-authz-grant-04.

- Levels: MUST, SHOULD and MAY are what the source says; REC is our own choice where sources are silent or
  contradict each other.
- Roles: IdP, RAS (resource authorization server), RS (resource server), CL (client), AS (both servers).
- Verdicts: **tested** - at least one test names the requirement as what it proves; **tested in part** - the
  same, but a part of it is not built; **not built** - it is missing; **no test** - nothing proves it, whether
  it works or not.
- Tests are named relative to `tests/`, those that name the fewest requirements first, three at most.
"""


@dataclass(frozen=True, slots=True)
class _Row:
    requirement: Requirement
    tests: tuple[Claim, ...]
    missing: NotBuilt | None

    @property
    def verdict(self) -> str:
        """One of VERDICTS; a test that shows a refusal of what is not built proves nothing else."""
        if self.missing and self.missing.entire:
            return NOT_BUILT
        if all(test.refusal for test in self.tests):
            return NO_TEST
        return PARTLY if self.missing else TESTED


def page(root: Path) -> str:
    """The text of docs/conformance.md."""
    rows = _rows(requirements(root), claims(root), not_built(root))
    sections = [_INTRODUCTION, _summary(rows)]
    sections += [
        _section(group, title, [r for r in rows if r.requirement.group == group])
        for group, title in _GROUPS.items()
    ]
    return "\n".join(sections)


def _rows(
    wanted: Sequence[Requirement], found: Iterable[Claim], missing: Mapping[str, NotBuilt]
) -> list[_Row]:
    if unknown := {one.group for one in wanted} - _GROUPS.keys():
        raise ValueError(f"requirements.tsv: groups without a title: {', '.join(sorted(unknown))}")
    by_identifier: dict[str, list[Claim]] = {}
    for claim in sorted(found, key=lambda one: (len(one.identifiers), one.file, one.name)):
        for identifier in claim.identifiers:
            by_identifier.setdefault(identifier, []).append(claim)
    return [_Row(one, tuple(by_identifier.get(one.id, ())), missing.get(one.id)) for one in wanted]


def _summary(rows: Sequence[_Row]) -> str:
    """Counts by level and by group."""
    by_level = Counter((row.requirement.level, row.verdict) for row in rows)
    by_group = Counter((row.requirement.group, row.verdict) for row in rows)
    musts = [row for row in rows if row.requirement.level.startswith("MUST")]
    must = Counter((row.requirement.group, row.verdict) for row in musts)
    return "\n".join(
        [
            "## Summary",
            "",
            *_counts("level", _LEVELS, by_level),
            "",
            *_counts("group", _GROUPS, by_group),
            "",
            *_counts("MUSTs of group", _GROUPS, must),
            "",
        ]
    )


def _counts(what: str, names: Iterable[str], counted: Counter[tuple[str, str]]) -> list[str]:
    lines = [
        _line(what, *VERDICTS, "all"),
        _line("---", *("---:" for _ in VERDICTS), "---:"),
    ]
    totals = dict.fromkeys(VERDICTS, 0)
    for name in names:
        numbers = {verdict: counted[name, verdict] for verdict in VERDICTS}
        totals = {verdict: totals[verdict] + numbers[verdict] for verdict in VERDICTS}
        lines.append(_line(name, *map(str, numbers.values()), str(sum(numbers.values()))))
    lines.append(_line("all", *map(str, totals.values()), str(sum(totals.values()))))
    return lines


def _section(group: str, title: str, rows: Iterable[_Row]) -> str:
    head = [f"## {group}: {title}", "", _line("ID", "level", "role", "what", "tests", "verdict")]
    body = [
        _line(
            row.requirement.id,
            row.requirement.level,
            row.requirement.role,
            row.requirement.text,
            _tests(row.tests),
            _verdict(row),
        )
        for row in rows
    ]
    return "\n".join([*head, _line(*["---"] * 6), *body, ""])


def _tests(found: Sequence[Claim]) -> str:
    shown = [f"`{claim}`" for claim in found[:_SHOWN]]
    rest = [f"+{len(found) - _SHOWN}"] if len(found) > _SHOWN else []
    return "<br>".join([*shown, *rest])


def _verdict(row: _Row) -> str:
    if row.missing is None:
        return row.verdict
    reason = f"{NOT_BUILT}: {row.missing.reason}"
    return reason if row.missing.entire else f"{row.verdict}; {reason}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
