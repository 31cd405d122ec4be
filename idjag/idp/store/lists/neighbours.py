"""Whoever would clash with a changed person, and the connections that name something: looked for by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from idjag.idp.catalog.group import LOCAL
from idjag.idp.catalog.user import folded
from idjag.idp.store.lists.asking import Asking, escaped
from idjag.idp.store.lists.indexes import FOREIGN
from idjag.protocol.jose.json import canonical_text

__all__ = ["alike", "connection_names", "having", "referring", "sharing"]

# Two names that differ in case alone: of one that is written in ASCII, by the index of lower(); the others
# are few, and no database folds them as we do.
_LOWER: Final = {"sqlite": "lower(username)", "postgresql": '(lower(username) COLLATE "C")'}
_HAS: Final = {"sqlite": "instr({}, :{}) > 0", "postgresql": "strpos({}, :{}) > 0"}
_VALUE: Final = {
    "sqlite": "json_extract(attributes, :path)",
    "postgresql": "CAST(attributes AS json) ->> :path",
}
_NOUNS: Final = {
    "app": ("app", "key"),
    "resource_app": ("resource_app", "key"),
    "user": ("person", "username"),
    "group": ("person_group", "name"),
}


def alike(ask: Asking, tenant: str, usernames: Collection[str]) -> Sequence[str]:
    """By what they are folded to."""
    wanted = frozenset(map(folded, usernames))
    if not wanted:
        return ()
    one = "SELECT username FROM person WHERE tenant_id = :tenant AND "
    plain = ask.rows(f"{one}{_LOWER[ask.dialect]} IN :folded", tenant=tenant, folded=wanted)
    foreign = ask.rows(f"{one}{FOREIGN[ask.dialect]}", tenant=tenant)
    found = [row["username"] for row in (*plain, *foreign)]
    return sorted({name for name in found if folded(name) in wanted})


def having(ask: Asking, tenant: str, attributes: Collection[tuple[str, str]]) -> Sequence[str]:
    """As their document writes them."""
    if not attributes:
        return ()
    has: list[str] = []
    values: dict[str, Any] = {}
    for name, value in sorted(attributes):
        # without the braces: a member of an object
        values[f"has{len(has)}"] = canonical_text({name: value}).decode()[1:-1]
        has.append(_HAS[ask.dialect].format("attributes", f"has{len(has)}"))
    question = f"SELECT username FROM person WHERE tenant_id = :tenant AND ({' OR '.join(has)})"  # noqa: S608  # ours
    return [row["username"] for row in ask.rows(question, tenant=tenant, **values)]


def sharing(ask: Asking, tenant: str, attributes: Collection[str]) -> Sequence[str]:
    """Attribute by attribute."""
    found: set[str] = set()
    for name in sorted(attributes):
        member = canonical_text(name).decode()
        path = f"$.{member}" if ask.dialect == "sqlite" else name
        those = (
            f"FROM person WHERE tenant_id = :tenant AND {_HAS[ask.dialect].format('attributes', 'member')}"
        )
        value = _VALUE[ask.dialect]
        question = (
            f"SELECT username {those} AND {value} IN (SELECT {value} {those} GROUP BY 1 HAVING count(*) > 1)"
        )
        found |= {
            row["username"] for row in ask.rows(question, tenant=tenant, member=f"{member}:", path=path)
        }
    return sorted(found)


def referring(ask: Asking, tenant: str, named: Mapping[str, Collection[str]]) -> Sequence[str]:
    """Surrogate ids are random: one that stands in a document is that reference and nothing else."""
    ids: dict[str, str] = {}
    for noun, names in named.items():
        table, column = _NOUNS[noun]
        local = f" AND source = '{LOCAL}'" if noun == "group" else ""
        question = f"SELECT id FROM {table} WHERE tenant_id = :tenant AND {column} IN :names{local}"  # noqa: S608  # ours
        found = ask.rows(question, tenant=tenant, names=frozenset(names)) if names else ()
        ids |= {f"id{len(ids) + number}": row["id"] for number, row in enumerate(found)}
    if not ids:
        return ()
    has = _HAS[ask.dialect]
    ways = [f"app_id = :{name} OR resource_app_id = :{name} OR {has.format('spec', name)}" for name in ids]
    question = f"SELECT key FROM connection WHERE tenant_id = :tenant AND ({' OR '.join(ways)})"  # noqa: S608  # ours
    return [row["key"] for row in ask.rows(question, tenant=tenant, **ids)]


def connection_names(ask: Asking, tenant: str, *, begins: str, after: str, limit: int) -> Sequence[str]:
    """Those that begin so, after one of them."""
    rows = ask.rows(
        "SELECT key FROM connection WHERE tenant_id = :tenant AND key > :after "
        "AND key LIKE :beginning ESCAPE '~' ORDER BY key LIMIT :limit",
        tenant=tenant,
        after=after,
        beginning=f"{escaped(begins)}%",
        limit=limit,
    )
    return [row["key"] for row in rows]
