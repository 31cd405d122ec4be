"""People and groups on their pages: found, made, changed, stopped, imported, and by whom."""

from __future__ import annotations

import re

from idjag.idp.administration.roles import Role
from idjag.idp.limits import account_key
from idjag.ledger.entry import Upsert
from tests.idp.console.desk import Administrator
from tests.idp.signin.site import Site

LIST, PAGE, EDIT = "/admin/people", "/admin/person", "/admin/person/edit"
GROUPS, GROUP, MEMBER = "/admin/groups", "/admin/group", "/admin/group/member"
IMPORT = "/admin/people/import"


def add(owner: Administrator, username: str = "dora", **fields: str | list[str] | None) -> None:
    """Somebody new, through the form and the page that shows what it does."""
    saved = owner.agree(owner.submit(owner.page(EDIT), EDIT, id=username, **fields))
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?id={username}&done=saved")


def make_group(owner: Administrator, name: str = "on-call") -> None:
    page = owner.page("/admin/group/edit")
    saved = owner.agree(owner.submit(page, "/admin/group/edit", name=name))
    assert saved.headers["location"] == f"{GROUP}?id={name}&done=saved", saved.text


def test_somebody_is_added_found_and_looked_at(shared_owner: Administrator) -> None:
    owner = shared_owner
    add(
        owner,
        "dora1",
        name="Dora Example",
        email="dora1@acme.example",
        attributes="chat_id U7\ndesk 3rd floor",
    )

    found = owner.page(LIST, q="DORA1@").text
    page = owner.page(PAGE, id="dora1").text

    assert "Dora Example" in found
    assert "alice" not in re.findall(r'class="mono"><bdi>(\w+)</bdi>', found)
    assert "dora1@acme.example" in page
    assert "3rd floor" in page
    assert "Wiki at Chat" in page.replace("<bdi>", "").replace("</bdi>", "")
    assert "dora1@" not in owner.get(f"{LIST}?status=disabled&q=dora1").text


def test_what_a_form_says_wrongly_stands_at_its_field_and_nothing_is_lost(
    shared_owner: Administrator,
) -> None:
    owner = shared_owner
    again = owner.submit(owner.page(EDIT), EDIT, id="dora2", email="no address", name="Dora")

    assert again.status_code == 422
    assert 'id="email-problem"' in again.text
    assert 'value="Dora"' in again.text
    assert owner.get(f"{PAGE}?id=dora2").status_code == 404


def test_the_second_editor_is_told(shared_owner: Administrator) -> None:
    """Attack case 193."""
    owner = shared_owner
    add(owner, "dora3")
    first, second = (owner.page(EDIT, id="dora3") for _ in range(2))
    assert owner.agree(owner.submit(first, EDIT, name="One")).status_code == 303
    late = owner.submit(second, EDIT, name="Two")
    assert late.status_code == 422
    assert 'value="Two"' in late.text


def test_an_edit_keeps_what_the_form_does_not_show(shared_owner: Administrator) -> None:
    owner = shared_owner
    add(owner, "dora4", attributes="chat_id U7")
    sub = owner.page(EDIT, id="dora4").text.partition('name="sub" value="')[2].partition('"')[0]
    assert owner.agree(owner.submit(owner.page(EDIT, id="dora4"), EDIT, name="D")).status_code == 303
    assert sub
    assert f'name="sub" value="{sub}"' in owner.page(EDIT, id="dora4").text
    assert "chat_id U7" in owner.page(EDIT, id="dora4").text


def test_a_person_is_stopped_and_released_from_their_page(shared_owner: Administrator) -> None:
    owner = shared_owner
    page = owner.page(PAGE, id="bob")
    owner.submit(page, "/admin/hold", reason="lost laptop")
    held = owner.page(PAGE, id="bob")
    assert "lost laptop" in held.text
    owner.submit(held, "/admin/hold/release", reason="found it")
    assert "lost laptop" not in owner.page(PAGE, id="bob").text.partition("History")[0]


