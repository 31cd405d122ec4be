"""Where a person is signed in, and ending that."""

from __future__ import annotations

import re

from tests.idp.me.person import Person
from tests.idp.signin.site import Site

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def listed(person: Person) -> list[str]:
    """The ids of the sessions that can be ended."""
    return [
        fields["id"] for action, fields in person.forms(person.get("/me")) if action == "/me/sessions/end"
    ]


def test_sessions_are_listed_with_what_they_are_and_this_one_is_marked(site: Site, alice: Person) -> None:
    with Person(site) as other:
        other.headers["user-agent"] = FIREFOX
        page = other.get("/signin?page=me&max_age=0")
        other.get("/me")
        site.clock.now += 3700
        assert page.status_code in (200, 303)
    text = alice.get("/me").text
    assert text.count("This browser") == 1
    assert "1 hour ago" in text
    assert len(listed(alice)) == 1


def test_a_session_that_is_ended_is_over_and_the_others_go_on(site: Site, alice: Person) -> None:
    with Person(site) as lost, Person(site) as kept:
        (first, _) = listed(alice)
        over = next(row["id"] for row in site.rows("session", id=first))
        ended = alice.press(alice.get("/me"), "/me/sessions/end", id=first)
        assert ended.headers["location"] == "/me?done=ended"
        event = site.last_event()
        assert (event["event"], event["before"]["row"]) == ("session.revoked", over)
        assert event["actor"] == {"kind": "person", "id": "p-alice"}
        assert sorted(each.get("/me").status_code for each in (lost, kept)) == [200, 303]
        assert alice.get("/me").status_code == 200
        assert site.rows("logout_notice")


def test_all_others_end_and_this_one_goes_on(site: Site, alice: Person) -> None:
    with Person(site) as one, Person(site) as two, Person(site, "bob") as bob:
        assert alice.press(alice.get("/me"), "/me/sessions/end-others").status_code == 303
        assert [each.get("/me").status_code for each in (one, two, alice, bob)] == [303, 303, 200, 200]
    assert "/me/sessions/end-others" not in alice.get("/me").text


def test_nobody_ends_the_session_of_another_person(site: Site, alice: Person) -> None:
    """The control is two tests above: with an id of her own, it ends."""
    with Person(site) as second, Person(site, "bob") as bob:
        assert second.get("/me").status_code == 200
        (his,) = [str(row["id"]) for row in site.rows("session") if row["person_id"] == "p-bob"]
        alice.press(alice.get("/me"), "/me/sessions/end", id=his)
        assert bob.get("/me").status_code == 200


def test_the_list_has_no_secret(site: Site, alice: Person) -> None:
    """Attack case 187: neither cookies nor their digests."""
    with Person(site) as other:
        text = alice.get("/me").text
        values = [value for browser in (alice, other) for value in browser.cookies.values()]
        values += [str(row["cookie"]) for row in site.rows("session")]
        assert [value for value in values if value in text] == []
        assert re.search(r'name="form_token" value="[\w-]{43}"', text)
