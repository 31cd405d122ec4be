"""What is taken away in the console: second factors of a person, groups that rules may name."""

from __future__ import annotations

from typing import Any

from idjag.idp.administration.roles import Role
from idjag.idp.questions import find_person
from tests.idp.console.desk import Administrator
from tests.idp.me.person import Person, administer, policy
from tests.idp.signin.seeds import PASSWORDS
from tests.idp.signin.site import Site

PERSON, FACTORS = "/admin/person", "/admin/person/factors"
GROUP, REMOVE = "/admin/group", "/admin/group/remove"


def test_second_factors_are_taken_away_with_every_session_and_the_password_alone_does_again(
    owner: Administrator, site: Site
) -> None:
    """The way back for somebody who has lost their phone."""
    assert not owner.has(owner.page(PERSON, id="bob"), FACTORS)
    with Person(site, "bob") as bob:
        bob.add_totp(label="Old phone")
        page = owner.page(PERSON, id="bob")
        assert "Authenticator app" in page.text
        assert "Old phone" in page.text
        assert bob.get("/me").status_code == 200
        done = owner.submit(page, FACTORS)
        assert done.headers["location"] == f"{PERSON}?id=bob&done=factors_gone"
        after = owner.get(done.headers["location"])
        assert "The second factors are gone" in after.text
        assert "<dt>Second factors</dt><dd>none</dd>" in after.text
        assert not owner.has(after, FACTORS)
        assert bob.get("/me").status_code == 303
        again = bob.fill(bob.get("/signin?page=me"), username="bob", password=PASSWORDS["bob"])
        assert again.headers["location"].endswith("/me")
    (event,) = [event for event in site.events() if event["event"] == "factor.reset"]
    assert (event["actor"]["kind"], event["subject"]) == ("person", find_person(site.services, "bob"))
    assert event["actor"]["id"] == find_person(site.services, "alice")


def test_only_who_may_change_people_takes_factors_away(owner: Administrator, site: Site) -> None:
    with Administrator(site, Role.APP_ADMIN, "bob") as bob:
        bob.add_totp()
        assert not bob.has(bob.page(PERSON, id="bob"), FACTORS)
        assert bob.post(FACTORS, data={"id": "bob"}).status_code == 403
        kept = owner.page(PERSON, id="bob")
    assert "Second factors</dt><dd>Authenticator app" in kept.text
    assert owner.has(kept, FACTORS)


def with_group(name: str) -> dict[str, Any]:
    """The one rule of the chat is for this group."""
    state = policy(who={"groups": [name]})
    return {**state, "groups": [{"name": name}]}


def test_a_group_is_removed_with_its_memberships(owner: Administrator, site: Site) -> None:
    administer(site, {"version": 1, "groups": [{"name": "team-1"}], "users": []})
    joined = owner.submit(owner.page(GROUP, id="team-1"), "/admin/group/member", username="bob")
    owner.agree(joined)
    review = owner.submit(owner.page(GROUP, id="team-1"), REMOVE)
    assert review.status_code == 200
    assert owner.page(GROUP, id="team-1").status_code == 200
    gone = owner.agree(review)
    assert gone.headers["location"] == "/admin/groups?done=saved"
    assert owner.get(f"{GROUP}?id=team-1").status_code == 404
    assert "team-1" not in owner.page(PERSON, id="bob").text.partition("History")[0]


def test_a_group_that_a_rule_names_stays_until_no_rule_does(owner: Administrator, site: Site) -> None:
    """Else the rule would allow nobody, or everybody, without a word."""
    administer(site, with_group("team-2"))
    owner.agree(owner.submit(owner.page(GROUP, id="team-2"), "/admin/group/member", username="alice"))
    assert owner.act().status_code == 200
    refused = owner.submit(owner.page(GROUP, id="team-2"), REMOVE)
    assert refused.status_code == 422
    assert "It is still named by connection wiki-chat: take it out there first." in refused.text
    assert 'href="/admin/connection?id=wiki-chat"' in refused.text
    assert owner.act().status_code == 200
    administer(site, {**policy(who={"users": ["alice"]}), "groups": [{"name": "team-2"}]})
    owner.agree(owner.submit(owner.page(GROUP, id="team-2"), REMOVE))
    assert owner.get(f"{GROUP}?id=team-2").status_code == 404
    assert owner.act().status_code == 200


def test_a_group_that_an_app_is_assigned_to_stays_too(owner: Administrator, site: Site) -> None:
    app = {
        "id": "letters",
        "kind": "native",
        "redirect_uris": ["com.example.letters:/cb"],
        "auth": {"method": "none"},
        "assigned": {"groups": ["team-3"]},
    }
    administer(site, {"version": 1, "groups": [{"name": "team-3"}], "apps": [app]})
    refused = owner.submit(owner.page(GROUP, id="team-3"), REMOVE)
    assert refused.status_code == 422
    assert "It is still named by app letters: take it out there first." in refused.text
