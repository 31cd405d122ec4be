"""The console against people who mean ill: group L of the attack cases, each beside what must work."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from idjag.idp.administration.roles import Role
from idjag.idp.console.table import PLACES
from idjag.idp.console.visit import inside
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

FORM = "/admin/guardrail/edit"
EVIL = "https://evil.example"
MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
RULE = {"who": "everyone", "scopes": "chat.write", "why": "a test"}


class Elements(HTMLParser):
    """The tags and attributes of a page that a browser would make of it."""

    def __init__(self, page: httpx.Response) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.scripts += [dict(attrs).get("src") or "inline"] * (tag == "script")


def with_token(page: httpx.Response, administrator: Administrator, **changes: str) -> dict[str, str]:
    """A whole valid form of the page, as a browser would send it."""
    token = page.text.split(f'action="{FORM}"')[1].split('name="form_token" value="')[1].split('"')[0]
    return {"form_token": token, "id": "quiet", **RULE, **changes}


def test_a_form_counts_in_the_session_and_at_the_address_that_it_was_given_for(
    shared_owner: Administrator, shared_site: Site
) -> None:
    """Attack case 183: no token, another's, another page's, one of a session that is over."""
    mine = with_token(shared_owner.page(FORM), shared_owner)
    assert shared_owner.post(FORM, data=mine).status_code == 200
    with Administrator(shared_site, Role.RULE_EDITOR, "bob") as bob:
        theirs = with_token(bob.page(FORM), bob)
    for token in ("", "x" * 43, theirs["form_token"]):
        assert shared_owner.post(FORM, data=mine | {"form_token": token}).status_code == 403
    elsewhere = shared_owner.post("/admin/guardrail/remove", data=mine)
    assert elsewhere.status_code == 403
    twice = [*mine.items(), ("form_token", mine["form_token"])]
    body = "&".join(f"{quote(name)}={quote(value)}" for name, value in twice)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert shared_owner.post(FORM, content=body, headers=form).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": EVIL},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_whole_form_of_ours_that_another_site_sends_is_refused(
    shared_owner: Administrator, shared_site: Site, headers: dict[str, str]
) -> None:
    """Attack case 183: what the browser says of where a form came from is believed first."""
    sent = with_token(shared_owner.page(FORM), shared_owner)
    assert shared_owner.post(FORM, data=sent, headers=headers).status_code == 403
    lookalike = {"origin": shared_site.url + ".evil.example"}
    assert shared_owner.post(FORM, data=sent, headers=lookalike).status_code == 403
    assert shared_owner.post(FORM, data=sent, headers={"origin": shared_site.url}).status_code == 200


def test_nothing_is_changed_by_a_link(shared_owner: Administrator) -> None:
    """Attack case 183: what a form does, no GET does."""
    sends = [path for path, place in PLACES.items() if place.change and not place.show]
    answers = {path: shared_owner.get(f"{path}?id=wiki").status_code for path in sends}
    assert answers == dict.fromkeys(sends, 405)


@pytest.mark.parametrize(
    "wanted",
    [
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        '[{"noun":"guardrail","key":"x","seen":"","managed":false,"entry":{"id":"\\ud800"}}]',
        '[{"noun":"guardrail","key":"x","seen":"","managed":false,"entry":{"id":NaN}}]',
        '[{"noun":"guardrail","key":"x","seen":"","managed":false,"entry":{"id":"a","id":"b"}}]',
        '[{"noun":"guardrail","key":"x","seen":"","managed":false,"entry":{},"is_owner":true}]',
        '[{"noun":"planet","key":"x","seen":"","managed":false,"entry":{}}]',
        '[{"noun":"group","key":"x","seen":"","managed":false,"entry":{"name":"seen-by-nobody"}}]',
        "1" * 20_000,
        "null",
    ],
)
def test_what_the_saving_form_carries_is_read_strictly(shared_owner: Administrator, wanted: str) -> None:
    """Attack cases 126 and 186: depth, numbers, surrogates, members twice; a refusal and no failure."""
    review = shared_owner.submit(shared_owner.page(FORM), FORM, id="quiet", **RULE)
    answer = shared_owner.submit(review, "/admin/change", wanted=wanted)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "is_inside"),
    [
        ("/admin", True),
        ("/admin/connection?id=wiki-chat", True),
        ("/admin/person?id=%C3%A9+x", True),
        ("/administrator", False),
        ("/admin@evil.example", False),
        ("//evil.example/admin", False),
        ("javascript:alert(1)", False),
        ("/admin\\@evil.example", False),
        ("/admin?a=1\r\nset-cookie: x=y", False),
        ("/admin/é", False),
        ("/admin/../logout", False),
        ("/admin/%2E%2e/me", False),
        ("/admin/./people", False),
        ("/admin/person?id=..", True),
        ("", False),
    ],
)
def test_a_way_back_leads_into_the_console_alone(path: str, *, is_inside: bool) -> None:
    """Open redirects and split headers, at the one place that decides."""
    assert inside(path) is is_inside


@pytest.mark.parametrize("back", ["//evil.example/", "javascript:alert(1)", "/admin/é", "/admin?a=\n b"])
def test_no_link_chooses_where_a_form_leads_back_to(shared_owner: Administrator, back: str) -> None:
    """A link to the form of a resource app says `back`; the review after it shows and follows no such."""
    edit = "/admin/resource-app/edit"
    new = {"id": "mail", "name": "Mail", "issuer": "https://mail.example/", "scopes": "mail.read"}
    form = shared_owner.page(edit, back=back)
    assert shared_owner.submit(form, edit, **new).status_code == 400
    fine = shared_owner.page(edit, back="/admin/connect?from=wiki")
    assert shared_owner.submit(fine, edit, **new).status_code == 200


@pytest.mark.parametrize("back", ["//evil.example/admin/", "/admin/é", "/admin/holds\nset-cookie: a=b"])
def test_a_hold_leads_back_into_the_console(shared_owner: Administrator, back: str) -> None:
    page = shared_owner.page("/admin/person", id="bob")
    held = shared_owner.submit(page, "/admin/hold", reason="a test", back=back)
    assert held.headers["location"].startswith("/admin/holds?")
    page = shared_owner.page("/admin/person", id="bob")
    released = shared_owner.submit(page, "/admin/hold/release", reason="over")
    assert released.headers["location"].startswith("/admin/person?id=bob")


def test_a_reason_has_nothing_that_nobody_sees(shared_owner: Administrator, shared_site: Site) -> None:
    """Attack cases 189 and 198: as from the command line and the API, on one line."""
    page = shared_owner.page("/admin/person", id="bob")
    shared_owner.submit(page, "/admin/hold", reason="it\nleaked \u202egnissa\u200b" + "x" * 600)
    said = shared_site.last_event()["after"]["reason"]
    assert (said[:14], len(said)) == ("it leaked gnis", 500)
    page = shared_owner.page("/admin/person", id="bob")
    shared_owner.submit(page, "/admin/hold/release", reason="over")


def test_every_page_keeps_strangers_code_and_frames_out(shared_owner: Administrator) -> None:
    """Attack case 188: pages, refusals and redirects; and no other origin may read any (190)."""
    paths = [path for path, place in PLACES.items() if place.show] + ["/admin/enter", "/admin/first"]
    for path in [*paths, "/admin/person?id=nobody", "/admin/nowhere"]:
        page = shared_owner.get(path, headers={"origin": EVIL})
        policy = page.headers.get("content-security-policy", "")
        assert page.headers["cache-control"] == "no-store", path
        assert "access-control-allow-origin" not in page.headers, path
        if page.headers.get("content-type", "").startswith("text/html") and page.text:
            assert "default-src 'none'" in policy, path
            assert "frame-ancestors 'none'" in policy, path
            assert "unsafe-inline" not in policy, path
            assert page.headers["x-content-type-options"] == "nosniff", path
            assert page.headers["cross-origin-opener-policy"] == "same-origin", path


@pytest.mark.parametrize(
    "query",
    [
        *("after=%25_%27%22%5C", "before=-1", "before=99999999999999999999", "before=1e9", "q=%25", "q=~%27"),
        *("q=" + "%F0%9F%98%80" * 800, "limit=1000000000", "status=%27%20OR%201=1--", "id=%2e%2e%2f"),
        *(
            "text=%25%25%25",
            "since=9999-99-99%2000:00",
            "until=0000-01-01%2000:00",
            "event=%27",
            "q=(a%2B)%2B$",
        ),
    ],
)
def test_what_a_query_says_is_bounded_and_compared_as_text(shared_owner: Administrator, query: str) -> None:
    """Attack case 194: cursors, numbers, wildcards, quotes and patterns on every page."""
    lists = ("/admin/connections", "/admin/people", "/admin/groups", "/admin/apps", "/admin/resource-apps")
    others = ("/admin/audit", "/admin/matrix", "/admin/map", "/admin/person", "/admin/connection")
    for path in (*lists, *others):
        assert shared_owner.get(f"{path}?{query}").status_code < 500, path
    everybody = shared_owner.page("/admin/people").text
    assert "alice" in everybody
    assert "alice" not in Elements(shared_owner.page("/admin/people", q="%lic")).tags
    assert "/admin/person?id=alice" not in shared_owner.page("/admin/people", q="%lic").text


def test_a_list_of_a_million_lines_is_refused_before_it_is_kept(shared_owner: Administrator) -> None:
    """Attack case 9 at this door: more lines than anybody may send are not even read."""
    path = "/admin/people/import"
    listed = "username\n" + "a\n" * 250_000
    refused = shared_owner.submit(shared_owner.page(path), path, list=listed)
    assert (refused.status_code, "At most 1000 people" in refused.text) == (422, True)
    most = "username\n" + "".join(f"person{number}\n" for number in range(1000))
    assert shared_owner.submit(shared_owner.page(path), path, list=most).status_code == 200


def test_no_list_of_people_disables_the_last_owner(shared_owner: Administrator) -> None:
    """Attack case 195: by CSV either."""
    path = "/admin/people/import"
    for status, code in (("disabled", 422), ("active", 200)):
        sent = f"username,status\nalice,{status}\n"
        answer = shared_owner.submit(shared_owner.page(path), path, list=sent)
        assert answer.status_code == code, answer.text
        assert ("the last owner" in answer.text) is (status == "disabled")
