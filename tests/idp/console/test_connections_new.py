"""The wizard registers apps on the way: nothing is there before the end, and then everything at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from idjag.idp.administration.roles import Role
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

WIZARD = "/admin/connect"
ROBIN = {"name": "Robin", "kind": "ai_agent", "redirect_uris": "https://robin.example/cb"}
MAIL = {"name": "Mail", "issuer": "https://mail.example/", "resources": "https://api.mail.example/ mail.read"}


@pytest.fixture(autouse=True)
def _nothing_new(shared_owner: Administrator) -> Iterator[None]:
    yield
    for page, key in (("connection", "robin-mail"), ("app", "robin"), ("resource-app", "mail")):
        there = shared_owner.get(f"/admin/{page}?id={key}")
        if there.status_code == 200:
            shared_owner.agree(shared_owner.submit(there, f"/admin/{page}/remove"))


def _next(who: Administrator, page: httpx.Response, status: int = 200, /, **fields: Any) -> httpx.Response:
    answer = who.submit(page, WIZARD, **{"go": "next", **fields})
    assert answer.status_code == status, answer.text
    return answer


def _both(who: Administrator) -> httpx.Response:
    """At the third step, with two apps that nobody has registered."""
    return _next(who, _next(who, who.page(WIZARD), **ROBIN), **MAIL)


def _until_the_end(who: Administrator, page: httpx.Response) -> httpx.Response:
    page = _next(who, page, client_id="robin-at-mail")
    page = _next(who, page, who="these", who_users="alice")
    page = _next(who, _next(who, page, scopes_kind="only", scopes=["mail.read"]))
    return _next(who, page)


def _is_there(who: Administrator) -> list[bool]:
    paths = ("/admin/app?id=robin", "/admin/resource-app?id=mail", "/admin/connection?id=robin-mail")
    return [who.get(path).status_code == 200 for path in paths]


def test_two_new_apps_and_their_connection_are_saved_together(
    shared_owner: Administrator, shared_site: Site
) -> None:
    last = _until_the_end(shared_owner, _both(shared_owner))
    review = _next(shared_owner, last, go="active", owner="it@acme.example")
    assert _is_there(shared_owner) == [False, False, False]
    for said in (
        "Robin may read mail.read for alice.",
        "1 person gains",
        "Alice Example",
        "Its client secret",
    ):
        assert said in review.text
    (secret,) = re.findall(r'<p class="secret">([^<]+)</p>', review.text)
    assert shared_owner.agree(review).headers["location"] == "/admin/connection?id=robin-mail&done=saved"
    assert _is_there(shared_owner) == [True, True, True]
    client = shared_site.services.ledger.fresh(shared_site.services.tenant).clients["robin"]
    assert client.grants == {"authorization_code", "token_exchange"}
    assert len(client.registration.secret_hashes) == 1
    assert secret not in shared_owner.page("/admin/app", id="robin").text


def test_the_check_answers_for_apps_that_nobody_has_saved(shared_owner: Administrator) -> None:
    page = _next(shared_owner, _both(shared_owner), client_id="robin-at-mail")
    page = _next(shared_owner, page, who="these", who_users="alice")
    page = _next(shared_owner, _next(shared_owner, page, scopes_kind="only", scopes=["mail.read"]))
    assert "Once this is active it can for <strong" in page.text
    allowed = _next(shared_owner, page, go="ask", user="alice", ask_scopes="mail.read")
    assert "Allowed: Robin gets mail.read" in unescape(allowed.text)
    assert "Denied" in _next(shared_owner, page, go="ask", user="bob", ask_scopes="mail.read").text
    assert _is_there(shared_owner) == [False, False, False]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"redirect_uris": ""}, "one redirect URI at least"),
        ({"redirect_uris": "ftp://robin.example"}, 'id="redirect_uris-problem"'),
        ({"id": "wiki"}, "This id is taken"),
        ({"id": "no id"}, 'id="id-problem"'),
        ({"method": "private_key_jwt"}, "-problem"),
    ],
)
def test_what_is_wrong_with_a_new_app_stands_at_its_field(
    shared_owner: Administrator, changed: dict[str, str], said: str
) -> None:
    page = _next(shared_owner, shared_owner.page(WIZARD), 422, **{**ROBIN, **changed})
    assert said in page.text
    assert 'value="Robin"' in page.text
    assert "2. Which app" in _next(shared_owner, page, id="", method="client_secret", **ROBIN).text


def test_what_was_typed_stays_when_one_goes_back_and_another_app_may_be_chosen_still(
    shared_owner: Administrator,
) -> None:
    third = _both(shared_owner)
    first = shared_owner.submit(third, WIZARD, jump="1")
    assert 'value="robin" selected>Robin (new)' in first.text
    second = _next(shared_owner, first, **{"from": "wiki"})
    assert "Wiki" in second.text.partition("Nothing is saved")[0]
    again = shared_owner.submit(second, WIZARD, jump="1")
    assert 'value="Robin"' in again.text
    renamed = _next(shared_owner, again, name="Rob")
    assert "<bdi>Rob</bdi>" in renamed.text.partition("Nothing is saved")[0]


def test_the_review_leads_back_to_what_was_typed(shared_owner: Administrator) -> None:
    last = _until_the_end(shared_owner, _both(shared_owner))
    review = _next(shared_owner, last, go="active", owner="it@acme.example", what_for="mail for agents")
    back = shared_owner.submit(review, WIZARD)
    assert back.status_code == 200
    assert 'value="it@acme.example"' in back.text
    assert 'value="mail for agents"' in back.text
    assert _next(shared_owner, back, go="draft").status_code == 200


def test_whoever_registers_no_apps_registers_none_in_the_wizard(
    shared_owner: Administrator, shared_site: Site
) -> None:
    with Administrator(shared_site, Role.RULE_EDITOR, "bob") as bob:
        page = bob.page(WIZARD)
        assert 'name="redirect_uris"' not in page.text
        refused = bob.submit(page, WIZARD, go="next", **ROBIN)
        assert refused.status_code == 403
        assert "takes the role app admin" in refused.text
        assert bob.submit(page, WIZARD, go="look-up", name="x").status_code == 403
        assert bob.submit(page, WIZARD, go="next", **{"from": "wiki"}).status_code == 200
    assert 'name="redirect_uris"' in shared_owner.page(WIZARD).text


def test_a_secret_is_never_in_what_the_steps_carry(shared_owner: Administrator) -> None:
    page = _both(shared_owner)
    (carried,) = re.findall(r'name="so_far" value="([^"]*)"', page.text)
    _, _, typed = json.loads(unescape(carried))
    assert typed["app"]["auth"] == {"method": "client_secret"}
