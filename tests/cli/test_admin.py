"""`idjag admin`: the first owner's link, recovery, and ending an administrator, from the host."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from idjag.idp.administration.arrival import arrive, whose
from idjag.idp.app import open_store
from idjag.idp.audit import Source
from idjag.idp.passwords.setting import NewPassword
from idjag.idp.settings import Settings
from tests.cli.deployment import Deployment, deployed

OPERATOR = {"kind": "operator", "id": f"{os.getuid()}@{socket.gethostname()}"}
FIRST = "https://idp.acme.example/admin/first#"


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def use(acme: Deployment, link: str) -> bool:
    """What the page does when somebody sends a password."""
    environ = {"IDJAG_ISSUER": "https://idp.acme.example", "IDJAG_DATA_DIR": str(acme.folder / "data")}
    value = link.strip().removeprefix(FIRST)
    with open_store(Settings.load(environ)) as store:
        person = whose(store, value, now=store.clock())
        if person is None:
            return False
        source = Source(store.new_id(), store.clock(), "192.0.2.1", "Firefox")
        new = NewPassword("a-hash", store.new_id())
        return arrive(store, value, new, before=person, source=source) is not None


def test_the_first_owner_comes_by_a_link_that_is_printed_alone(acme: Deployment) -> None:
    """Attack case 197."""
    said = acme.run("admin", "create", "root", "--name", "Root", "--email", "root@acme.example")
    assert (said.code, said.out.startswith(FIRST), said.out.count("\n")) == (0, True, 1)
    assert said.err.startswith("idjag: for root (a new user); works once, until ")
    assert said.out.strip().removeprefix(FIRST) not in said.err + repr(acme.events())
    assert acme.run("admin", "list").out == ""
    event = acme.events()[-1]
    assert (event["event"], event["actor"]) == ("admin.link_made", OPERATOR)
    assert use(acme, said.out)
    assert not use(acme, said.out)
    assert acme.run("admin", "list").out.split()[:3] == ["root", "active", "owner"]


def test_a_second_owner_is_not_the_hosts_to_make(acme: Deployment) -> None:
    assert use(acme, acme.run("admin", "create", "alice").out)
    before = len(acme.events())
    for role in ("owner", "viewer"):
        said = acme.run("admin", "create", "bob", "--role", role)
        assert (said.code, said.out) == (1, "")
        assert "an owner exists" in said.err
        assert "idjag admin reset" in said.err
    assert len(acme.events()) == before


def test_what_cannot_be_a_user_is_said_with_its_option(acme: Deployment) -> None:
    assert acme.run("admin", "create", "two words").err.startswith("idjag: NAME: ")
    assert acme.run("admin", "create", "root", "--email", "no address").err.startswith("idjag: --email: ")
    assert acme.run("admin", "create", "carol").code == 1
    assert acme.run("admin", "create", "root", "--role", "operator").code == 2
    assert acme.run("admin", "reset", "nobody").code == 2
    assert acme.run("admin", "reset", "alice").code == 1
    assert acme.run("admin", "end", "alice").code == 1


def test_an_owner_who_lost_everything_comes_back_by_another_link(acme: Deployment) -> None:
    use(acme, acme.run("admin", "create", "alice").out)
    said = acme.run("admin", "reset", "alice")
    assert (said.code, said.out.startswith(FIRST)) == (0, True)
    assert [event["event"] for event in acme.events()[-2:]] == ["factor.reset", "admin.link_made"]
    assert acme.run("users", "show", "alice", "--json").json["password"] is False
    assert use(acme, said.out)
    assert acme.run("users", "show", "alice", "--json").json["password"] is True
    assert acme.run("admin", "list").out.split()[:3] == ["alice", "active", "owner"]


def test_the_operator_ends_anybody_but_the_last_owner(acme: Deployment) -> None:
    """Attack case 195."""
    use(acme, acme.run("admin", "create", "bob", "--role", "viewer").out)
    use(acme, acme.run("admin", "create", "alice").out)
    said = acme.run("admin", "end", "alice")
    assert (said.code, "last owner" in said.err) == (1, True)
    assert acme.run("admin", "end", "bob").code == 0
    assert acme.events()[-1]["event"] == "admin.deleted"
    assert [line.split()[0] for line in acme.run("admin", "list").out.splitlines()] == ["alice"]


def test_the_first_command_of_all_may_be_this_one(tmp_path: Path) -> None:
    fresh = Deployment(tmp_path)
    said = fresh.run("admin", "create", "root")
    assert (said.code, said.out.startswith(FIRST)) == (0, True)
