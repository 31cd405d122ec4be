"""The state as a file: apply it elsewhere and the decisions and the subs are the same; never a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from idjag.idp.catalog.app import app_entry
from idjag.idp.catalog.connection import connection_entry
from idjag.idp.catalog.documents import GROUP_LISTS, PEOPLE_LISTS, ids_in, spec_of
from idjag.idp.catalog.group import group_entry
from idjag.idp.catalog.guardrail import guardrail_entry
from idjag.idp.catalog.references import References
from idjag.idp.catalog.resource_app import resource_app_entry
from idjag.idp.catalog.sign_in import sign_in_entry
from idjag.idp.catalog.user import user_entry
from idjag.idp.state.current import Current

__all__ = ["NotExportable", "as_yaml", "export"]

_HEAD = """\
# The state of this tenant, as `idjag export` wrote it; `idjag apply -f` takes it back.
# No secret is in here. `secret: null` keeps the secret that an app has; where the app does not exist yet,
# say where its secret comes from instead: secret: "env:NAME" or "file:PATH". Passwords are not exported.
"""
_WIDTH = 110
# libyaml where it is there: five times as fast.
_SAFE_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class NotExportable(Exception):
    """Something in the state that no file can say."""


def export(current: Current) -> str:
    """The YAML text of everything there is; ``current`` must have everyone.  Raises NotExportable."""
    refs = current.references
    _complete(current, refs)
    document: dict[str, Any] = {
        "version": 1,
        "tenant": "default",
        "sign_in": sign_in_entry(current.settings),
        "groups": [group_entry(row) for row in current.groups.values()],
        "users": list(_users(current, refs)),
        "apps": [app_entry(row, refs) for row in current.apps.values()],
        "resource_apps": [resource_app_entry(row, refs) for row in current.resource_apps.values()],
        "connections": [connection_entry(row, refs) for row in current.connections.values()],
        "guardrails": [guardrail_entry(row, refs) for row in current.guardrails.values()],
    }
    return _HEAD + as_yaml(document)


def as_yaml(document: Mapping[str, Any]) -> str:
    """A state file, or a part of one, as people write it."""
    written: str = yaml.dump(
        dict(document),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=_WIDTH,
    )
    return written


_LIKE_A_NUMBER = frozenset("+-.0123456789IN")


class _Dumper(_SAFE_DUMPER):  # type: ignore[misc]  # one of two classes, known at run time
    """Writes every value in full: anchors and aliases are nothing that a reviewer should have to follow."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True

    def represent_str(self, data: str) -> Any:
        """With quotes wherever a reader could see a number: PyYAML and we do not agree on what is one."""
        style = "'" if data[:1] in _LIKE_A_NUMBER else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def _users(current: Current, refs: References) -> Iterator[dict[str, Any]]:
    for row in current.people.values():
        person = str(row["id"])
        groups = map(refs.name, current.local_groups(person))
        yield user_entry(row, subs=current.subs.get(person, {}), groups=groups)


def _complete(current: Current, refs: References) -> None:
    """Refuse to leave out what changes a decision: a reference that the file cannot name."""
    nouns: Mapping[str, Any] = {
        "app": current.apps,
        "connection": current.connections,
        "guardrail": current.guardrails,
    }
    for noun, rows in nouns.items():
        for key, row in rows.items():
            named = ids_in(spec_of(row), GROUP_LISTS | PEOPLE_LISTS)
            if any(one not in refs.names for one in named):
                raise NotExportable(
                    f"{noun} {key} names a group or person that is gone or comes from another source: "
                    "correct it before exporting (groups of other sources: not built)"
                )
