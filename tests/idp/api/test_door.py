"""Every route of the admin API has a permission, and nobody comes in without it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from idjag.idp.administration import tokens
from idjag.idp.administration.roles import MAY, NEEDED, Permission, Role, missing
from idjag.idp.api.app import create_api
from idjag.idp.api.door import NEEDS
from idjag.ledger.entry import Delete, Insert, Update
from tests.idp.api.bureau import OPERATOR, Bureau
from tests.idp.grants.acme import TENANT

ROLES = ("viewer", "rule_editor", "app_admin", "auditor", "owner")


def application(office: Bureau) -> Litestar:
    return create_api(office.acme.services, lookups=None)  # type: ignore[arg-type]


def routes(app: Litestar) -> list[tuple[str, str, Any]]:
    """Method, path and handler of everything that answers."""
    return [
        (str(method), route.path, handler)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if method != "OPTIONS"
    ]


def test_every_route_names_a_permission_that_there_is(office: Bureau) -> None:
    """Attack case 191: no route is open because somebody forgot it."""
    found = routes(application(office))

    assert len(found) > 30
    assert [path for _, path, handler in found if handler.opt.get(NEEDS) not in set(Permission)] == []


def test_whoever_brings_no_good_token_comes_in_nowhere(office: Bureau) -> None:
    """Attack case 191, for each route: none, a wrong one, one in a query, two headers, Basic."""
    good = office.token("owner")
    wrong: list[dict[str, Any]] = [
        {},
        {"headers": {"Authorization": f"Bearer {good}x"}},
        {"headers": {"Authorization": f"Basic {good}"}},
        {"headers": {"Cookie": f"token={good}"}},
        {"params": {"access_token": good}},
    ]
    for method, path, _ in routes(application(office)):
        for sent in wrong[: 5 if path.endswith("/me") else 2]:
            answer = office(None, method, filled(path), **sent)
            assert answer.status_code == 401, (method, path, sent)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["cache-control"] == "no-store"
    assert office("owner", "GET", "/me").status_code == 200


def test_two_tokens_are_one_too_many(office: Bureau) -> None:
    """Attack case 20: nobody chooses between them."""
    twice = [("Authorization", f"Bearer {office.token('owner')}")] * 2

    assert office(None, "GET", "/me", headers=twice[:1]).status_code == 200
    assert office(None, "GET", "/me", headers=twice).status_code == 400


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says_and_no_more(office: Bureau, role: str) -> None:
    """Attack case 191: the role matrix, generated from the routes."""
    for method, path, handler in routes(application(office)):
        answer = office(role, method, filled(path), content=b"no json")
        allowed = handler.opt[NEEDS] in MAY[Role(role)]
        assert (answer.status_code != 403) is allowed, (role, method, path, answer.text)
        assert answer.status_code < 500, (method, path)


def test_no_role_may_what_a_lower_one_may_not_but_auditors_read_the_log() -> None:
    viewer, editor = MAY[Role.VIEWER], MAY[Role.RULE_EDITOR]

    assert viewer < editor < MAY[Role.APP_ADMIN] < MAY[Role.OWNER] == frozenset(Permission)
    assert MAY[Role.AUDITOR] - viewer == {Permission.AUDIT}


def test_changing_a_noun_takes_a_permission_and_an_unknown_noun_is_nobodys() -> None:
    everything = frozenset(Permission)

    assert missing(NEEDED, everything) == ()
    assert missing(["connection", "app", "planet"], MAY[Role.RULE_EDITOR]) == ("app", "planet")
    assert missing(["planet"], everything) == ("planet",)


def test_a_token_ends_when_its_time_is_over_and_when_it_is_revoked(office: Bureau) -> None:
    acme = office.acme
    made = tokens.create(acme, name="ci", role=Role.VIEWER, lifetime=60, actor=OPERATOR)
    other = tokens.create(acme, name="cd", role=Role.VIEWER, lifetime=60, actor=OPERATOR)

    assert tokens.caller(acme, made.value, now=made.token.expires - 1) is not None
    assert tokens.caller(acme, made.value, now=made.token.expires) is None
    assert tokens.revoke(acme, made.token.handle, actor=OPERATOR)
    assert not tokens.revoke(acme, made.token.handle, actor=OPERATOR)
    assert tokens.caller(acme, made.value, now=acme.clock()) is None
    assert tokens.caller(acme, other.value, now=acme.clock()) is not None


def test_a_token_lives_a_year_at_most(office: Bureau) -> None:
    for lifetime in (0, -1, tokens.LONGEST + 1):
        with pytest.raises(ValueError, match="an API token lives"):
            tokens.create(office.acme, name="ci", role=Role.VIEWER, lifetime=lifetime, actor=OPERATOR)
    longest = tokens.create(office.acme, name="ci", role=Role.VIEWER, lifetime=tokens.LONGEST, actor=OPERATOR)
    assert longest.token.expires == office.acme.clock() + tokens.LONGEST


def test_a_token_of_another_tenant_is_none_here(office: Bureau) -> None:
    acme = office.acme
    value = office.token("viewer")
    row = acme.row("api_token", "name", "viewer")

    acme.write(Update("api_token", {"id": row["id"]}, {"tenant_id": "t2"}))
    assert tokens.caller(acme, value, now=acme.clock()) is None
    acme.write(Update("api_token", {"id": row["id"]}, {"tenant_id": TENANT}))
    assert tokens.caller(acme, value, now=acme.clock()) is not None


def administrator(office: Bureau, role: str) -> str:
    """Alice becomes one; her person's id."""
    person = office.acme.person("alice")
    row = {"id": "adm-1", "tenant_id": TENANT, "person_id": person, "role": role, "by": "test"}
    office.acme.write(Insert("administrator", {**row, "created": 1, "updated": 1}))
    return person


