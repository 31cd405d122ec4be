"""The wizard: eight steps, back and forth, checked at each, and nothing is saved before the last one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
import pytest

from idjag.idp.administration.roles import Role
from tests.idp.console.desk import Administrator
from tests.idp.me.person import API, administer, policy
from tests.idp.signin.site import Site

WIZARD, PAGE, CHANGE = "/admin/connect", "/admin/connection", "/admin/change"
NAME = "wiki-chat"
ANSWERS: Mapping[int, Mapping[str, Any]] = {
    1: {"from": "wiki"},
    2: {"to": "chat"},
    3: {"client_id": "wiki-at-chat"},
    4: {"who": "these", "who_users": "alice"},
    5: {"scopes_kind": "only", "scopes": ["chat.read"], "default_scopes": ["chat.read"]},
    6: {"max_auth_age": "8h", "amr": ["pwd", ""], "expires": "2027-06-30"},
    7: {},
    8: {"owner": "it@acme.example", "what_for": "threads in the wiki"},
}


@dataclass(slots=True)
class Walk:
    """Somebody at a step of the wizard."""

    who: Administrator
    page: httpx.Response = field(init=False)

    def __post_init__(self) -> None:
        self.page = self.who.page(WIZARD)

    @property
    def step(self) -> int:
        """The one that is shown."""
        return int(re.findall(r'name="step" value="(\d)"', self.page.text)[0])

    def press(self, go: str = "next", **fields: Any) -> httpx.Response:
        """Fill in and press a button."""
        self.page = self.who.submit(self.page, WIZARD, go=go, **fields)
        return self.page

    def jump(self, step: int, **fields: Any) -> httpx.Response:
        """To a step that was reached, or back."""
        self.page = self.who.submit(self.page, WIZARD, jump=str(step), **fields)
        return self.page

    def until(self, step: int, **changes: Mapping[str, Any]) -> Walk:
        """Answer everything before this step; ``changes`` by ``at3`` and the like."""
        while self.step < step:
            here = self.step
            self.press(**{**ANSWERS[here], **changes.get(f"at{here}", {})})
            assert self.step == here + 1, self.page.text
        return self


@pytest.fixture(scope="module")
def editor(shared_site: Site) -> Iterator[Administrator]:
    """Bob, who edits rules and registers no apps."""
    with Administrator(shared_site, Role.RULE_EDITOR, "bob") as bob:
        yield bob


@pytest.fixture(autouse=True)
def _nothing_connected(shared_site: Site, shared_owner: Administrator) -> Iterator[None]:
    yield
    gone = shared_owner.get(f"{PAGE}?id={NAME}")
    if gone.status_code == 200:
        shared_owner.agree(shared_owner.submit(gone, f"{PAGE}/remove"))


@pytest.fixture(scope="module", autouse=True)
def _registered(shared_site: Site, shared_owner: Administrator) -> None:
    """Both apps are there, and nobody has connected them."""
    administer(shared_site, policy())
    page = shared_owner.page(f"{PAGE}?id={NAME}")
    shared_owner.agree(shared_owner.submit(page, f"{PAGE}/remove"))


def test_eight_steps_connect_two_apps_and_nothing_works_before_the_last(shared_owner: Administrator) -> None:
    walk = Walk(shared_owner).until(8)
    assert shared_owner.act().status_code == 400
    review = walk.press("active", **ANSWERS[8])
    assert (
        "Wiki may read chat.read for alice who signed in with a password in the last 8 hours" in review.text
    )
    assert "today it is 0" in review.text
    assert shared_owner.submit(review, CHANGE, reason="").status_code == 422
    assert shared_owner.act().status_code == 400
    saved = shared_owner.agree(review, reason="ticket 17")
    assert saved.headers["location"] == f"{PAGE}?id={NAME}&done=saved"
    assert shared_owner.act().status_code == 200
    page = shared_owner.page(f"{PAGE}?id={NAME}").text
    assert "ticket 17" in page
    assert "2027-06-30" in page
    assert "managed by file" not in page


def test_a_draft_is_kept_and_allows_nothing(shared_owner: Administrator) -> None:
    review = Walk(shared_owner).until(8).press("draft", **ANSWERS[8])
    assert shared_owner.agree(review).status_code == 303
    assert shared_owner.act().status_code == 400
    page = shared_owner.page(f"{PAGE}?id={NAME}")
    assert "Draft</span>" in page.text
    assert shared_owner.agree(shared_owner.submit(page, f"{PAGE}/status")).status_code == 303
    assert shared_owner.act().status_code == 200


def test_going_back_and_forth_loses_nothing_not_even_what_is_wrong(shared_owner: Administrator) -> None:
    walk = Walk(shared_owner).until(6)
    walk.jump(4, max_auth_age="a while", networks="192.0.2.0/24")
    assert walk.step == 4
    assert "alice</textarea>" in walk.page.text
    walk.jump(1)
    assert '<option value="wiki" selected>' in walk.page.text
    walk.jump(6)
    assert 'value="a while"' in walk.page.text
    assert "192.0.2.0/24</textarea>" in walk.page.text
    assert walk.press().status_code == 422
    assert walk.step == 6


@pytest.mark.parametrize(
    ("step", "wrong", "place"),
    [
        pytest.param(1, {"from": ""}, "from", id="no requesting app"),
        pytest.param(1, {"from": "no-such"}, "from", id="an app that is not there"),
        pytest.param(2, {"to": ""}, "to", id="no resource app"),
        pytest.param(3, {"client_id": "two words"}, "client_id", id="a client ID with a space"),
        pytest.param(4, {"who_users": "nobody-here"}, "who_users", id="a person who is not there"),
        pytest.param(4, {"who_users": ""}, "who", id="nobody"),
        pytest.param(5, {"scopes": []}, "scopes", id="only these, and none"),
        pytest.param(5, {"default_scopes": ["chat.write"]}, "default_scopes", id="a default not allowed"),
        pytest.param(6, {"max_auth_age": "soon"}, "max_auth_age", id="not a duration"),
        pytest.param(6, {"expires": "soon"}, "expires", id="not a day"),
    ],
)
def test_each_step_says_at_the_field_what_is_wrong_and_goes_on_when_it_is_right(
    shared_owner: Administrator, step: int, wrong: dict[str, Any], place: str
) -> None:
    walk = Walk(shared_owner).until(step)
    again = walk.press(**{**ANSWERS[step], **wrong})
    assert (again.status_code, walk.step) == (422, step)
    assert (f'id="{place}-problem"' in again.text) or place == "who"
    assert 'role="alert"' in again.text
    assert walk.press(**ANSWERS[step]).status_code == 200
    assert walk.step == step + 1


def test_two_apps_that_are_connected_lead_to_their_connection(
    shared_owner: Administrator, shared_site: Site
) -> None:
    administer(shared_site, policy())
    walk = Walk(shared_owner).until(2)
    again = walk.press(to="chat")
    assert (again.status_code, walk.step) == (422, 2)
    assert f"{PAGE}?id={NAME}" in again.text


def test_the_check_asks_the_evaluator_on_the_rules_as_they_would_be(
    shared_owner: Administrator, shared_site: Site
) -> None:
    walk = Walk(shared_owner).until(7)
    assert '<strong class="figure">1</strong>' in walk.page.text
    events = shared_site.last_event()
    alice = walk.press("ask", user="alice", ask_scopes="chat.read chat.write")
    assert "Allowed: Wiki gets chat.read" in alice.text
    bob = walk.press("ask", user="bob", ask_scopes="chat.read")
    assert "Denied" in bob.text
    assert "Allowed:" not in bob.text
    nobody = walk.press("ask", user="nobody-here")
    assert "There is no person called nobody-here." in nobody.text
    assert shared_site.last_event() == events
    assert walk.step == 7


def test_a_level_of_sign_in_goes_on_to_the_check_and_is_asked_about(shared_owner: Administrator) -> None:
    """The box and the line below it have one name, as a browser sends them."""
    level = "urn:idjag:acr:mfa"
    walk = Walk(shared_owner).until(7, at6={"amr": [""], "acr": [level, ""]})
    assert walk.step == 7
    assert "Denied" in walk.press("ask", user="alice", ask_scopes="chat.read").text
    assert "Allowed: " in walk.press("ask", user="alice", ask_scopes="chat.read", ask_acr=level).text


def test_the_check_says_what_would_keep_it_from_working(shared_owner: Administrator) -> None:
    silent = Walk(shared_owner).until(7)
    assert "no client ID at the resource app yet" not in silent.page.text
    walk = Walk(shared_owner).until(7, at3={"client_id": ""}, at6={"expires": ""})
    assert "no client ID at the resource app yet" in walk.page.text
    assert "It never ends" in walk.page.text


def test_the_check_shows_guardrails_that_take_away(shared_owner: Administrator, shared_site: Site) -> None:
    guardrail = {"id": "no-reading", "who": {"everyone": True}, "scopes": ["chat.read"]}
    administer(shared_site, {"version": 1, "guardrails": [guardrail]})
    try:
        walk = Walk(shared_owner).until(7)
        assert "No app may use chat.read" in walk.page.text
        assert "Denied" in walk.press("ask", user="alice", ask_scopes="chat.read").text
    finally:
        page = shared_owner.page("/admin/guardrails")
        shared_owner.agree(shared_owner.submit(page, "/admin/guardrail/remove"))
    assert "No app may use" not in Walk(shared_owner).until(7).page.text


def test_only_who_may_register_apps_lets_the_server_ask_others(
    shared_owner: Administrator, editor: Administrator
) -> None:
    walk = Walk(editor).until(7)
    assert "Read its metadata" not in walk.page.text
    assert editor.submit(walk.page, WIZARD, go="look").status_code == 403
    mine = Walk(shared_owner).until(7)
    assert "Read its metadata" in mine.page.text
    assert shared_owner.submit(mine.page, WIZARD, go="look").status_code == 200


def test_a_rule_editor_connects_two_apps(editor: Administrator) -> None:
    review = Walk(editor).until(8).press("active", **ANSWERS[8])
    assert editor.agree(review).status_code == 303
    assert NAME in editor.page("/admin/connections").text


def test_a_name_that_is_taken_is_refused_at_the_name(shared_owner: Administrator, shared_site: Site) -> None:
    other = policy()
    other["connections"][0] |= {"id": "taken", "from": "notes"}
    administer(shared_site, other)
    try:
        walk = Walk(shared_owner).until(8)
        again = walk.press("active", id="taken")
        assert again.status_code == 422
        assert 'id="id-problem"' in again.text
        assert walk.press("active", id=NAME).status_code == 200
    finally:
        page = shared_owner.page(f"{PAGE}?id=taken")
        shared_owner.agree(shared_owner.submit(page, f"{PAGE}/remove"))


def test_what_is_carried_is_sealed(shared_owner: Administrator, editor: Administrator) -> None:
    """Attack case 186: what no step asks for comes in by no field."""
    walk = Walk(shared_owner).until(5)
    (carried,) = re.findall(r'name="so_far" value="([^"]*)"', walk.page.text)
    entry, furthest, typed = json.loads(unescape(carried))
    forged = json.dumps([{**entry, "managed_by": "file"}, furthest, typed])
    assert shared_owner.submit(walk.page, WIZARD, go="next", so_far=forged).status_code == 400
    seal = re.findall(r'name="seal" value="([^"]*)"', Walk(editor).until(5).page.text)[0]
    assert shared_owner.submit(walk.page, WIZARD, go="next", seal=seal).status_code == 400
    assert walk.press(**ANSWERS[5]).status_code == 200


@pytest.mark.parametrize("step", ["9", "0", "x", "-1"])
def test_a_step_that_is_not_there_is_refused(shared_owner: Administrator, step: str) -> None:
    page = shared_owner.page(WIZARD)
    assert shared_owner.submit(page, WIZARD, step=step, go="next").status_code == 400
    assert shared_owner.submit(page, WIZARD, go="next").status_code == 422


def test_a_step_that_was_not_reached_is_not_jumped_to(shared_owner: Administrator) -> None:
    walk = Walk(shared_owner)
    walk.jump(8, **ANSWERS[1])
    assert walk.step == 2


def test_an_address_may_choose_both_apps_already(shared_owner: Administrator) -> None:
    page = shared_owner.page(f"{WIZARD}?from=wiki&to=no-such").text
    form = page.partition('<form class="wizard"')[2]
    assert '<option value="wiki" selected>' in form
    assert "no-such" not in form
    assert API not in page
