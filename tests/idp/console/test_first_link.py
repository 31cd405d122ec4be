"""``/admin/first``: by a link from the host's terminal somebody sets a password and is an administrator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from idjag.idp.administration import links
from idjag.idp.administration.roles import Role
from idjag.idp.catalog.user import UserEntry
from tests.idp.console.gate import OPERATOR, SIGN_IN, inside_after
from tests.idp.signin.site import Host, Site, running
from tests.idp.signin.visit import Browser, form_of

NEW = "three unrelated words here"


@pytest.fixture
def site(host: Host) -> Iterator[Site]:
    """In memory: nothing of the console but its entrance."""
    with running(host) as site:
        yield site


def test_a_link_makes_the_first_owner_from_nothing(site: Site) -> None:
    """Attack case 197: the value is in no address that a server sees; opening the page uses nothing up."""
    link = links.create(site.services, UserEntry(username="root"), Role.OWNER, by=OPERATOR)
    with Browser(site) as root:
        first = root.get("/admin/first")
        assert ("data-link" in first.text, "link.js" in first.text) == (True, True)
        assert "script-src 'self'" in first.headers["content-security-policy"]
        brought_ = root.post("/admin/first", data={**form_of(first), "link": link.url})
        assert (brought_.status_code, brought_.headers["location"]) == (303, "/admin/first")
        page = root.get("/admin/first")
        assert "root" in page.text
        fields = {"new_password": NEW, "again": NEW}
        for wrong in ({"again": "x"}, {"new_password": "short", "again": "short"}, {"form_token": "x"}):
            refused = root.post("/admin/first", data={**form_of(page), **fields, **wrong})
            assert (refused.status_code, "Problem" in refused.text) == (400, True)
        done = root.post("/admin/first", data={**form_of(page), **fields})
        assert (done.status_code, done.headers["location"]) == (303, "/admin/enter")
        signed = root.fill(root.get(SIGN_IN), username="root", password=NEW)
        assert signed.headers["location"] == "/admin/enter?to=%2Fadmin"
        assert inside_after(root).role is Role.OWNER
        again = root.post("/admin/first", data={**form_of(root.get("/admin/first")), "link": link.url})
        assert again.status_code == 410


def test_a_link_is_sent_by_our_page_alone_and_a_dead_one_says_so(site: Site) -> None:
    value = links.create(site.services, UserEntry(username="root"), Role.OWNER, by=OPERATOR).url.partition(
        "#"
    )[2]
    with Browser(site) as root:
        form = form_of(root.get("/admin/first"))
        elsewhere = {"origin": "https://evil.example"}
        assert root.post("/admin/first", data={**form, "link": value}, headers=elsewhere).status_code == 403
        assert root.post("/admin/first", data={"link": value}).status_code == 403
        for dead in (value[::-1], "", "x" * 900, "\u00e9"):
            assert root.post("/admin/first", data={**form, "link": dead}).status_code == 410
        assert root.post("/admin/first", data={**form, "new_password": NEW}).status_code == 410
        assert root.post("/admin/first", data={**form, "link": value}).status_code == 303
        site.clock.now += links.LIFETIME
        late = root.post("/admin/first", data={"new_password": NEW, "again": NEW})
        assert late.status_code == 410
