"""The overview: what it shows at once, and the kinds of things that it does not wait for."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from benchmarks import pages
from idjag.idp.console.attention import KINDS
from idjag.idp.console.table import PLACES
from tests.idp.console.desk import Administrator
from tests.idp.signin.seeds import NOW

DAY = 86_400
FRAGMENT = {"hx-request": "true"}


def test_what_takes_long_is_asked_for_by_the_page_itself_and_linked_for_those_without_scripts(
    owner: Administrator,
) -> None:
    """A page answers at once however many connections there are."""
    text = owner.page("/admin").text
    asked = set(re.findall(r'hx-get="([^"]+)" hx-trigger="load"', text))
    slow = {name for name, kind in KINDS.items() if kind.slow}
    assert asked == {f"/admin/attention?for={name}" for name in slow} != set()
    for path in asked:
        assert f'href="{path}"' in text
        assert "<html" in owner.get(path).text
        part = owner.get(path, headers=FRAGMENT)
        assert "<html" not in part.text
        assert "<li" in part.text
    assert "No connection expires within 30 days." in text


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_page_that_says_when_there_is_nothing(viewer: Administrator, kind: str) -> None:
    page = viewer.page("/admin/attention", **{"for": kind})
    assert f"<h1>{KINDS[kind].title}</h1>" in page.text
    assert KINDS[kind].nothing in page.text
    assert all(f'href="/admin/attention?for={other}"' in page.text for other in KINDS if other != kind)


def test_a_kind_that_there_is_not_is_the_first_one(viewer: Administrator) -> None:
    page = viewer.page("/admin/attention", **{"for": "nothing"})
    assert f"<h1>{next(iter(KINDS.values())).title}</h1>" in page.text


def test_what_expires_is_told_at_once_and_on_its_page(owner: Administrator) -> None:
    day = datetime.fromtimestamp(NOW + 5 * DAY, UTC).strftime("%Y-%m-%d")
    form = owner.page("/admin/connection/edit", id="wiki-chat")
    owner.agree(owner.submit(form, "/admin/connection/edit", expires=day))
    for page in (owner.page("/admin"), owner.page("/admin/attention", **{"for": "expiring"})):
        assert 'href="/admin/connection?id=wiki-chat"' in page.text
        assert "No connection expires within 30 days." not in page.text


def test_no_page_of_the_console_is_forgotten_by_the_benchmark() -> None:
    """Whoever adds a place says in benchmarks/pages.py how it is measured, or why it is not."""
    assert pages.unmeasured() == set()
    assert {path for path in pages.LEFT_OUT if path not in PLACES} == set()
