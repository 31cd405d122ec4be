"""Guardrails on their page: made, seen, changed, removed, and by whom."""

from __future__ import annotations

from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

LIST, EDIT, REMOVE = "/admin/guardrails", "/admin/guardrail/edit", "/admin/guardrail/remove"


def made(owner: Administrator, **fields: str | list[str] | None) -> None:
    """A guardrail, through the form and the page that shows what it does."""
    form = owner.page(EDIT)
    review = owner.submit(
        form, EDIT, **{"id": "no-writing", "who": "everyone", "scopes": "chat.write", **fields}
    )
    saved = owner.agree(review)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{LIST}?done=saved"), saved.text


def test_a_guardrail_is_made_and_denies_from_then_on(owner: Administrator) -> None:
    assert owner.act(scope="chat.write").status_code == 200
    made(owner)
    assert "no-writing" in owner.page(LIST).text
    assert owner.act(scope="chat.write").status_code == 400
    assert owner.act(scope="chat.read").status_code == 200


def test_what_a_form_says_wrongly_stands_at_its_field_and_nothing_is_lost(owner: Administrator) -> None:
    form = owner.page(EDIT)
    again = owner.submit(form, EDIT, id="no writing", who="everyone", scopes="chat.write", why="too loud")
    assert again.status_code == 422
    assert 'id="id-problem"' in again.text
    assert 'value="no writing"' in again.text
    assert 'value="too loud"' in again.text
    assert owner.submit(again, EDIT, id="no-writing").status_code == 200


def test_a_guardrail_for_nobody_is_refused_at_the_field_that_says_for_whom(owner: Administrator) -> None:
    refused = owner.submit(owner.page(EDIT), EDIT, id="x", who="these")
    assert refused.status_code == 422
    assert "Choose everyone, or name groups or people." in refused.text


def test_removing_a_guardrail_widens_and_needs_a_reason(owner: Administrator, site: Site) -> None:
    made(owner)
    review = owner.submit(owner.page(LIST), REMOVE)
    assert owner.submit(review, "/admin/change", reason="").status_code == 422
    assert "no-writing" in owner.page(LIST).text
    removed = owner.agree(review, reason="the trial is over")
    assert removed.headers["location"] == f"{LIST}?done=saved"
    assert "no-writing" not in owner.page(LIST).text
    assert site.last_event()["after"]["reason"] == "the trial is over"


def test_the_second_editor_is_told_and_what_they_wanted_is_not_lost(owner: Administrator) -> None:
    made(owner)
    first, second = (owner.page(EDIT, id="no-writing") for _ in range(2))
    assert owner.agree(owner.submit(first, EDIT, why="loud")).status_code == 303
    late = owner.submit(second, EDIT, why="quiet")
    assert late.status_code == 422
    assert "Somebody else has changed it" in late.text
    assert 'value="quiet"' in late.text


def test_a_viewer_sees_guardrails_and_changes_none(owner: Administrator, viewer: Administrator) -> None:
    made(owner)
    page = viewer.page(LIST)
    assert "no-writing" in page.text
    assert not viewer.has(page, REMOVE)
    assert viewer.get(EDIT).status_code == 403
    assert owner.get(EDIT).status_code == 200
