"""plan(current, state): what applying a file would change; pure, so that it is computed outside any lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from idjag.idp.catalog.app import app_problems, app_row_problems
from idjag.idp.catalog.connection import connection_problems
from idjag.idp.catalog.documents import GROUP_LISTS, PEOPLE_LISTS, ids_in, spec_of
from idjag.idp.catalog.guardrail import guardrail_problems
from idjag.idp.catalog.references import Problem, References
from idjag.idp.catalog.resource_app import resource_app_problems
from idjag.idp.catalog.uniqueness import Result, clashes
from idjag.idp.catalog.user import user_problems
from idjag.idp.state.changes import Change
from idjag.idp.state.current import Current
from idjag.idp.state.draft import FILE, Draft, Names, Premise, gone
from idjag.idp.state.file import StateFile
from idjag.idp.state.people import FirstPassword, plan_people
from idjag.idp.state.sections import (
    Secrets,
    plan_apps,
    plan_connections,
    plan_groups,
    plan_guardrails,
    plan_resource_apps,
    plan_sign_in,
)
from idjag.ledger.entry import Insert, Key, Row, Update, Write

__all__ = ["Plan", "Problems", "plan"]

_POLICY_NOUNS = frozenset({"tenant", "app", "resource_app", "connection", "rule", "guardrail"})


class Problems(Exception):
    """Why a file cannot be applied to this state; nothing was changed."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What will change, and on which state it was computed.

    ``writes`` are in the order in which they must happen.  ``passwords`` are still to be hashed.  ``result``
    has the rows as they will be, ``groups`` the groups of every person id then.
    """

    policy_seq: int
    changes: tuple[Change, ...]
    writes: tuple[Write, ...]
    premises: tuple[Premise, ...]
    passwords: tuple[FirstPassword, ...]
    departed: tuple[str, ...]
    result: Result
    groups: Mapping[str, frozenset[str]]

    @property
    def policy_changed(self) -> bool:
        """Whether policy_seq moves: facts of people alone do not move it."""
        return any(change.noun in _POLICY_NOUNS for change in self.changes)


def plan(
    current: Current,
    state: StateFile,
    *,
    now: int,
    new_id: Callable[[], str],
    issuers: tuple[str, ...] = (),
    prune: bool = False,
    secrets: Secrets | None = None,
    unwanted: Mapping[str, Collection[str]] = {},
    managed_by: str = FILE,
) -> Plan:
    """What applying the file to the current state would change; raises Problems.

    ``unwanted`` and ``managed_by`` are those of Draft.
    ``secrets`` are the resolved client secrets by app id; None leaves secrets out of it (a dry look).
    ``issuers`` are our own.
    """
    names = _names(current, state, new_id, prune=prune, unwanted=unwanted)
    if problems := list(_unknown(state, names.known)):
        raise Problems(problems)
    draft = Draft(current, names, now, new_id, prune, unwanted, managed_by)
    plan_sign_in(draft, state.sign_in)
    groups = plan_groups(draft, state.groups)
    people = plan_people(draft, state.users)
    result = Result(
        groups=groups,
        people=people.rows,
        apps=plan_apps(draft, state.apps, secrets),
        resource_apps=plan_resource_apps(draft, state.resource_apps),
        connections=plan_connections(draft, state.connections),
        guardrails=plan_guardrails(draft, state.guardrails),
        subs=people.subs,
        issuers=issuers,
    )
    draft.problems += [*clashes(result), *_dangling(current, result), *_misplaced(result)]
    if draft.problems:
        raise Problems(draft.problems)
    writes = (*draft.removals, *draft.updates, *draft.inserts)
    return Plan(
        policy_seq=current.policy_seq,
        changes=tuple(draft.changes),
        writes=writes,
        premises=(*draft.premises, *_referenced(current, writes)),
        passwords=tuple(people.passwords),
        departed=tuple(people.departed),
        result=result,
        groups=people.groups,
    )


_NOUNS = {"groups": "group", "people": "user", "apps": "app", "resource_apps": "resource_app"}


def _names(
    current: Current,
    state: StateFile,
    new_id: Callable[[], str],
    *,
    prune: bool,
    unwanted: Mapping[str, Collection[str]],
) -> Names:
    """Names as they will be known, with new surrogate ids for what is new, and as they may be shown."""
    now = current.references
    files: dict[str, list[str] | None] = {
        "groups": None if state.groups is None else [entry.name for entry in state.groups],
        "people": None if state.users is None else [entry.username for entry in state.users],
        "apps": None if state.apps is None else [entry.id for entry in state.apps],
        "resource_apps": None if state.resource_apps is None else [e.id for e in state.resource_apps],
    }
    known: dict[str, dict[str, str]] = {}
    shown: dict[str, dict[str, str]] = {}
    for kind, keys in files.items():
        before: dict[str, str] = dict(getattr(now, kind))
        fresh = {key: new_id() for key in keys or () if key not in before}
        going = unwanted.get(_NOUNS[kind], ())
        leaving = set(gone(getattr(current, kind), keys, prune=prune, unwanted=going))
        known[kind] = {key: one for key, one in before.items() if key not in leaving} | fresh
        shown[kind] = before | fresh
    return Names(known=References(**known), shown=References(**shown))


def _unknown(state: StateFile, refs: References) -> Iterator[Problem]:
    """Every reference of the file that leads nowhere."""
    for user in state.users or ():
        yield from (Problem("user", user.username, *found) for found in user_problems(user, refs))
    for app in state.apps or ():
        yield from (Problem("app", app.id, *found) for found in app_problems(app, refs))
    for target in state.resource_apps or ():
        found_all = resource_app_problems(target, refs)
        yield from (Problem("resource_app", target.id, *found) for found in found_all)
    for connection in state.connections or ():
        found_in = connection_problems(connection, refs)
        yield from (Problem("connection", connection.id, *found) for found in found_in)
    for guardrail in state.guardrails or ():
        found_by = guardrail_problems(guardrail, refs)
        yield from (Problem("guardrail", guardrail.id, *found) for found in found_by)


def _dangling(current: Current, result: Result) -> Iterator[Problem]:
    """What would still refer to something that goes; the file does not manage it, or names it itself."""
    leaving = {
        str(row["id"]): name
        for before, after in (
            (current.groups, result.groups),
            (current.people, result.people),
            (current.apps, result.apps),
            (current.resource_apps, result.resource_apps),
        )
        for name, row in before.items()
        if name not in after
    }
    if not leaving:
        return
    for noun, rows in (
        ("app", result.apps),
        ("resource_app", result.resource_apps),
        ("connection", result.connections),
        ("guardrail", result.guardrails),
    ):
        for key, row in rows.items():
            texts = (str(row["spec"]), str(row.get("app_id")), str(row.get("resource_app_id")))
            # Surrogate ids are random: one inside a text is that reference and nothing else.
            for name in (name for row_id, name in leaving.items() if any(row_id in text for text in texts)):
                yield Problem(noun, key, (), f"still refers to {name}, which would be removed")


def _misplaced(result: Result) -> Iterator[Problem]:
    """Apps that are where this issuer does not look."""
    for key, row in result.apps.items():
        yield from (Problem("app", key, *found) for found in app_row_problems(row, issuers=result.issuers))


def _referenced(current: Current, writes: Iterable[Write]) -> Iterator[Premise]:
    """The groups and people that changed rows name: they must still be there when the change is made.

    Apps and resource apps need no such look, since they cannot change without policy_seq.
    """
    groups = {str(row["id"]): row for row in current.groups.values()}
    people = {str(row["id"]): row for row in current.people.values()}
    named_groups: set[str] = set()
    named_people: set[str] = set()
    for row in _written(writes):
        if "group_id" in row:
            named_groups.add(str(row["group_id"]))
        if "spec" in row:
            spec = spec_of(row)
            named_groups.update(ids_in(spec, GROUP_LISTS))
            named_people.update(ids_in(spec, PEOPLE_LISTS))
    for row_id in sorted(named_groups & groups.keys()):
        yield Key("person_group", "id", row_id), (groups[row_id],)
    for row_id in sorted(named_people & people.keys()):
        yield Key("person", "id", row_id), (people[row_id],)


def _written(writes: Iterable[Write]) -> Iterator[Row]:
    for write in writes:
        match write:
            case Insert(_, row):
                yield row
            case Update(_, _, values):
                yield values