def test_a_token_never_exceeds_its_creator_and_ends_with_them(office: Bureau) -> None:
    """admin-console.md: never more than the creator's current roles, and it dies with them."""
    acme = office.acme
    person = administrator(office, "owner")
    made = tokens.create(acme, name="hers", role=Role.OWNER, lifetime=60, actor=OPERATOR, creator=person)

    def permissions() -> frozenset[Permission] | None:
        found = tokens.caller(acme, made.value, now=acme.clock())
        return None if found is None else found.permissions

    assert permissions() == frozenset(Permission)
    acme.write(Update("administrator", {"id": "adm-1"}, {"role": "viewer"}))
    assert permissions() == MAY[Role.VIEWER]
    acme.write(Update("person", {"id": person}, {"status": "disabled"}))
    assert permissions() is None
    acme.write(Update("person", {"id": person}, {"status": "active"}))
    assert permissions() == MAY[Role.VIEWER]
    hold = {"id": "h", "tenant_id": TENANT, "kind": "user", "target": person, "app": "", "reason": "r"}
    acme.write(Insert("hold", {**hold, "by": "test", "since": 1, "until": None}))
    assert permissions() is None
    acme.write(Delete("hold", {"id": "h"}), Delete("administrator", {"id": "adm-1"}))
    assert permissions() is None


def test_the_value_of_a_token_is_written_nowhere(office: Bureau) -> None:
    """Attack case 199: shown once; a digest is stored."""
    value = office.token("owner")
    office("owner", "GET", "/tokens")
    stored = office.acme.row("api_token", "name", "owner")

    assert value.startswith(tokens.PREFIX)
    assert value not in repr(stored)
    assert value not in repr(office.acme.events())
    assert value not in office("owner", "GET", "/tokens").text
    assert value not in repr(tokens.Made(replace(tokens.listed(office.acme)[0]), value))


def filled(path: str) -> str:
    """A path with something in its places."""
    return re.sub(r"\{[^}]*\}", "unknown", path)


def test_an_id_jag_and_an_id_token_open_nothing_here(office: Bureau) -> None:
    """JAG-25: a grant for somebody else's authorization server is no bearer token of ours."""
    id_token = office.acme.sign_in()
    issued = office.acme.exchange(id_token)
    assert issued.error == "issued"
    for token in (id_token, issued.json["access_token"]):
        assert office(None, "GET", "/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert office("viewer", "GET", "/me").status_code == 200
