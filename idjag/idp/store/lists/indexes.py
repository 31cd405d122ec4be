"""The indexes that these questions stand on, and the conditions that a question repeats to be served by one.

Revision 0006 makes them, 0007 the later ones, 0008 the latest: what is changed here needs one of its own.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "ACTED",
    "ACTOR",
    "ACTOR_ID",
    "CHANGE",
    "EVERY",
    "FOREIGN",
    "LATER_NAMES",
    "LATEST_NAMES",
    "NAMES",
    "NOT_ISSUED",
    "READABLE",
    "ROW",
    "later_statements",
    "latest_statements",
    "owner",
    "statements",
]

NOT_ISSUED: Final = "event <> 'id_jag.issued'"
"""Most of a log are these, and who asks for them alone is served by the time."""

_EVERYDAY: Final = (
    *("id_jag.issued", "id_jag.denied", "id_jag.redeemed", "id_jag.refused"),
    *("token.issued", "token.refreshed", "token.refused", "token.revoked", "token.introspected"),
    *("login.succeeded", "login.failed", "login.locked", "session.ended", "refused.before_authentication"),
    *("request.pushed", "request.refused", "audit.read", "targets.listed"),
)
CHANGE: Final = f"event NOT IN ({', '.join(repr(name) for name in _EVERYDAY)})"
"""What is not everyday: administrators and people change something."""

ROW: Final = {
    "sqlite": "coalesce(json_extract(body, '$.after.row'), json_extract(body, '$.before.row'))",
    "postgresql": "coalesce(CAST(body AS json) #>> '{after,row}', CAST(body AS json) #>> '{before,row}')",
}
"""The surrogate id of what a change is about."""

READABLE: Final = {
    "sqlite": "substr(body, 1, 1) = '{' AND instr(body, '\\u0000') = 0",
    "postgresql": "substr(body, 1, 1) = '{' AND strpos(body, '\\u0000') = 0",
}
"""Bodies that every database can look into."""

_EVENT: Final = {"sqlite": "event", "postgresql": 'event COLLATE "C"'}
_BEFORE_ID: Final = r'^\{(?:"acr":"(?:[^"\\]|\\.)*",)?"actor":\{"id":'

ACTOR_ID: Final = {
    "sqlite": "CASE WHEN json_valid(body) THEN json_extract(body, '$.actor.id') END",
    "postgresql": rf"""substring(body from '{_BEFORE_ID}"([^"\\]*)"')""",
}
"""The id of whoever did it.

PostgreSQL reads it off the beginning of the body, which is canonical (idjag.ledger.covered): it cannot tell
JSON from something else without failing, and a row that somebody has spoilt must not end the upgrade.
"""

_ACTOR_KIND: Final = {
    "sqlite": "CASE WHEN json_valid(body) THEN json_extract(body, '$.actor.kind') END",
    "postgresql": rf"""substring(body from '{_BEFORE_ID}"[^"\\]*","kind":"([a-z_]+)"')""",
}

ACTOR: Final = {
    dialect: (
        f"CASE {kind} WHEN 'person' THEN 'person:' || {ACTOR_ID[dialect]} "
        f"WHEN 'api_token' THEN 'api_token:' || {ACTOR_ID[dialect]} "
        "WHEN 'operator' THEN 'operator' WHEN 'system' THEN 'system' END"
    )
    for dialect, kind in _ACTOR_KIND.items()
}
"""Who did it, apps and strangers aside; null of what was erased, as the body has it no more.

Commands on the host are one actor, and the system another: who asks wants all of them by their time.
"""

ACTED: Final = {
    dialect: (
        f"{event} NOT BETWEEN 'id_jag.' AND 'id_jag/' AND {event} NOT BETWEEN 'token.' AND 'token/' "
        f"AND ({ACTOR[dialect]}) IS NOT NULL"
    )
    for dialect, event in _EVENT.items()
}
"""What somebody did themself.

