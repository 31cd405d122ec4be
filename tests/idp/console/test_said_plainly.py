"""What somebody new reads when something is wrong or missing: the words of the page, and the next step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from idjag.idp.console.words import value_said
from tests.idp.console.desk import Administrator, inputs
from tests.idp.signin.visit import Browser

GROUP, GROUP_EDIT, IMPORT = "/admin/group", "/admin/group/edit", "/admin/people/import"
CONNECTION, CONNECTION_EDIT = "/admin/connection", "/admin/connection/edit"


def test_a_name_that_is_taken_is_said_at_the_field_and_in_no_words_of_the_api(
    shared_owner: Administrator,
) -> None:
    owner = shared_owner
    form = owner.page(GROUP_EDIT)
    review = owner.submit(form, GROUP_EDIT, name="readers")
    assert owner.agree(review).status_code == 303
    taken = owner.submit(form, GROUP_EDIT, name="readers")
    assert taken.status_code == 422
    assert 'id="name-problem">This is taken' in taken.text
    assert 'value="readers"' in taken.text
    # it was made meanwhile
    late = owner.agree(review)
    assert late.status_code == 428
    assert "Somebody else has made one of this name meanwhile." in late.text
    for page in (taken, late):
        assert "ETag" not in page.text


def test_a_list_says_which_group_is_missing_and_shows_people_field_by_field(
    shared_owner: Administrator,
) -> None:
    owner = shared_owner
    text = "username,name,groups\nfay,Fay,nobodies\n"
    refused = owner.submit(owner.page(IMPORT), IMPORT, list=text)
    assert refused.status_code == 422
    assert "Line 2: There is no group nobodies: make it first, under Groups." in refused.text
    assert 'aria-invalid="true"' in refused.text
    seen = owner.submit(owner.page(IMPORT), IMPORT, list=text.replace("nobodies", ""))
    assert re.search(r'<bdi>fay</bdi> <span class="badge badge-good">new</span>', seen.text)
    assert "<td>Name</td><td><bdi>Fay</bdi></td>" in seen.text
    assert "+ user fay" not in seen.text


def test_what_cannot_be_read_is_said_inside_the_console(shared_owner: Administrator) -> None:
    """Nobody in the console has come from an app, and none is to be gone back to."""
    owner = shared_owner
    twice = owner.page("/admin/map?user=alice&user=bob", 400)
    assert "Reference: " in twice.text
    assert 'aria-label="Console"' in twice.text
    assert "Go back to the app" not in twice.text
    owner.page("/admin/map?user=alice")


def test_an_address_without_a_page_is_said_inside_the_console_and_to_strangers_as_any_other(
    shared_owner: Administrator,
) -> None:
    owner = shared_owner
    for path in ("/admin/nowhere", "/admin/connections/robin", "/admin/map/x?user=alice&user=bob"):
        page = owner.page(path, 404).text
        assert 'aria-label="Console"' in page
        assert "The console has no page at this address" in page
        with Browser(owner.site) as stranger:
            assert stranger.get(path).text == stranger.get("/nowhere").text
    assert owner.post("/admin/nowhere", data={"id": "wiki"}).status_code == 404
    assert owner.get("/admin/leave").status_code == 405
    assert "nowhere" not in owner.page("/admin/nowhere", 404).text


@pytest.mark.parametrize(
    ("place", "action", "good", "bad"),
    [
        ("/admin/keys", "/admin/keys/rotate", {"ahead": "24h"}, {"ahead": "soon"}),
        (
            "/admin/administrators",
            "/admin/tokens/new",
            {"name": "Nightly", "lifetime": "9d"},
            {"lifetime": "9y"},
        ),
        ("/admin/group?id=writers", "/admin/group/member", {"username": "bob"}, {"username": "bobb"}),
    ],
)
def test_a_form_beside_other_things_keeps_what_was_typed_and_says_at_the_field_what_is_wrong(
    shared_owner: Administrator, place: str, action: str, good: dict[str, str], bad: dict[str, str]
) -> None:
    owner, (name, value) = shared_owner, *bad.items()
    if owner.get(place).status_code == 404:
        owner.agree(owner.submit(owner.page(GROUP_EDIT), GROUP_EDIT, name="writers"))
    page = owner.page(place).text
    form = {**inputs(page.rpartition(f'action="{action}"')[2].partition("</form>")[0]), **good}
    refused = owner.post(action, data={**form, **bad})
    assert refused.status_code == 422
    assert f'id="{name}-problem"' in refused.text
    for typed in {**good, name: value}.values():
        assert f'value="{typed}"' in refused.text
    assert 'id="notice" tabindex="-1" autofocus' in refused.text
    assert owner.post(action, data=form).status_code in (200, 303)


def test_a_line_that_is_wrong_is_named(shared_owner: Administrator) -> None:
    owner, path = shared_owner, "/admin/resource-app/edit"
    fields = {"name": "Post", "issuer": "https://post.example/"}
    good, bad = "https://api.post.example/ post.read", "post.send"
    wrong = owner.submit(owner.page(path), path, resources=f"{good}\n{bad}", **fields)
    assert wrong.status_code == 422
    assert 'id="resources-problem">Line 2: Write a whole URL' in wrong.text
    assert owner.submit(owner.page(path), path, resources=good, **fields).status_code == 200


def test_a_connection_without_its_client_id_says_that_nothing_is_issued(shared_owner: Administrator) -> None:
    owner, said = shared_owner, "Nothing is issued through it"
    assert said not in owner.page(CONNECTION, id="wiki-chat").text
    form = owner.page(CONNECTION_EDIT, id="wiki-chat")
    assert owner.agree(owner.submit(form, CONNECTION_EDIT, client_id="")).status_code == 303
    page = owner.page(CONNECTION, id="wiki-chat").text
    assert said in page
    assert f'{CONNECTION_EDIT}?id=wiki-chat#client_id">Enter it' in page
    form = owner.page(CONNECTION_EDIT, id="wiki-chat")
    assert owner.agree(owner.submit(form, CONNECTION_EDIT, client_id="wiki-at-chat")).status_code == 303


def test_the_audit_log_names_what_was_made_and_why_it_was_saved(shared_owner: Administrator) -> None:
    owner = shared_owner
    review = owner.submit(owner.page(GROUP_EDIT), GROUP_EDIT, name="auditors-of-may")
    assert owner.agree(review, reason="for the audit in May").status_code == 303
    made = owner.page("/admin/audit", event="group.created").text
    assert "<bdi>auditors-of-may</bdi>" in made
    saved = owner.page("/admin/audit", event="state.applied").text
    assert "<bdi>“for the audit in May”</bdi>" in saved
    assert "Change saved" in saved
    happened = re.findall(r'href="(/admin/audit/decision[^"]*)"', saved)[0]
    assert "<dt>Why</dt><dd><bdi>for the audit in May</bdi></dd>" in owner.page(happened).text


def test_who_may_not_change_settings_has_no_form_to_fill_in(
    shared_owner: Administrator, shared_viewer: Administrator
) -> None:
    assert '<fieldset class="form" disabled>' in shared_viewer.page("/admin/settings").text
    assert '<fieldset class="form">' in shared_owner.page("/admin/settings").text


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kind", "ai_agent", "AI agent"),
        ("kind", "something new", "something new"),
        ("grants", ["token_exchange"], "It may act at other apps on people's behalf"),
        ("grants", [], "—"),
        ("auth", {"method": "client_secret"}, "Client secret"),
        ("auth", {"method": "none", "jwks_uri": "x"}, "Not at all: it cannot keep a secret; jwks uri: x"),
        ("assigned", {"everyone": True}, "everyone"),
        ("assigned", {"groups": ["staff"]}, "groups: staff"),
        ("status", "paused", "Paused"),
        ("scopes", ["a", "b"], "a, b"),
        ("status", None, "—"),
    ],
)
def test_values_are_said_as_the_forms_say_them(name: str, value: Any, words: str) -> None:
    assert value_said(name, value) == words
