"""`idjag apps secret`: made, shown once, listed, retired; and what check says of those that travel badly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from idjag.idp.catalog.client_auth import basic_problem
from tests.cli.deployment import STATE, Deployment, deployed


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def secret(acme: Deployment, *words: str) -> Any:
    return acme.run("apps", "secret", *words)


def listed(acme: Deployment) -> list[dict[str, Any]]:
    said = secret(acme, "list", "wiki", "--json")
    assert said.code == 0
    return list(json.loads(said.out)["secrets"])


def test_a_secret_is_made_shown_once_and_listed_without_it(acme: Deployment) -> None:
    """CAU-15: with the overlap of the one that was there."""
    said = secret(acme, "new", "wiki", "--overlap", "2h", "--expires", "90d")
    assert (said.code, said.err) == (0, "")
    shown = re.search(r"secret of wiki, shown this once: ([A-Za-z0-9]{43})\n", said.out)
    assert shown is not None
    again = secret(acme, "list", "wiki")
    assert shown[1] not in again.out
    old, new = listed(acme)
    assert new["expires"] - new["created"] == 90 * 86_400
    assert old["expires"] - new["created"] == 2 * 3600
    assert [old["over"], new["over"]] == [False, False]
    assert again.out.count("counts until 2") == 2
    assert shown[1] not in json.dumps(acme.events())


def test_a_secret_is_retired_by_its_id(acme: Deployment) -> None:
    """CAU-15: once."""
    made = json.loads(secret(acme, "new", "wiki", "--json").out)
    assert set(made) == {"secret", "id", "created", "expires", "beside"}
    assert secret(acme, "retire", "wiki", made["id"]).out.endswith("is over\n")
    said = secret(acme, "retire", "wiki", made["id"])
    assert (said.code, said.out) == (1, "")
    assert "could be retired" in said.err
    assert [each["over"] for each in listed(acme)] == [False, True]
    assert [event["event"] for event in acme.events()][-2:] == ["app.updated"] * 2


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("new", "nothing"), 2, "unknown app: nothing"),
        (("new", "wiki", "--expires", "2001-01-01T00:00:00Z"), 2, "--expires has passed already"),
        (("new", "wiki", "--overlap", "soon"), 2, ""),
        (("retire", "wiki", "nothing"), 1, "no secret nothing"),
        (("retire", "wiki"), 2, ""),
        ((), 2, ""),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(
    acme: Deployment, words: tuple[str, ...], code: int, why: str
) -> None:
    """Contract section 2; nothing was changed."""
    said = secret(acme, *words)
    assert (said.code, said.out) == (code, "")
    assert why in said.err
    assert len(listed(acme)) == 1


def test_two_secrets_are_enough(acme: Deployment) -> None:
    """CAU-15."""
    assert secret(acme, "new", "wiki").code == 0
    said = secret(acme, "new", "wiki")
    assert (said.code, "two secrets already" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("text", "what", "found"),
    [
        ("plain-id_1.~", "client_id", None),
        ("a/b=c&d e@f", "secret", None),
        ("wiki:1", "client_id", ":"),
        ("pass:word", "secret", None),
        ("a+b", "secret", "+"),
        ("100%41", "secret", "%"),
    ],
)
def test_what_clients_send_wrong_in_a_header_is_known(text: str, what: str, found: str | None) -> None:
    """CAU-01: only where an encoded and a plain spelling differ for us."""
    said = basic_problem(text, what=what)
    assert said is None if found is None else f"the {what} has {found}," in str(said)


def test_check_warns_of_ids_and_secrets_that_travel_badly(acme: Deployment) -> None:
    """CAU-01: never the secret itself; one that is not to be had here is passed over."""
    path, kept = acme.folder / "state.yaml", acme.folder / "secret"
    text = STATE.replace("client_id: wiki-client", 'client_id: "wiki:1"').replace("f53f191f9311af35", "a+b")
    path.write_text(text.replace("env:WIKI_SECRET", f"file:{kept}"), encoding="utf-8")

    def warned() -> list[tuple[str, str]]:
        warnings = acme.run("check", "-f", str(path), "--json").json["warnings"]
        return [(one["noun"], one["message"]) for one in warnings if one["lint"] == "basic-encoding"]

    assert [noun for noun, _ in warned()] == ["app", "connection"]
    kept.write_text("a+secret%of+the+wiki\n", encoding="utf-8")
    kept.chmod(0o600)
    assert [noun for noun, _ in warned()] == ["app", "app", "connection"]
    assert not any("a+secret" in message for _, message in warned())
