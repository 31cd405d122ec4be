"""Connections: the list and the page of one, what they show and what is done there, and by whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from idjag.idp.console.connections_use import DAYS, usage
from idjag.idp.holds import find, place, release
from idjag.idp.lookups import Use
from tests.idp.console.desk import Administrator
from tests.idp.me.person import administer, policy
from tests.idp.signin.seeds import NOW
from tests.idp.signin.site import Site

LIST, PAGE = "/admin/connections", "/admin/connection"
STATUS, REMOVE, CHECK = f"{PAGE}/status", f"{PAGE}/remove", f"{PAGE}/check"
KEY = "wiki-chat"
HERE = f"{PAGE}?id={KEY}"


def state(**connection: Any) -> dict[str, Any]:
    """The state file with its one connection changed."""
    said = policy()
    said["connections"][0] |= connection
    return said


@pytest.fixture(autouse=True)
def _as_it_was(shared_site: Site) -> Iterator[None]:
    yield
    administer(shared_site, policy())


def test_the_list_says_who_is_connected_to_whom_and_how_many_people_that_reaches(
    shared_owner: Administrator,
) -> None:
    page = shared_owner.page(LIST).text
    assert f'href="{HERE}"><bdi>Wiki</bdi>' in page
    assert "<bdi>Chat</bdi>" in page
    assert "Active</span>" in page
    reached = re.findall(rf'href="{PAGE}/people\?id={KEY}">(\d)</a>', page)
    assert reached in (["2"], ["3"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param({"q": "wik"}, True, id="begins like the key"),
        pytest.param({"q": "nothing like it"}, False, id="other words"),
        pytest.param({"q": "%"}, False, id="a metacharacter is a character (attack case 194)"),
        pytest.param({"status": "active"}, True, id="status"),
        pytest.param({"status": "paused"}, False, id="other status"),
        pytest.param({"owner": "it@"}, True, id="owner"),
        pytest.param({"owner": "hr@"}, False, id="other owner"),
        pytest.param({"from": "wiki", "to": "chat"}, True, id="both apps"),
        pytest.param({"from": "notes"}, False, id="other requesting app"),
        pytest.param({"to": "no-such"}, False, id="a resource app that is not there finds nothing"),
        pytest.param({"after": "wiki-chat"}, False, id="after the last one"),
        pytest.param({"after": "' OR 1=1 --"}, True, id="a cursor is a text and no query (attack case 194)"),
    ],
)
def test_the_list_is_searched_and_filtered_on_the_server(
    shared_owner: Administrator, query: dict[str, str], *, found: bool
) -> None:
    page = shared_owner.page(f"{LIST}?{urlencode(query)}").text
    assert (HERE in page) is found
    assert ("Nothing found" in page) is not found


def test_the_page_says_the_rules_in_sentences(shared_owner: Administrator, shared_site: Site) -> None:
    conditions = {"amr": ["mfa"], "max_auth_age": "8h"}
    rule = {"id": "all", "who": {"users": ["alice"]}, "scopes": ["chat.read"], "conditions": conditions}
    administer(shared_site, state(rules=[rule]))
    page = shared_owner.page(HERE).text
    assert "Wiki may read chat.read for alice who signed in with MFA in the last 8 hours." in page
    assert '<strong class="figure">1</strong> person</a> can be acted for' in page
    assert "wiki-at-chat" in page
    assert "managed by file" in page


def test_a_connection_without_rules_teaches_the_next_step(
    shared_owner: Administrator, shared_viewer: Administrator, shared_site: Site
) -> None:
    administer(shared_site, state(rules=[]))
    assert "Add the first rule" in shared_owner.page(HERE).text
    assert "It allows nothing yet" in shared_viewer.page(HERE).text
    assert "Add the first rule" not in shared_viewer.page(HERE).text


def test_what_the_resource_app_does_not_declare_is_said_to_reach_nothing(
    shared_owner: Administrator, shared_site: Site
) -> None:
    rule = {"id": "all", "who": {"everyone": True}, "scopes": ["files.read"]}
    administer(shared_site, state(rules=[rule]))
    assert "declares nothing of what the rules name" in shared_owner.page(HERE).text


def test_the_page_shows_the_use_by_day_and_scope_also_as_a_table(owner: Administrator) -> None:
    assert owner.act(scope="chat.read").status_code == 200
    assert owner.act(scope="chat.history").status_code == 400
    page = owner.page(HERE).text
    assert "<title>1 issued, 1 denied</title>" in page
    assert "Use by day, as a table" in page
    assert "scope_not_allowed" in page


def test_pausing_is_shown_first_then_denies_and_resuming_needs_a_reason(
    shared_owner: Administrator, shared_site: Site
) -> None:
    review = shared_owner.submit(shared_owner.page(HERE), STATUS)
    assert 'It reaches <strong class="figure">0</strong> people' in review.text
    assert shared_owner.act().status_code == 200
    saved = shared_owner.agree(review, reason="an incident")
    assert saved.headers["location"] == f"{HERE}&done=saved"
    assert shared_owner.act().status_code == 400
    page = shared_owner.page(HERE)
    assert "Paused it" in page.text
    assert "“<bdi>an incident</bdi>”" in page.text
    again = shared_owner.submit(page, STATUS)
    assert shared_owner.submit(again, "/admin/change", reason="").status_code == 422
    assert shared_owner.agree(again).status_code == 303
    assert shared_owner.act().status_code == 200


def test_one_click_with_a_reason_stops_it_until_it_is_released(shared_owner: Administrator) -> None:
    held = shared_owner.submit(shared_owner.page(HERE), "/admin/hold", reason="a token in a log")
    assert held.headers["location"].startswith(HERE)
    page = shared_owner.page(HERE)
    assert "Held</span>" in page.text
    assert "stopped by alice" in page.text
    assert "Held</span>" in shared_owner.page(f"{LIST}?status=held").text
    assert shared_owner.act().status_code == 400
    released = shared_owner.submit(page, "/admin/hold/release", reason="it was a test token")
    assert released.status_code == 303
    assert shared_owner.act().status_code == 200
    assert "Nothing found" in shared_owner.page(f"{LIST}?status=held").text


def test_a_hold_that_is_over_is_not_listed_as_one(shared_owner: Administrator, shared_site: Site) -> None:
    services, actor = shared_site.services, {"kind": "operator", "id": "root"}
    target = find(services, "connection", KEY)
    place(services, target, actor=actor, reason="until just now", until=services.clock())
    assert "Nothing found" in shared_owner.page(f"{LIST}?status=held").text
    place(services, target, actor=actor, reason="until later", until=services.clock() + 60)
    assert HERE in shared_owner.page(f"{LIST}?status=held").text
    release(services, target, actor=actor, reason="over")


def test_the_check_button_says_why_nothing_could_be_asked(shared_owner: Administrator) -> None:
    checked = shared_owner.submit(shared_owner.page(HERE), CHECK, user="nobody-here")
    assert checked.status_code == 422
    assert "nobody-here" in checked.text


def test_a_viewer_sees_no_button_and_changes_nothing(
    shared_owner: Administrator, shared_viewer: Administrator
) -> None:
    """Attack case 191."""
    page, mine = shared_viewer.page(HERE), shared_owner.page(HERE)
    for action in (STATUS, REMOVE, CHECK, "/admin/hold"):
        assert shared_owner.has(mine, action)
        assert not shared_viewer.has(page, action)
        sent = shared_viewer.post(action, data={"id": KEY, "to": "paused", "form_token": ""})
        assert sent.status_code == 403
        assert "Not for your role" in sent.text
    for form in (f"{PAGE}/edit?id={KEY}", f"{PAGE}/rule?id={KEY}", "/admin/connect"):
        assert shared_viewer.get(form).status_code == 403
        assert shared_owner.get(form).status_code == 200
    assert "Connect two apps" not in shared_viewer.page(LIST).text


def test_names_that_others_chose_are_inert(shared_owner: Administrator, shared_site: Site) -> None:
    """Attack case 189."""
    hostile = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    administer(shared_site, state(owner=hostile, reason=hostile))
    for path in (HERE, LIST, f"{PAGE}/edit?id={KEY}"):
        text = shared_owner.page(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_a_connection_that_is_not_there_is_not_here(shared_owner: Administrator) -> None:
    assert "There is no connection of this name." in shared_owner.page(PAGE, 404, id="no-such").text
    assert shared_owner.page(PAGE, 200, id=KEY).status_code == 200


def test_removing_it_shows_that_it_reaches_nobody_then_and_teaches_the_next_step(
    shared_owner: Administrator, shared_site: Site
) -> None:
    review = shared_owner.submit(shared_owner.page(HERE), REMOVE)
    assert '<strong class="figure">0</strong>' in review.text
    gone = shared_owner.agree(review)
    assert gone.headers["location"] == f"{LIST}?done=saved"
    assert "No connections yet" in shared_owner.page(LIST).text
    assert shared_owner.page(PAGE, 404, id=KEY).status_code == 404
    administer(shared_site, policy())
    assert HERE in shared_owner.page(LIST).text


def use(day: int, event: str, n: int, *, reason: str = "", scopes: tuple[str, ...] = ()) -> Use:
    return Use(day, event, reason, scopes, (), n)


def test_the_picture_has_every_day_and_stacks_what_was_denied_on_what_was_issued() -> None:
    today = NOW - NOW % 86_400
    issued = use(today, "id_jag.issued", 30, scopes=("chat.read", "chat.write"))
    denied = use(today, "id_jag.denied", 10, reason="no_rule")
    old = use(today - 86_400, "id_jag.issued", 1, scopes=("chat.read",))
    shown = usage([old, issued, denied], now=NOW)
    bars = shown.chart.bars
    assert len(bars) == DAYS
    assert (dict(bars[-1].counts), shown.issued, shown.chart.most) == ({"issued": 30, "denied": 10}, 31, 40)
    assert shown.scopes == (("chat.read", 31), ("chat.write", 30))
    assert shown.reasons == (("no_rule", 10),)
    (top, small), below, above = bars[-2].parts["issued"], bars[-1].parts["issued"], bars[-1].parts["denied"]
    assert (top + small, small) == (shown.chart.height, 2.9)
    assert sum(above) == below[0]
    assert sum(below) == shown.chart.height
    assert all(bar.parts == {} for bar in usage([], now=NOW).chart.bars)