What apps do all the time is told by the name of the event, before anything looks into a body.
"""

FOREIGN: Final = {
    "sqlite": "length(CAST(username AS BLOB)) <> length(username)",
    "postgresql": "octet_length(username) <> char_length(username)",
}
"""User names that are not written in ASCII alone."""

_LOWER: Final = {"sqlite": "lower({})", "postgresql": '(lower({}) COLLATE "C")'}


def statements(dialect: Literal["sqlite", "postgresql"]) -> tuple[str, ...]:
    """The DDL, harmless where they are already."""
    lower = _LOWER[dialect]
    by_time = {
        name: f"{name} IS NOT NULL" for name in ("subject", "requesting_app", "resource_app", "reason")
    }
    about = {"event": NOT_ISSUED, **by_time}
    row = f"(({ROW[dialect]}))" if dialect == "postgresql" else f"({ROW[dialect]})"
    return (
        *(_index(f"audit_{name}", f"audit (tenant, {name}, time)", where) for name, where in about.items()),
        # two filters at once that are often asked together: why is this app denied?
        _index("audit_denied_app", "audit (tenant, requesting_app, time)", "reason IS NOT NULL"),
        _index("audit_change", "audit (tenant, no)", CHANGE),
        _index("audit_change_pair", "audit (tenant, requesting_app, resource_app, no)", CHANGE),
        _index("audit_change_subject", "audit (tenant, subject, no)", f"{CHANGE} AND subject IS NOT NULL"),
        _index("audit_change_row", f"audit (tenant, {row}, no)", f"{CHANGE} AND {READABLE[dialect]}"),
        *(
            _index(f"person_{name}", f"person (tenant_id, {lower.format(name)})")
            for name in ("username", "email", "name")
        ),
        _index("person_inactive", "person (tenant_id, id)", "status <> 'active'"),
        _index("person_group_name", f"person_group (tenant_id, {lower.format('name')})"),
        _index("membership_of_group", "membership (tenant_id, group_id, person_id)"),
    )


NAMES: Final = (
    *("audit_event", "audit_subject", "audit_requesting_app", "audit_resource_app", "audit_reason"),
    *("audit_denied_app", "audit_change", "audit_change_pair", "audit_change_subject", "audit_change_row"),
    *("person_username", "person_email", "person_name", "person_inactive"),
    *("person_group_name", "membership_of_group"),
)


def owner(dialect: Literal["sqlite", "postgresql"], spec: str = "spec") -> str:
    """How the owner of a connection begins, in lower case, with more behind.

    Nothing else in such a text looks like the name of a member; to take each one apart costs ten times more.
    """
    found = "instr" if dialect == "sqlite" else "strpos"
    text = f'lower(substr({spec}, {found}({spec}, \'"owner":"\') + 9, 200))'
    return text if dialect == "sqlite" else f'({text} COLLATE "C")'


def later_statements(dialect: Literal["sqlite", "postgresql"]) -> tuple[str, ...]:
    """Those of revision 0007."""
    return (
        _index("connection_owner", f"connection (tenant_id, {owner(dialect)})"),
        _index("person_foreign", "person (tenant_id, username)", FOREIGN[dialect]),
        # pairs that are new; a count goes on without this column being changed
        _index("audit_count_first", "audit_count (tenant, first)", "span = 'ever'"),
    )


LATER_NAMES: Final = ("connection_owner", "person_foreign", "audit_count_first")


def latest_statements(dialect: Literal["sqlite", "postgresql"]) -> tuple[str, ...]:
    """Those of revision 0008."""
    return (_index("audit_actor", f"audit (tenant, ({ACTOR[dialect]}), time)", ACTED[dialect]),)


LATEST_NAMES: Final = ("audit_actor",)

EVERY: Final = frozenset({*NAMES, *LATER_NAMES, *LATEST_NAMES})


def _index(name: str, on: str, where: str = "") -> str:
    return f"CREATE INDEX IF NOT EXISTS {name} ON {on}{where and ' WHERE '}{where}"
