"""A large tenant in PostgreSQL for the console's questions, made by the server itself: no row is sent."""
# ruff: noqa: S608 - every text here is made of our own constants

from __future__ import annotations

import json

import psycopg

from idjag.idp.store.lists import indexes

__all__ = ["DAYS", "END", "TENANT", "fill", "name_of"]

TENANT = "large"
END = 1_800_000_000
"""When the last event was."""
DAYS = 90
ADMINISTRATORS = 20
PEOPLE, GROUPS, APPS, TARGETS, CONNECTIONS = 100_000, 1_000, 1_000, 300, 10_000
_CHUNK = 500_000

# What the documents of apps and resource apps say beyond what differs.
_APP = json.dumps(
    {
        "kind": "service",
        **{name: [] for name in ("redirect_uris", "post_logout_redirect_uris", "subject_tokens_from")},
        **dict.fromkeys(("backchannel_logout_uri", "sector_identifier_uri")),
        "require_pushed_authorization_requests": False,
        "auth": {"method": "private_key_jwt", "jwks_uri": "https://keys.example/jwks.json"},
        "grants": ["token_exchange"],
        "scopes": ["openid"],
        "subject_type": "public",
        "sector": "",
        "id_token_alg": "RS256",
    }
)
_TARGET = json.dumps(
    {
        **{name: [] for name in ("aliases", "resources", "release")},
        **dict.fromkeys(("sso_app", "aud_sub")),
        **dict.fromkeys(("resource_required", "multi_tenant"), False),
        "scopes": ["chat.history", "chat.read", "chat.write"],
        "id_jag_alg": "ES256",
        "lifetime": 300,
        "claims": {},
    }
)

_PEOPLE = f"""
INSERT INTO person (id, tenant_id, username, email, email_verified, name, attributes, status, epoch,
                    managed_by, created, updated)
SELECT 'p' || lpad(n::text, 21, '0'), ':tenant', 'user' || lpad(n::text, 6, '0'),
       'first' || n % 997 || '.last' || n || '@acme.example', 1,
       initcap(translate(to_hex(n % 4096), '0123456789', 'ghijklmnop')) || ' Last' || n, '{{}}',
       CASE WHEN n % 50 = 0 THEN 'disabled' ELSE 'active' END, 0, '', 1, 1
FROM generate_series(1, {PEOPLE}) AS n"""
_SUBJECTS = f"""
INSERT INTO subject (id, tenant_id, person_id, sector, sub)
SELECT 's' || lpad(n::text, 21, '0'), ':tenant', 'p' || lpad(n::text, 21, '0'), '', 'sub-' || n
FROM generate_series(1, {PEOPLE}) AS n"""
_GROUPS = f"""
INSERT INTO person_group (id, tenant_id, source, external_id, name, managed_by, created)
SELECT 'g' || lpad(n::text, 21, '0'), ':tenant', 'local', '', 'group ' || lpad(n::text, 4, '0'), '', 1
FROM generate_series(1, {GROUPS}) AS n"""
# Everyone is in four groups of some 400 and in one of the first ten, which have 10,000.
_MEMBERSHIPS = f"""
INSERT INTO membership (id, tenant_id, person_id, group_id)
SELECT g || ':' || p, ':tenant', p, g FROM (
    SELECT 'p' || lpad(n::text, 21, '0') AS p, 'g' || lpad(g::text, 21, '0') AS g
    FROM generate_series(1, {PEOPLE}) AS n, LATERAL (
        SELECT 1 + n % 10 AS g UNION SELECT 11 + (n * 7 + k * 131) % {GROUPS - 10}
        FROM generate_series(1, 4) AS k
    ) AS of_them
) AS pairs"""
_APPS = f"""
INSERT INTO app (id, tenant_id, key, client_id, status, spec, secrets, managed_by, created, updated)
SELECT 'a' || lpad(n::text, 21, '0'), ':tenant', 'app' || n, 'app' || n, 'active',
       '{_APP}'::jsonb || jsonb_build_object('assigned', CASE WHEN n % 10 = 0
           THEN jsonb_build_object('groups', jsonb_build_array('g' || lpad((1 + n % 10)::text, 21, '0')))
           ELSE jsonb_build_object('everyone', true) END, 'name', 'Application ' || n),
       '[]', '', 1, 1
FROM generate_series(1, {APPS}) AS n"""
_TARGETS = f"""
INSERT INTO resource_app (id, tenant_id, key, issuer, aud_tenant, status, spec, managed_by, created, updated)
SELECT 'r' || lpad(n::text, 21, '0'), ':tenant', 'target' || n, 'https://r' || n || '.example/', '',
       'active', '{_TARGET}'::jsonb || jsonb_build_object('name', 'Resource ' || n), '', 1, 1
FROM generate_series(1, {TARGETS}) AS n"""
_CONNECTIONS = f"""
INSERT INTO connection (id, tenant_id, key, app_id, resource_app_id, status, spec, managed_by, created,
                        updated)
SELECT 'c' || lpad(n::text, 21, '0'), ':tenant', 'connection-' || lpad(n::text, 5, '0'),
       'a' || lpad((1 + n % {APPS})::text, 21, '0'), 'r' || lpad((1 + n / 40)::text, 21, '0'),
       CASE WHEN n % 20 = 0 THEN 'paused' WHEN n % 31 = 0 THEN 'draft' ELSE 'active' END,
       '{{"client_id":"c' || n || '","expires":' ||
       CASE WHEN n % 100 = 1 THEN (:end + n * 3600)::text ELSE 'null' END ||
       ',"owner":"owner' || n % 200 || '@acme.example","profile":"id-jag","reason":"because","rules":[' ||
       '{{"conditions":{{}},"default_scopes":[],"id":"u' || n || '","key":"readers","lifetime":null,' ||
       '"resources":{{}},"scopes":{{}},"version":1,"who":{{"groups":["g' ||
       lpad((11 + n % {GROUPS - 10})::text, 21, '0') || '"]}}}},' ||
       '{{"conditions":{{}},"default_scopes":[],"id":"v' || n || '","key":"writers","lifetime":null,' ||
       '"resources":{{}},"scopes":{{}},"version":1,"who":{{"groups":["g' ||
       lpad((11 + (n * 3) % {GROUPS - 10})::text, 21, '0') || '"' ||
       CASE WHEN n % 25 = 0 THEN ',"g' || lpad((1 + n % 10)::text, 21, '0') || '"' ELSE '' END ||
       ']}}}}]}}', '', 1, 1
FROM generate_series(1, {CONNECTIONS}) AS n"""

