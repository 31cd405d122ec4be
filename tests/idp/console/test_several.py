"""Many at once: connections and people ticked in a list, reviewed as one, changed all or none."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.api.problem import Problem
from idjag.idp.console.proposals import MOST, Proposal, Wanted
from idjag.idp.state.current import Current
from idjag.ledger.entry import Delete
from tests.idp.console.desk import Administrator, inputs
from tests.idp.me.person import administer, policy
from tests.idp.signin.site import Site

LIST, SEVERAL = "/admin/connections", "/admin/connections/several"
PEOPLE, MANY_PEOPLE, OWNS = "/admin/people", "/admin/people/several", "/admin/person/owns"
CHANGE, HOLD = "/admin/change", "/admin/hold/several"
ALL = ("chat-1", "chat-2", "chat-3", "wiki-chat")


def state(**third: Any) -> dict[str, Any]:
    """Four connections; ``third`` changes the third of those that are added."""
    said = policy()
    target, made = said["resource_apps"][0], said["connections"][0]
    for number in (1, 2, 3):
        key = f"chat-{number}"
        said["resource_apps"].append(
            {**target, "id": key, "name": f"Chat {number}", "issuer": f"https://{key}.example/"}
        )
        more = third if number == 3 else {}
        said["connections"].append({**made, "id": key, "to": key, "client_id": key, "owner": "Alice", **more})
    return said


@pytest.fixture(autouse=True)
def _as_it_was(shared_site: Site) -> Iterator[None]:
    administer(shared_site, state())
    yield
    administer(shared_site, state())


def statuses(site: Site) -> dict[str, str]:
    return {str(row["key"]): str(row["status"]) for row in site.rows("connection")}


def owners(site: Site) -> dict[str, str]:
    return {str(row["key"]): json.loads(str(row["spec"]))["owner"] for row in site.rows("connection")}


def chosen(owner: Administrator, *keys: str, do: str = "pause", **fields: Any) -> httpx.Response:
    """The page that shows what happens to these."""
    return owner.submit(owner.page(LIST), SEVERAL, one=list(keys), do=do, **fields)


def test_many_are_paused_in_one_transaction_and_each_is_in_the_log(
    shared_owner: Administrator, shared_site: Site
) -> None:
    owner, before = shared_owner, len(shared_site.events())
    review = chosen(owner, "chat-1", "chat-2")
    assert '<strong class="figure">2</strong> connections: nothing is issued through them' in review.text
    assert "People who lose it" in review.text
    assert review.text.count('<td class="number">2</td>') == 2
    assert set(statuses(shared_site).values()) == {"active"}

    saved = owner.submit(review, CHANGE)

    assert saved.headers["location"] == f"{LIST}?done=saved"
    paused = {key for key, status in statuses(shared_site).items() if status == "paused"}
    assert paused == {"chat-1", "chat-2"}
    events = shared_site.events()[before:]
    told = [event for event in events if event["event"] == "connection.paused"]
    assert [(event["before"]["status"], event["after"]["status"]) for event in told] == [
        ("active", "paused")
    ] * 2
    assert {event["after"]["key"] for event in told} == paused
    assert len({event["decision_id"] for event in told}) == 1
    assert {event["actor"]["kind"] for event in told} == {"person"}


def test_all_that_a_search_finds_are_changed_and_nothing_else(
    shared_owner: Administrator, shared_site: Site
) -> None:
    owner = shared_owner
    page = owner.page(LIST, q="chat-", owner="alice")
    assert "All 3 that this search finds" in page.text
    review = owner.submit(page, SEVERAL, all="yes", do="owner", new_owner="bob@acme.example")
    saved = owner.agree(review, reason="Alice leaves")
    assert saved.headers["location"] == f"{LIST}?q=chat-&owner=alice&done=saved"
    assert owners(shared_site) == dict.fromkeys(ALL[:3], "bob@acme.example") | {
        "wiki-chat": "it@acme.example"
    }
    assert shared_site.last_event()["after"]["reason"] == "Alice leaves"


def test_what_widens_needs_a_reason_for_many_too(shared_owner: Administrator, shared_site: Site) -> None:
    owner = shared_owner
    owner.submit(chosen(owner, *ALL), CHANGE)
    assert set(statuses(shared_site).values()) == {"paused"}
    review = chosen(owner, *ALL, do="activate")
    again = owner.submit(review, CHANGE, reason="")
    assert (again.status_code, set(statuses(shared_site).values())) == (422, {"paused"})
    assert owner.submit(again, CHANGE, reason="the audit is over").status_code == 303
    assert set(statuses(shared_site).values()) == {"active"}


def test_a_draft_stays_a_draft_when_many_are_paused(shared_owner: Administrator, shared_site: Site) -> None:
    administer(shared_site, state(status="draft"))
    review = chosen(shared_owner, "chat-1", "chat-3")
    assert "1 connection more that you chose: nothing changes there." in review.text
    shared_owner.submit(review, CHANGE)
    assert (statuses(shared_site)["chat-1"], statuses(shared_site)["chat-3"]) == ("paused", "draft")


def test_the_second_editor_is_told_which_and_nothing_is_half_done(
    shared_owner: Administrator, shared_site: Site
) -> None:
    """Attack case 193: of several entries."""
    owner = shared_owner
    review = chosen(owner, "chat-1", "chat-3")
    administer(shared_site, state(reason="somebody else was here"))
    late = owner.submit(review, CHANGE)
    assert late.status_code == 412
    assert "chat-3: somebody else has changed it" in late.text
    assert "chat-1" not in late.text.partition("<main")[2]
    assert set(statuses(shared_site).values()) == {"active"}
    assert owner.submit(chosen(owner, "chat-1", "chat-3"), CHANGE).status_code == 303


def test_entries_that_changed_before_the_commit_are_named() -> None:
    """What was read for the form and what the plan is made on are two looks."""
    seen = [Wanted("connection", key, {"id": key}, "seen", managed=False) for key in ("a", "b")]
    with pytest.raises(Problem) as late:
        Proposal((*seen, Wanted("app", "c", {"id": "c"}, "")), "/admin").as_seen(Current("t"))
    assert late.value.status == 412
    assert [message for _, message in late.value.errors] == [
        f"{key}: it is not there any more" for key in "ab"
    ]
    Proposal((Wanted("app", "c", {"id": "c"}, ""),), "/admin").as_seen(Current("t"))


def test_one_that_is_gone_meanwhile_is_named(shared_owner: Administrator, shared_site: Site) -> None:
    owner = shared_owner
    review = chosen(owner, "chat-1", "chat-3")
    owner.agree(owner.submit(owner.page("/admin/connection", id="chat-3"), "/admin/connection/remove"))
    late = owner.submit(review, CHANGE)
    assert late.status_code == 412
    assert "chat-3: it is not there any more" in late.text
    assert statuses(shared_site)["chat-1"] == "active"


def test_what_is_managed_by_file_says_what_the_file_must_say(shared_owner: Administrator) -> None:
    review = chosen(shared_owner, "chat-1", "chat-2")
    assert "This is managed by file" in review.text
    assert "- {id: chat-1, status: paused}" in review.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, "Tick at least one connection", id="nothing is ticked"),
        pytest.param(
            {"one": "chat-1", "do": "owner"}, "Say who the new owner is", id="an owner who is nobody"
        ),
    ],
)
def test_what_is_missing_is_said_on_the_list_and_the_ticks_stay(
    shared_owner: Administrator, fields: dict[str, str], said: str
) -> None:
    again = shared_owner.submit(shared_owner.page(LIST), SEVERAL, **fields)
    assert again.status_code == 422
    assert said in again.text
    assert ('value="chat-1" aria-label="Choose chat-1" checked' in again.text) is ("one" in fields)


def test_more_than_anybody_reviews_is_refused_with_words(shared_owner: Administrator) -> None:
    many = [f"c-{number}" for number in range(MOST + 1)]
    refused = shared_owner.submit(shared_owner.page(LIST), SEVERAL, one=many)
    assert refused.status_code == 422
    assert "at most 500 are changed at once" in refused.text
    # one less is looked at
    assert shared_owner.submit(shared_owner.page(LIST), SEVERAL, one=many[1:]).status_code == 200
    review = chosen(shared_owner, "chat-1")
    [wanted] = json.loads(inputs(review.text)["wanted"][0])
    for keys, status in ((many, 400), (many[1:], 412)):
        sent = json.dumps([{**wanted, "key": key} for key in keys])
        assert shared_owner.submit(review, CHANGE, wanted=sent).status_code == status


@pytest.mark.parametrize(
    "laid",
    [
        {"status": "draft"},
        {"client_id": "mine"},
        {"rules": "[]"},
        {},
        {"status": ["paused"]},
        "paused",
    ],
)
def test_a_reviewed_form_lays_nothing_else_over_many(
    shared_owner: Administrator, shared_site: Site, laid: object
) -> None:
    review = chosen(shared_owner, "chat-1", "chat-2")
    assert shared_owner.submit(review, CHANGE, laid=json.dumps(laid)).status_code == 400
    assert set(statuses(shared_site).values()) == {"active"}


def test_a_form_that_we_did_not_write_is_refused(shared_owner: Administrator) -> None:
    review = chosen(shared_owner, "chat-1", "chat-2")
    page = shared_owner.page("/admin/connection", id="chat-1")
    alone = shared_owner.submit(page, "/admin/connection/status")
    for wanted in ("[]", "{}", "[1]", '[{"noun": "connection"}]', "x", '[["a"]]'):
        assert shared_owner.submit(review, CHANGE, wanted=wanted).status_code == 400
        assert shared_owner.submit(alone, CHANGE, wanted=wanted).status_code == 400


def test_a_viewer_has_no_boxes_and_an_editor_of_rules_changes_no_people(
    shared_owner: Administrator, shared_site: Site
) -> None:
    """ADM-04."""
    assert shared_owner.has(shared_owner.page(LIST), SEVERAL)
    with Administrator(shared_site, Role.VIEWER, "bob") as viewer:
        for path, action in ((LIST, SEVERAL), (PEOPLE, MANY_PEOPLE)):
            page = viewer.page(path)
            assert not viewer.has(page, action)
            assert 'type="checkbox"' not in page.text
        assert "New owner" not in viewer.page(OWNS, id="alice").text
        assert viewer.post(OWNS, data={"id": "alice"}).status_code == 403
    review = shared_owner.submit(shared_owner.page(PEOPLE), MANY_PEOPLE, one="bob", do="disable")
    with Administrator(shared_site, Role.RULE_EDITOR, "bob") as bob:
        assert bob.has(bob.page(LIST), SEVERAL)
        assert not bob.has(bob.page(PEOPLE), MANY_PEOPLE)
        # what somebody else was shown, with a form token of one's own
        theirs = inputs(review.text)
        mine = bob.submit(bob.page(LIST), SEVERAL, one="chat-1", do="pause")
        refused = bob.submit(mine, CHANGE, wanted=theirs["wanted"], laid=theirs["laid"], reason="x")
        assert refused.status_code == 403
    assert shared_site.rows("person", username="bob")[0]["status"] == "active"


def test_people_are_disabled_and_enabled_and_the_last_owner_stays(
    shared_owner: Administrator, shared_site: Site
) -> None:
    """Attack case 195."""
    owner = shared_owner

    def status() -> dict[str, str]:
        return {str(row["username"]): str(row["status"]) for row in shared_site.rows("person")}

    page = owner.page(PEOPLE, q="bob")
    review = owner.submit(page, MANY_PEOPLE, all="yes", do="disable")
    assert "1</strong> person: they cannot sign in any more" in review.text
    assert owner.submit(review, CHANGE).headers["location"] == f"{PEOPLE}?q=bob&done=saved"
    assert (status()["bob"], status()["alice"]) == ("disabled", "active")
    everybody = owner.submit(owner.page(PEOPLE), MANY_PEOPLE, all="yes", do="disable")
    assert everybody.status_code == 422
    assert "the last owner" in everybody.text
    back = owner.submit(owner.page(PEOPLE), MANY_PEOPLE, one="bob", do="enable")
    assert owner.submit(back, CHANGE).status_code == 422
    assert owner.agree(back).status_code == 303
    assert status()["bob"] == "active"


def test_what_somebody_answers_for_goes_to_somebody_else(
    shared_owner: Administrator, shared_site: Site
) -> None:
    owner = shared_owner
    assert f"{OWNS}?id=alice" in owner.page("/admin/person", id="alice").text
    page = owner.page(OWNS, id="alice")
    assert [key for key in ALL if f">{key}</bdi>" in page.text or f"<bdi>{key}</bdi>" in page.text] == list(
        ALL[:3]
    )
    nobody = owner.submit(page, OWNS, new_owner=" ")
    assert (nobody.status_code, "Say who the new owner is" in nobody.text) == (422, True)
    saved = owner.agree(owner.submit(page, OWNS, new_owner="bob"), reason="Alice leaves")
    assert saved.headers["location"] == f"{OWNS}?id=alice&done=saved"
    assert owners(shared_site) == dict.fromkeys(ALL[:3], "bob") | {"wiki-chat": "it@acme.example"}
    assert "Nothing: no connection names" in owner.page(OWNS, id="alice").text


def test_many_are_stopped_at_once_and_who_may_not_be_is_named(
    shared_owner: Administrator, shared_site: Site
) -> None:
    """Attack case 195: the last owner goes on, and with them nobody else."""
    owner = shared_owner
    page = owner.submit(owner.page(PEOPLE), MANY_PEOPLE, one=["alice", "bob", "carol"], do="hold")
    assert owner.submit(page, HOLD, reason=" ").status_code == 422
    assert shared_site.rows("hold") == []
    stopped = owner.submit(page, HOLD, reason="a stolen laptop")
    assert stopped.status_code == 409
    assert "2 of 3 are stopped now" in stopped.text
    assert "alice: Nothing was changed" in stopped.text
    held = shared_site.rows("hold")
    assert sorted(str(row["target"]) for row in held) == ["p-bob", "p-carol"]
    assert {str(row["reason"]) for row in held} == {"a stolen laptop"}
    shared_site.write(*(Delete("hold", {"id": row["id"]}) for row in held))
    connections = chosen(owner, "chat-1", "chat-2", do="hold")
    done = owner.submit(connections, HOLD, reason="an incident")
    assert done.headers["location"] == f"{LIST}?done=held"
    held = shared_site.rows("hold")
    assert [str(row["kind"]) for row in held] == ["connection"] * 2
    shared_site.write(*(Delete("hold", {"id": row["id"]}) for row in held))
    for wrong in ({"noun": "app"}, {"one": None}, {"one": [f"c-{number}" for number in range(MOST + 1)]}):
        assert owner.submit(connections, HOLD, reason="x", **wrong).status_code == 400
    away = owner.submit(connections, HOLD, reason="x", back="//evil.example")
    assert away.headers["location"] == "/admin/holds?done=held"
    shared_site.write(*(Delete("hold", {"id": row["id"]}) for row in shared_site.rows("hold")))


@pytest.mark.soak
def test_five_hundred_on_many_pages_are_changed_at_once_and_one_more_are_not(
    owner: Administrator, site: Site
) -> None:
    said = policy()
    target, made = said["resource_apps"][0], said["connections"][0]
    names = [f"many-{number:03d}" for number in range(MOST + 1)]
    said["resource_apps"] += [{**target, "id": one, "issuer": f"https://{one}.example/"} for one in names]
    said["connections"] += [{**made, "id": one, "to": one, "client_id": one} for one in names]
    administer(site, said)
    page = owner.page(LIST, q="many-")
    assert "All that this search finds, on every page" in page.text
    refused = owner.submit(page, SEVERAL, all="yes", do="pause")
    assert (refused.status_code, "at most 500 are changed" in refused.text) == (422, True)
    owner.agree(owner.submit(owner.page("/admin/connection", id=names[0]), "/admin/connection/remove"))
    began = time.process_time()
    review = owner.submit(page, SEVERAL, all="yes", do="pause")
    assert f'<strong class="figure">{MOST}</strong> connections' in review.text
    saved = owner.submit(review, CHANGE)
    assert saved.status_code == 303, saved.text
    assert time.process_time() - began < 30
    paused = {key for key, status in statuses(site).items() if status == "paused"}
    assert paused == set(names[1:])
