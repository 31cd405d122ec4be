"""The last owner stays, whatever the host's commands are told by mistake; the kill switch is for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.deployment import Deployment, deployed
from tests.cli.test_admin import use


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    made = deployed(tmp_path)
    assert use(made, made.run("admin", "create", "alice").out)
    return made


def test_no_file_on_the_host_takes_the_last_owner_away(acme: Deployment) -> None:
    """Attack case 195: by `idjag apply`, which may run unattended; everything else of the file waits."""
    file = acme.folder / "people.yaml"
    file.write_text("version: 1\nusers:\n  - {username: alice, status: disabled}\n  - {username: newcomer}\n")
    for flags in ([], ["--dry-run"]):
        refused = acme.run("apply", "-f", str(file), *flags)
        assert (refused.code, "last owner" in refused.err) == (1, True)
    assert "newcomer" not in acme.run("users", "list").out
    file.write_text("version: 1\nusers:\n  - {username: newcomer}\n")
    assert acme.run("apply", "-f", str(file)).code == 0


def test_the_host_disables_everybody_but_the_last_owner_and_holds_even_them(acme: Deployment) -> None:
    """Attack case 195: what `disable` refuses, a hold does, and then a new owner can come to be."""
    refused = acme.run("users", "disable", "alice")
    assert (refused.code, "last owner" in refused.err) == (1, True)
    assert acme.run("users", "disable", "bob").code == 0
    assert acme.run("users", "enable", "bob").code == 0
    assert acme.run("hold", "user", "alice", "--reason", "the laptop is gone").code == 0
    assert use(acme, acme.run("admin", "create", "bob").out)
    assert acme.run("users", "disable", "alice").code == 0