def test_a_set_password_link_is_shown_once_and_recorded(
    shared_owner: Administrator, shared_site: Site
) -> None:
    owner, site = shared_owner, shared_site
    made = owner.submit(owner.page(PAGE, id="bob"), "/admin/person/link")

    assert made.status_code == 200
    assert "/password/set/" in made.text
    assert "/password/set/" not in owner.page(PAGE, id="bob").text
    assert site.last_event()["event"] == "password.link_made"


def test_signing_out_ends_every_session(shared_owner: Administrator, shared_site: Site) -> None:
    owner, site = shared_owner, shared_site
    with Administrator(site, Role.VIEWER, "bob") as bob:
        assert bob.get("/admin").status_code == 200
        done = owner.submit(owner.page(PAGE, id="bob"), "/admin/person/sign-out")
        assert done.headers["location"] == f"{PAGE}?id=bob&done=signed_out"
        assert bob.get("/admin").status_code == 303


def test_somebody_removed_is_gone(shared_owner: Administrator) -> None:
    owner = shared_owner
    add(owner, "dora8")
    removed = owner.agree(owner.submit(owner.page(PAGE, id="dora8"), "/admin/person/remove"))
    assert removed.headers["location"] == f"{LIST}?done=saved"
    assert owner.get(f"{PAGE}?id=dora8").status_code == 404


def test_the_last_owner_stays(shared_owner: Administrator) -> None:
    """Attack case 195."""
    refused = shared_owner.submit(shared_owner.page(PAGE, id="alice"), "/admin/person/remove")
    assert refused.status_code == 409
    assert "the last owner" in refused.text
    assert shared_owner.get(f"{PAGE}?id=alice").status_code == 200


def test_failed_attempts_are_counted_and_forgotten(shared_owner: Administrator, shared_site: Site) -> None:
    owner = shared_owner
    add(owner, "locked")
    assert not owner.has(owner.page(PAGE, id="locked"), "/admin/person/unlock")
    services = shared_site.services
    key = account_key(services.tenant, "locked")
    row = {"id": "failed", "tenant_id": services.tenant, "account": key.value}
    counted = {"failures": 7, "until": shared_site.clock.now + 600}
    shared_site.write(Upsert("throttle", {**row, **counted}))
    page = owner.page(PAGE, id="locked")
    assert "<dt>Failed attempts</dt><dd>7</dd>" in page.text
    done = owner.submit(page, "/admin/person/unlock")
    assert done.headers["location"] == f"{PAGE}?id=locked&done=unlocked"
    assert "<dt>Failed attempts</dt><dd>0</dd>" in owner.page(PAGE, id="locked").text


def test_people_join_a_group_and_leave_it(shared_owner: Administrator) -> None:
    owner = shared_owner
    make_group(owner, "team-9")
    joined = owner.agree(owner.submit(owner.page(GROUP, id="team-9"), MEMBER, username="bob"))
    assert joined.headers["location"] == f"{GROUP}?id=team-9&done=saved"
    inside = owner.page(GROUP, id="team-9")
    assert "bob" in inside.text
    assert "team-9" in owner.page(PAGE, id="bob").text
    assert "team-9</a>" in owner.page(GROUPS).text.replace("<bdi>", "").replace("</bdi>", "")
    assert owner.agree(owner.submit(inside, MEMBER)).status_code == 303
    assert "Nobody is in it" in owner.page(GROUP, id="team-9").text


def test_nobody_joins_by_a_name_that_nobody_has(shared_owner: Administrator) -> None:
    owner = shared_owner
    make_group(owner, "team-10")
    refused = owner.submit(owner.page(GROUP, id="team-10"), MEMBER, username="nobody")
    assert refused.status_code == 422
    assert 'id="username-problem"' in refused.text


