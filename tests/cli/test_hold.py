"""`idjag hold` and `idjag release`: effective at once, audited, and untouched by apply."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.cli.deployment import STATE, Deployment, deployed

QUESTION = (
    "ask",
    "--user",
    "alice",
    "--from",
    "wiki",
    "--to",
    "chat",
    "--scope",
    "chat.read",
    "--amr",
    "pwd",
)
NOTES = ("ask", "--user", "alice", "--from", "notes", "--to", "chat", "--scope", "chat.read")
OPERATOR = {"kind": "operator", "id": f"{os.getuid()}@{socket.gethostname()}"}

TARGETS = [
    pytest.param(("user", "alice"), "alice", (1, 1), id="user"),
    pytest.param(("user", "alice", "--app", "wiki"), "alice in Wiki", (1, 0), id="user in app"),
    pytest.param(("app", "wiki"), "Wiki", (1, 0), id="app"),
    pytest.param(("connection", "wiki-chat"), "the connection wiki-chat", (1, 0), id="connection"),
    pytest.param(("resource-app", "chat"), "Chat", (1, 1), id="resource app"),
]


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def events(acme: Deployment, name: str) -> list[dict[str, Any]]:
    """The audit events of one name."""
    return [event for event in acme.events() if event["event"] == name]


@pytest.mark.parametrize(("target", "words", "codes"), TARGETS)
def test_a_hold_is_effective_for_the_next_question_until_it_is_released(
    acme: Deployment, target: tuple[str, ...], words: str, codes: tuple[int, int]
) -> None:
    """Contract section 4: five kinds; each stops what it is on and nothing else."""
    assert (acme.run(*QUESTION).code, acme.run(*NOTES).code) == (0, 0)
    said = acme.run("hold", *target, "--reason", "stolen laptop")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"held: {words} is stopped by operator {OPERATOR['id']} since 2")
    assert said.out.endswith("UTC until released: stolen laptop\n")
    assert (acme.run(*QUESTION).code, acme.run(*NOTES).code) == codes
    said = acme.run("release", *target, "--reason", "laptop found")
    assert said.code == 0
    assert said.out.startswith(f"released: {words} is stopped by")
    assert (acme.run(*QUESTION).code, acme.run(*NOTES).code) == (0, 0)


@pytest.mark.parametrize(("target", "words", "codes"), TARGETS)
def test_placing_and_releasing_are_audited(
    acme: Deployment, target: tuple[str, ...], words: str, codes: tuple[int, int]
) -> None:
    """Contract section 9: who, what, when and why; the words stand where they can be erased."""
    acme.run("hold", *target, "--reason", "stolen laptop")
    acme.run("release", *target, "--reason", "laptop found")
    (placed,), (released,) = events(acme, "hold.placed"), events(acme, "hold.released")
    assert placed["actor"] == released["actor"] == OPERATOR
    assert placed["reason"] is released["reason"] is None
    after = placed["after"]
    assert (after["key"], after["reason"]) == (target[1], "stolen laptop")
    assert after["by"] == f"operator {OPERATOR['id']}"
    assert after.get("app") == ("wiki" if "--app" in target else None)
    assert "until" not in after
    assert released["before"] == after
    assert released["after"] == {"row": after["row"], "reason": "laptop found"}
    about = [name for name in ("subject", "requesting_app", "resource_app") if placed[name]]
    expected = {
        "user": ["subject"],
        "app": ["requesting_app"],
        "connection": ["requesting_app", "resource_app"],
        "resource-app": ["resource_app"],
    }[target[0]]
    assert about == (["subject", "requesting_app"] if "--app" in target else expected)
    assert [released[name] for name in about] == [placed[name] for name in about]
    assert acme.run("audit", "verify").out == "verified\n"


def test_an_applied_file_never_resumes_what_was_stopped(acme: Deployment) -> None:
    """Contract section 4: the file knows nothing of holds."""
    acme.run("hold", "app", "wiki", "--reason", "stolen secret")
    assert acme.apply(STATE + "  - {id: more, who: {groups: [contractors]}}\n").code == 0
    assert acme.apply(STATE, "--prune").code == 0
    assert acme.run(*QUESTION).code == 1


def test_a_hold_may_end_by_itself(acme: Deployment) -> None:
    said = acme.run("hold", "app", "wiki", "--reason", "maintenance", "--until", "2h", "--json")
    (hold,) = said.json["holds"]
    assert hold["until"] - hold["since"] == 7200
    assert acme.run(*QUESTION).code == 1
    (placed,) = events(acme, "hold.placed")
    assert placed["after"]["until"] == hold["until"]
    fixed = acme.run("hold", "app", "notes", "--reason", "x", "--until", "2999-01-01T00:00:00Z")
    assert "until 2999-01-01 00:00 UTC: x" in fixed.out
    at = "2999-01-01T00:00:00Z"
    assert acme.run(*QUESTION, "--at", at).code == 0
    assert acme.run(*NOTES, "--at", at).code == 0


def test_holds_on_one_target_stand_beside_each_other(acme: Deployment) -> None:
    """A second hold that ends soon must not shorten the first."""
    acme.run("hold", "user", "alice", "--reason", "for good")
    acme.run("hold", "user", "alice", "--reason", "for an hour", "--until", "1h")
    acme.run("hold", "user", "alice", "--reason", "there alone", "--app", "wiki")
    assert acme.run(*QUESTION, "--at", "2999-01-01T00:00:00Z").code == 1
    said = acme.run("release", "user", "alice", "--reason", "over", "--json")
    assert sorted(hold["reason"] for hold in said.json["holds"]) == ["for an hour", "for good"]
    assert len(events(acme, "hold.released")) == 2
    assert (acme.run(*QUESTION).code, acme.run(*NOTES).code) == (1, 0)


def test_releasing_what_is_not_held_is_exit_1_and_records_nothing(acme: Deployment) -> None:
    before = acme.events()
    said = acme.run("release", "app", "wiki", "--reason", "x")
    assert (said.code, said.out) == (1, "nothing to release: no hold on app wiki\n")
    assert acme.run("release", "app", "wiki", "--reason", "x", "--json").json == {"holds": []}
    assert acme.events() == before


def test_the_answer_for_scripts(acme: Deployment) -> None:
    said = acme.run("hold", "user", "alice", "--app", "wiki", "--reason", "stolen laptop", "--json")
    (hold,) = json.loads(said.out)["holds"]
    del hold["id"], hold["since"]
    assert hold == {
        "kind": "user-in-app",
        "key": "alice",
        "app": "wiki",
        "reason": "stolen laptop",
        "by": f"operator {OPERATOR['id']}",
        "until": None,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "mallory", "--reason", "x"), "unknown user: mallory"),
        (("user", "alice", "--app", "gone", "--reason", "x"), "unknown app: gone"),
        (("app", "gone", "--reason", "x"), "unknown app: gone"),
        (("connection", "gone", "--reason", "x"), "unknown connection: gone"),
        (("resource-app", "gone", "--reason", "x"), "unknown resource app: gone"),
        (
            ("app", "wiki", "--app", "wiki", "--reason", "x"),
            "--app is for a user: the app in which that person is held",
        ),
        (("app", "wiki", "--reason", " "), "--reason: 1 to 500 visible characters on one line"),
        (("app", "wiki", "--reason", "x" * 501), "--reason: 1 to 500 visible characters on one line"),
        (("app", "wiki", "--reason", "a\nb"), "--reason: 1 to 500 visible characters on one line"),
        (
            ("app", "wiki", "--reason", "x", "--until", "2020-01-01T00:00:00Z"),
            "--until has passed already",
        ),
    ],
)
def test_what_cannot_be_held_is_exit_2_in_one_line(
    acme: Deployment, arguments: tuple[str, ...], message: str
) -> None:
    before = acme.events()
    said = acme.run("hold", *arguments)
    assert (said.code, said.out, said.err) == (2, "", f"idjag: {message}\n")
    assert acme.events() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hold", "group", "engineering", "--reason", "x"), "invalid choice: 'group'"),
        (("hold", "app", "wiki"), "the following arguments are required: --reason"),
        (("release", "app", "wiki"), "the following arguments are required: --reason"),
        (("release", "app", "wiki", "--reason", "x", "--until", "2h"), "unrecognized arguments: --until 2h"),
        (("hold", "app", "wiki", "--reason", "x", "--until", "soon"), "a time is written like"),
        (("hold", "app", "wiki", "--reason", "x", "--until", "xs"), "a duration is a whole number"),
    ],
)
def test_wrong_use_is_exit_2_in_one_line(
    acme: Deployment, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert acme.run(*arguments).code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("idjag: ")
    assert message in line
    assert line.endswith(" --help")