# Apps act in most rows, people in theirs, administrators and the host in changes.
_WHO = f"""
    CASE WHEN event LIKE 'connection.%%' AND no %% 20 = 0 THEN 'operator' WHEN event LIKE 'login.%%' OR change
         THEN 'person' ELSE 'app' END AS kind,
    CASE WHEN event LIKE 'connection.%%' AND no %% 20 = 0 THEN '1000@host'
         WHEN event LIKE 'login.%%' THEN subject
         WHEN change THEN 'p' || lpad((1 + no %% {ADMINISTRATORS})::text, 21, '0') ELSE app END AS who"""
# A few connections have most of the traffic, and a few people.
_AUDIT = f"""
INSERT INTO audit (tenant, no, time, event, decision_id, subject, requesting_app, resource_app, jti, reason,
                   body, salts, prev_hash, hash)
SELECT ':tenant', no, :end - ((%(rows)s - no) * {DAYS * 86_400} / %(rows)s), event, md5(no::text),
       subject, app, target,
       CASE WHEN event IN ('id_jag.issued', 'id_jag.redeemed') THEN 'j' || (no / 2) END, reason,
       json_strip_nulls(json_build_object('actor', json_build_object('id', who, 'kind', kind), 'event', event,
           'subject', subject, 'requesting_app', app, 'resource_app', target, 'reason', reason,
           'user_agent', repeat('x', 400), 'decision_id', md5(no::text),
           'time', :end - ((%(rows)s - no) * {DAYS * 86_400} / %(rows)s),
           'jti', CASE WHEN event IN ('id_jag.issued', 'id_jag.redeemed') THEN 'j' || (no / 2) END,
           'rule_ids', json_build_array('u' || c), 'scopes_granted', json_build_array('chat.read'),
           'after', CASE WHEN change THEN json_build_object('row', 'c' || lpad(c::text, 21, '0')) END))::text,
       '{{}}', repeat('0', 64), repeat('0', 64)
FROM (
    SELECT no, event, c, event NOT LIKE 'id_jag.%%' AND event NOT LIKE 'login.%%'
           AND event NOT LIKE 'token.%%' AS change,
           CASE WHEN event LIKE 'connection.%%' THEN NULL
                ELSE 'p' || lpad((1 + floor(power(random(), 2) * {PEOPLE}))::text, 21, '0') END AS subject,
           CASE WHEN event NOT LIKE 'login.%%' THEN 'a' || lpad((1 + c %% {APPS})::text, 21, '0') END AS app,
           CASE WHEN event LIKE 'id_jag.%%' OR event LIKE 'connection.%%'
                THEN 'r' || lpad((1 + c / 40)::text, 21, '0') END AS target,
           CASE WHEN event = 'id_jag.denied'
                THEN (ARRAY['not_allowed', 'held', 'not_assigned', 'no_scope'])[1 + no %% 4] END AS reason
    FROM (
        SELECT no, (1 + floor(power(random(), 3) * {CONNECTIONS}))::int AS c,
               CASE WHEN roll < 0.70 THEN 'id_jag.issued' WHEN roll < 0.82 THEN 'id_jag.redeemed'
                    WHEN roll < 0.87 THEN 'id_jag.denied' WHEN roll < 0.95 THEN 'token.refreshed'
                    WHEN roll < 0.999 THEN 'login.succeeded' ELSE 'connection.updated' END AS event
        FROM (SELECT no, random() AS roll FROM generate_series(%(first)s::bigint, %(last)s) AS no) AS rolled
    ) AS made
) AS told, LATERAL (SELECT {_WHO}) AS actor"""
# The same again at later times: much quicker than to make everything up anew.
_AGAIN = f"""
INSERT INTO audit
SELECT tenant, no + %(shift)s, :end - ((%(rows)s - no - %(shift)s) * {DAYS * 86_400} / %(rows)s), event,
       md5((no + %(shift)s)::text), subject, requesting_app, resource_app,
       CASE WHEN jti IS NOT NULL THEN 'j' || ((no + %(shift)s) / 2) END, reason, body, salts, prev_hash, hash
FROM audit WHERE no <= %(first)s AND no + %(shift)s <= %(rows)s"""