def test_a_list_is_shown_as_what_it_changes_and_then_made(
    shared_owner: Administrator, shared_site: Site
) -> None:
    owner, site = shared_owner, shared_site
    make_group(owner, "team-11")
    head = "username,name,email,groups,attribute.chat_id"
    text = f"{head}\ndora11,Dora,dora11@acme.example,team-11,U7\nbob,,,team-11;,\n"
    looked = owner.submit(owner.page(IMPORT), IMPORT, list=text)
    assert looked.status_code == 200, looked.text
    assert "<strong>1</strong> new, <strong>1</strong> changed" in looked.text
    assert owner.get(f"{PAGE}?id=dora11").status_code == 404

    assert owner.submit(looked, IMPORT, reason="").status_code == 422
    made = owner.submit(looked, IMPORT, reason="the new team")

    assert made.headers["location"] == f"{LIST}?done=imported"
    assert "U7" in owner.page(PAGE, id="dora11").text
    assert "Bob Example" in owner.page(PAGE, id="bob").text
    assert {"dora11", "bob"} <= set(re.findall(r"id=(\w+)", owner.page(GROUP, id="team-11").text))
    assert site.last_event()["after"]["reason"] == "the new team"


def test_a_list_is_all_or_nothing_and_each_line_says_what_is_wrong(shared_owner: Administrator) -> None:
    owner = shared_owner
    wrong = {
        "username,shoe\ndora,41\n": "Line 1: there is no column &#39;shoe&#39;",
        "name\nDora\n": "a column username is missing",
        "username,username\na,b\n": "stands there twice",
        "username\ndora\ndora\n": "Line 2: dora stands there twice",
        "username,name\n,Dora\n": "Line 2: the user name is missing",
        "username\ndora,x\n": "Line 2: it has more cells",
        "username,email_verified\ndora,perhaps\n": "Line 2: email_verified is yes or no",
        "username,email\neve,eve@acme.example\ndora,nowhere\n": "Line 3: ",
        "username,groups\ndora,nobodies\n": "Line 2: ",
        "username,status\ndora,asleep\n": "Line 2: ",
        'username\n"dora\n': "This is no table",
        "username\n": "a line for each person",
        "": "a line for each person",
    }
    for text, said in wrong.items():
        refused = owner.submit(owner.page(IMPORT), IMPORT, list=text)
        assert refused.status_code == 422, text
        assert said in refused.text, (text, refused.text)
    assert owner.get(f"{PAGE}?id=eve").status_code == 404
    tabs = owner.submit(owner.page(IMPORT), IMPORT, list="username\tname\ndora\tDora, the first\n")
    assert "Dora, the first" in tabs.text


def test_a_list_that_somebody_was_quicker_than_is_looked_at_again(shared_owner: Administrator) -> None:
    """Attack case 193."""
    owner = shared_owner
    looked = owner.submit(owner.page(IMPORT), IMPORT, list="username,name\nbob,Robert\n")
    assert owner.agree(owner.submit(owner.page(EDIT, id="bob"), EDIT, name="Bobby")).status_code == 303
    late = owner.submit(looked, IMPORT, reason="names")
    assert late.status_code == 422
    assert "Somebody else has changed" in late.text
    assert "Bobby" in owner.page(PAGE, id="bob").text


def test_a_viewer_looks_and_changes_nobody(shared_owner: Administrator, shared_viewer: Administrator) -> None:
    """Attack case 191."""
    owner, viewer = shared_owner, shared_viewer
    make_group(owner, "seen")
    page, group = viewer.page(PAGE, id="alice"), viewer.page(GROUP, id="seen")
    for path in (EDIT, IMPORT, "/admin/group/edit"):
        assert viewer.get(path).status_code == 403
        assert owner.get(path).status_code == 200
    for action in ("/admin/person/link", "/admin/person/sign-out", "/admin/person/remove", "/admin/hold"):
        assert not viewer.has(page, action)
    assert not viewer.has(group, MEMBER)


def test_what_is_not_there_is_a_page_that_says_so(shared_owner: Administrator) -> None:
    owner = shared_owner
    assert owner.get(f"{PAGE}?id=nobody").status_code == 404
    assert owner.get(f"{GROUP}?id=nobodies").status_code == 404
    assert owner.get(f"{PAGE}?id=alice").status_code == 200
