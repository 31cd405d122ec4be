"""Whom a rule, a guardrail or an assignment means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from idjag.idp.catalog.fields import FileEntry, Name, Some, refused
from idjag.idp.catalog.references import Path, References, unknown
from idjag.policy.model import Who

__all__ = ["ExceptEntry", "WhoEntry", "who_entry", "who_model", "who_problems", "who_spec"]


class ExceptEntry(FileEntry):
    """Who is not meant, whatever else is said."""

    groups: Some[Name] | None = None
    """Names of groups that are not meant."""
    users: Some[Name] | None = None
    """User names that are not meant."""

    @model_validator(mode="after")
    def _names_someone(self) -> ExceptEntry:
        if self.groups is None and self.users is None:
            raise refused("name groups or users, or leave except out")
        return self


class WhoEntry(FileEntry):
    """People, by name or by group."""

    everyone: bool = False
    """Everyone in this tenant."""
    groups: Some[Name] | None = None
    """Names of local groups: members of any of them are meant."""
    users: Some[Name] | None = None
    """User names."""
    exceptions: ExceptEntry | None = Field(default=None, alias="except")
    """Who is not meant, whatever else is said."""

    @model_validator(mode="after")
    def _names_someone(self) -> WhoEntry:
        named = self.groups is not None or self.users is not None
        if self.everyone and named:
            raise refused("everyone already includes these groups and users: name one or the other")
        if not self.everyone and not named:
            raise refused("names nobody: say everyone: true, or groups, or users")
        return self


def who_problems(entry: WhoEntry | None, refs: References, path: Path) -> Iterator[tuple[Path, str]]:
    """Where it names groups or people that are not there."""
    if entry is None:
        return
    yield from unknown(entry.groups, refs.groups, kind="group", path=(*path, "groups"))
    yield from unknown(entry.users, refs.people, kind="user", path=(*path, "users"))
    if entry.exceptions:
        inside = (*path, "except")
        yield from unknown(entry.exceptions.groups, refs.groups, kind="group", path=(*inside, "groups"))
        yield from unknown(entry.exceptions.users, refs.people, kind="user", path=(*inside, "users"))


def who_spec(entry: WhoEntry | None, refs: References) -> dict[str, Any]:
    """The stored form: sorted ids, absent where there are none."""
    if entry is None:
        return {}
    spec: dict[str, Any] = {
        "groups": _ids(entry.groups, refs.groups),
        "people": _ids(entry.users, refs.people),
    }
    if entry.exceptions:
        spec["except_groups"] = _ids(entry.exceptions.groups, refs.groups)
        spec["except_people"] = _ids(entry.exceptions.users, refs.people)
    spec = {name: ids for name, ids in spec.items() if ids}
    return {"everyone": True, **spec} if entry.everyone else spec


def who_entry(spec: Mapping[str, Any], refs: References) -> dict[str, Any]:
    """The file's form of the stored one."""
    entry: dict[str, Any] = {"everyone": True} if spec.get("everyone") else {}
    entry |= _names({"groups": spec.get("groups"), "users": spec.get("people")}, refs)
    exceptions = _names({"groups": spec.get("except_groups"), "users": spec.get("except_people")}, refs)
    return entry | ({"except": exceptions} if exceptions else {})


def who_model(spec: Mapping[str, Any]) -> Who:
    """The policy's value of the stored form."""
    return Who(
        everyone=spec.get("everyone", False),
        groups=frozenset(spec.get("groups", ())),
        people=frozenset(spec.get("people", ())),
        except_groups=frozenset(spec.get("except_groups", ())),
        except_people=frozenset(spec.get("except_people", ())),
    )


def _ids(names: list[str] | None, known: Mapping[str, str]) -> list[str]:
    return sorted(known[name] for name in names or ())


def _names(spec: Mapping[str, list[str] | None], refs: References) -> dict[str, list[str]]:
    return {kind: sorted(map(refs.name, ids)) for kind, ids in spec.items() if ids}
