"""Ten thousand connections in one file: quick enough for a pipeline, and one short transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.state.plan import Problems
from tests.idp.state.parts import Acme, on_disk

APPS = TARGETS = 100


def lines() -> Iterator[str]:
    """As an administrator's generator would write it: block style, every connection in full."""
    yield "version: 1\ngroups:"
    yield from (f"  - name: group-{number}" for number in range(50))
    yield "apps:"
    for number in range(APPS):
        yield f"  - id: app-{number}"
        yield f'    redirect_uris: ["https://app-{number}.example/callback"]'
        yield '    auth: {secret: "env:WIKI_SECRET"}'
        yield "    grants: [authorization_code, token_exchange]"
        yield "    assigned: {everyone: true}"
    yield "resource_apps:"
    for number in range(TARGETS):
        yield f"  - id: target-{number}"
        yield f"    issuer: https://target-{number}.example/"
        yield f'    resources: [{{uri: "https://api-{number}.example/", scopes: [a.read, a.write]}}]'
    yield "connections:"
    for number in range(APPS * TARGETS):
        yield f"  - id: connection-{number}"
        yield f"    from: app-{number % APPS}"
        yield f"    to: target-{number // APPS}"
        yield f"    client_id: client-{number}"
        yield "    owner: it@acme.example"
        yield "    reason: because somebody asked for it"
        yield "    expires: 2027-06-30T00:00:00Z"
        yield "    rules:"
        yield "      - id: read"
        yield f"        who: {{groups: [group-{number % 50}]}}"
        yield "        scopes: [a.read]"
        yield "        conditions: {amr: [mfa], max_auth_age: 8h}"


@pytest.fixture(scope="module")
def text() -> str:
    """Ten thousand connections."""
    return "\n".join(lines()) + "\n"


@pytest.mark.soak
def test_ten_thousand_connections_apply_in_under_ten_seconds(text: str, tmp_path: Path) -> None:
    """Issue 3: in under 10 s, parsing included, on the real tables."""
    with on_disk(tmp_path / "idjag.db") as acme:
        # Of this process, the writer's thread included: what neighbours on this machine do is not ours.
        began = time.process_time()
        outcome = acme.apply(text)
        took = time.process_time() - began
        assert len(outcome.plan.changes) == 50 + APPS + TARGETS + 2 * APPS * TARGETS
        assert took < 10
        assert not acme.apply(text).applied
        assert len(acme.rows("connection")) == APPS * TARGETS


@pytest.mark.slow
def test_one_bad_reference_among_ten_thousand_stops_all_of_them(text: str, tmp_path: Path) -> None:
    broken = text.replace("groups: [group-49]", "groups: [group-50]", 1)
    with on_disk(tmp_path / "idjag.db") as acme:
        with pytest.raises(Problems, match="connection connection-49: unknown group: group-50"):
            acme.apply(broken)
        assert acme.rows("connection") == []


def test_a_change_of_one_among_many_writes_one(text: str, tmp_path: Path) -> None:
    small = text[: text.index("  - id: connection-300\n")]
    with on_disk(tmp_path / "idjag.db") as acme:
        acme.apply(small)
        writes = planned_writes(acme, small.replace("client_id: client-7\n", "client_id: client-x\n"))
        assert len(writes) == 1


def planned_writes(acme: Acme, text: str) -> list[Any]:
    return list(acme.apply(text).plan.writes)