_COUNTS = (
    """
INSERT INTO audit_count
SELECT tenant, 'hour', event, time - time % 3600, '', '', coalesce(reason, ''), '{}', count(*), min(time),
       max(time)
FROM audit WHERE tenant = ':tenant' GROUP BY 1, 3, 4, 7""",
    """
INSERT INTO audit_count
SELECT tenant, 'day', event, time - time % 86400, requesting_app, resource_app,
       CASE WHEN event = 'id_jag.issued' THEN substr(md5(resource_app), 1, 16)
            ELSE coalesce(reason, '') END,
       CASE WHEN event = 'id_jag.issued'
            THEN min(json_build_object('rules', body::json -> 'rule_ids', 'scopes',
                     body::json -> 'scopes_granted')::text) ELSE '{}' END,
       count(*), min(time), max(time)
FROM audit WHERE tenant = ':tenant' AND event LIKE 'id_jag.%' GROUP BY 1, 3, 4, 5, 6, 7""",
    """
INSERT INTO audit_count
SELECT tenant, 'ever', event, 0, requesting_app, resource_app, about, min(told), sum(n), min(first), max(last)
FROM audit_count WHERE span = 'day' AND event IN ('id_jag.issued', 'id_jag.redeemed')
GROUP BY 1, 3, 5, 6, 7""",
)


def name_of(letter: str, number: int) -> str:
    """The id of the person, group, app ... of that number."""
    return f"{letter}{number:021}"


def fill(url: str, rows: int, *, tenant: str = TENANT, end: int = END) -> None:
    """The tenant, with so many audit rows until ``end``; indexes are made afterwards, as after a restore.

    One that has a log already has this one instead, which nobody could verify.
    """

    def of_tenant(statement: str) -> bytes:
        return statement.replace(":tenant", tenant).replace(":end", str(end)).encode()

    own = ("audit_decision_id", "audit_jti", "audit_tenant_time", "audit_issued")
    with psycopg.connect(url, autocommit=True) as connection:
        run = connection.execute
        run("SET synchronous_commit = off")
        run("SET maintenance_work_mem = '512MB'")
        run("SET work_mem = '256MB'")
        found = run(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        ).fetchall()
        later = {name: text for name, text in found if name in {*own, *indexes.EVERY}}
        for name in later:
            run(f"DROP INDEX {name}".encode())
        for statement in (_PEOPLE, _SUBJECTS, _GROUPS, _MEMBERSHIPS, _APPS, _TARGETS, _CONNECTIONS):
            run(of_tenant(statement))
        run(b"TRUNCATE audit, audit_count")
        first = min(rows, _CHUNK)
        run(of_tenant(_AUDIT), {"rows": rows, "first": 1, "last": first})
        for shift in range(first, rows, first):
            run(of_tenant(_AGAIN), {"rows": rows, "first": first, "shift": shift})
        for statement in (*later.values(), *_COUNTS):
            run(of_tenant(statement))
        head = (tenant, "0" * 32, 1, rows, b"")
        run(
            b"INSERT INTO ledger_head AS h (tenant, epoch, policy_seq, audit_no, link) "
            b"VALUES (%s, %s, %s, %s, %s) "
            b"ON CONFLICT (tenant) DO UPDATE SET policy_seq = h.policy_seq + 1, audit_no = excluded.audit_no",
            head,
        )
        run(
            b"INSERT INTO audit_counted (tenant, no) VALUES (%s, %s) "
            b"ON CONFLICT (tenant) DO UPDATE SET no = excluded.no",
            (tenant, rows),
        )
        run(b"VACUUM ANALYZE")
